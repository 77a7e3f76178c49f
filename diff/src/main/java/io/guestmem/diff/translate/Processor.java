package io.guestmem.diff.translate;

import static io.guestmem.diff.translate.KnownDeviation.ACCESSED_IN_PDPTE;
import static io.guestmem.diff.translate.KnownDeviation.ACCESSED_IN_REFUSED_GIBIBYTE;
import static io.guestmem.diff.translate.KnownDeviation.AC_EXCUSES_IMPLICIT;
import static io.guestmem.diff.translate.KnownDeviation.ADDRESSES_OF_THE_SWITCHER;
import static io.guestmem.diff.translate.KnownDeviation.GLOBAL_IN_UPPER_LEVELS;
import static io.guestmem.diff.translate.KnownDeviation.PSE36_WITH_36_BITS;
import static io.guestmem.diff.translate.KnownDeviation.RESERVED_WITHOUT_PRESENT;

import io.guestmem.abi.Kernel;
import io.guestmem.paging.PagingMode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/**
 * Who walks for a guest that runs.
 *
 * @param deviations what it does otherwise than the manuals say
 * @param pvm whether it is kvm_pvm's: the supervisor is emulated, without IRET of 32 bits, and the user has the host's local
 *     descriptor table
 */
record Processor(Set<KnownDeviation> deviations, boolean pvm) {
    /** Of KVM's walk in software. */
    static final Set<KnownDeviation> KVM = Set.of(PSE36_WITH_36_BITS);

    private static final Set<KnownDeviation> TCG = Set.of(
            GLOBAL_IN_UPPER_LEVELS,
            RESERVED_WITHOUT_PRESENT,
            ACCESSED_IN_PDPTE,
            ACCESSED_IN_REFUSED_GIBIBYTE,
            AC_EXCUSES_IMPLICIT);
    private static final Path CPUINFO = Path.of("/proc/cpuinfo");
    private static final String TCG_MODEL = "QEMU TCG CPU";
    private static final Path PVM = Path.of("/sys/module/kvm_pvm");

    /** Copies the set. */
    Processor {
        deviations = Set.copyOf(deviations);
    }

    /** The processor that a kernel's guests run on. */
    static Processor of(Kernel kernel) {
        if (!kernel.name().equals("linux")) {
            return new Processor(KVM, false);
        }
        if (Files.isDirectory(PVM)) {
            return new Processor(Set.of(PSE36_WITH_36_BITS, ADDRESSES_OF_THE_SWITCHER), true);
        }
        return new Processor(isTcg() ? TCG : Set.of(), false);
    }

    /** Whether its user can be asked for an access. */
    boolean hasUser(AccessKind kind, PagingMode mode) {
        return !pvm || (mode.isLong() && kind != AccessKind.SEGMENT_LOAD);
    }

    /** The bits of an access by which it walks. */
    int access(AccessCase question) {
        int access = question.access();
        for (KnownDeviation each : deviations) {
            access = each.access(access, question.user());
        }
        return access;
    }

    private static boolean isTcg() {
        try {
            return Files.readString(CPUINFO).contains(TCG_MODEL);
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot read " + CPUINFO, failed);
        }
    }
}
