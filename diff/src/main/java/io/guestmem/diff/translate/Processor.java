package io.guestmem.diff.translate;

import io.guestmem.abi.Kernel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;

/**
 * Who walks for a guest that runs.
 *
 * @param deviations what it does otherwise than the manuals say
 * @param returnsToUser whether its 32-bit code can get to user mode: kvm_pvm emulates the supervisor, without IRET of 32 bits
 */
record Processor(Set<KnownDeviation> deviations, boolean returnsToUser) {
    private static final Path CPUINFO = Path.of("/proc/cpuinfo");
    private static final String TCG = "QEMU TCG CPU";
    private static final Path PVM = Path.of("/sys/module/kvm_pvm");

    /** Copies the set. */
    Processor {
        deviations = Set.copyOf(deviations);
    }

    /** The processor that a kernel's guests run on. */
    static Processor of(Kernel kernel) {
        if (!kernel.name().equals("linux")) {
            return new Processor(Set.of(), true);
        }
        if (Files.isDirectory(PVM)) {
            return new Processor(Set.of(KnownDeviation.ADDRESSES_OF_THE_SWITCHER), false);
        }
        return new Processor(
                isTcg() ? EnumSet.complementOf(EnumSet.of(KnownDeviation.ADDRESSES_OF_THE_SWITCHER)) : Set.of(),
                true);
    }

    private static boolean isTcg() {
        try {
            return Files.readString(CPUINFO).contains(TCG);
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot read " + CPUINFO, failed);
        }
    }
}
