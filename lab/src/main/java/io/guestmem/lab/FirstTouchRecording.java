package io.guestmem.lab;

import java.util.BitSet;
import java.util.List;

/**
 * In which order a kernel touched its memory for the first time while it booted. Immutable but for its bit sets, which nobody may
 * change.
 *
 * @param kernelRelease the release of the kernel, such as {@code 6.12.107+deb13-cloud-amd64}
 * @param memoryBytes memory of the machine
 * @param loaded the pages that were in memory when the kernel's first instruction ran: written by firmware and VMM; bit n is gfn n
 * @param samples what was new at each look; none is empty, no page is in two
 */
public record FirstTouchRecording(String kernelRelease, long memoryBytes, BitSet loaded, List<Sample> samples) {
    /** Bytes of a page. */
    public static final int PAGE_SIZE = 4096;

    /**
     * The largest memory that can be recorded: 2 GiB. From 2.75 GiB on QEMU puts a part above 4 GiB (7.2 {@code pc_q35.c:pc_q35_init}),
     * and then the place in its file is not the address.
     */
    public static final long MOST_MEMORY = 2L << 30;

    /** Copies the list. */
    public FirstTouchRecording {
        samples = List.copyOf(samples);
    }

    /**
     * One look.
     *
     * @param micros microseconds since the kernel's first instruction, when the look was over
     * @param pages those that no earlier look saw; bit n is gfn n
     */
    public record Sample(long micros, BitSet pages) {}
}
