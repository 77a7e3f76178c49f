package io.guestmem.pager;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * What a server does with working sets.
 *
 * @param replay a file whose pages are installed in every VM before they are asked for
 * @param sample of so many pages of it one is held back, to learn how many of the others are used; 0 for none
 * @param record where what the first VM touches is written; for VM <i>n</i> a dot and <i>n</i> are appended
 * @param settle a recording ends when for so long nothing new was touched; zero for never
 * @param limit a recording ends so long after its VM was attached; zero for never
 */
public record WorkingSetOptions(
        Optional<Path> replay, int sample, Optional<Path> record, Duration settle, Duration limit) {
    /** Of so many pages one is held back, if nothing else is said. */
    public static final int SAMPLE = 64;

    /** Neither. */
    public static final WorkingSetOptions NONE =
            new WorkingSetOptions(Optional.empty(), SAMPLE, Optional.empty(), Duration.ZERO, Duration.ZERO);

    /** Checks the ranges. */
    public WorkingSetOptions {
        if (sample < 0 || settle.isNegative() || limit.isNegative()) {
            throw new IllegalArgumentException("negative: " + sample + ", " + settle + ", " + limit);
        }
    }

    /** The same with a set that is installed. */
    public WorkingSetOptions replaying(Path file, int oneOf) {
        return new WorkingSetOptions(Optional.of(file), oneOf, record, settle, limit);
    }

    /** The same with a recording. */
    public WorkingSetOptions recording(Path file, Duration quiet, Duration longest) {
        return new WorkingSetOptions(replay, sample, Optional.of(file), quiet, longest);
    }

    /** Where the recording of a VM goes. */
    Path file(Path first, int vm) {
        return vm == 1 ? first : first.resolveSibling(first.getFileName() + "." + vm);
    }
}
