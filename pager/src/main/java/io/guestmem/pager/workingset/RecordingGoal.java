package io.guestmem.pager.workingset;

import java.nio.file.Path;
import java.time.Duration;

/**
 * Where a recording is written when it has ended, and what ends it beside the VM.
 *
 * @param file of the working set
 * @param settle ends it when for so long nothing new was touched; zero for never
 * @param limit ends it so long after it began; zero for never
 */
public record RecordingGoal(Path file, Duration settle, Duration limit) {
    /** Nowhere, and nothing. */
    static final RecordingGoal NONE = new RecordingGoal(Path.of(""), Duration.ZERO, Duration.ZERO);
}
