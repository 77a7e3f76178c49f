package io.guestmem.vmm.demo;

import io.guestmem.vmm.trace.FirstTouchTrace;
import java.nio.file.Path;

/** What a demonstration is about. */
public sealed interface DemoSubject {
    /**
     * Guest memory is a file, and the guest reads all of it.
     *
     * @param file cut, or padded with zeroes
     */
    record Image(Path file) implements DemoSubject {}

    /**
     * The guest touches memory as a kernel did when it booted.
     *
     * @param trace of that boot
     * @param hugePages whether the host's memory may have pages of 2 MiB
     */
    record Boot(FirstTouchTrace trace, boolean hugePages) implements DemoSubject {}
}
