package io.guestmem.diff.translate;

import io.guestmem.paging.Access;
import io.guestmem.paging.PagingFeatures;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.Walker;
import java.util.Locale;
import java.util.OptionalInt;

/** What a processor does otherwise than the architecture's manuals say, exactly: it is expected of that processor, and nothing else. */
public enum KnownDeviation {
    /** Pages of 4 MiB. */
    PSE36_WITH_36_BITS(
            "KVM's own walk, and so the software kernel's processor, gives a page of 4 MiB four high address bits, however wide"
                    + " addresses are, and reserves bits 21:17.",
            "Linux 7.2 arch/x86/kvm/mmu/mmu.c:reset_guest_rsvds_bits_mask, paging_tmpl.h:pse36_gfn_delta") {
        @Override
        PagingFeatures features(PagingFeatures of, PagingMode mode) {
            return mode == PagingMode.BITS_32
                    ? new PagingFeatures(
                            of.maxPhysicalAddressBits(),
                            of.amdCompatible(),
                            of.gigabytePages(),
                            PagingFeatures.KVM_PSE36_BITS)
                    : of;
        }
    },

    /** Bit 8 of the upper levels. */
    GLOBAL_IN_UPPER_LEVELS(
            "Bit 8 of an entry of PML4 or PML5 is ignored, also where the vendor is AMD.", Constants.TCG) {
        @Override
        PagingFeatures features(PagingFeatures of, PagingMode mode) {
            return mode.isLong()
                    ? new PagingFeatures(of.maxPhysicalAddressBits(), false, of.gigabytePages(), of.pse36Bits())
                    : of;
        }
    },

    /** Reserved bits. */
    RESERVED_WITHOUT_PRESENT("The error code of a reserved bit has RSVD without P.", Constants.TCG) {
        @Override
        int errorCode(int code) {
            return (code & RSVD) != 0 ? code & ~P : code;
        }
    },

    /** The registers of PAE paging. */
    ACCESSED_IN_PDPTE(
            "PAE paging sets bit 5 in memory where its four registers come from, as if it were an accessed bit.",
            Constants.TCG),

    /** Pages of 1 GiB. */
    ACCESSED_IN_REFUSED_GIBIBYTE(
            "The accessed bit of a leaf of 1 GiB is set even if the access is refused or one of bits 29:13 is set.",
            Constants.TCG) {
        @Override
        boolean setsAccessed(Walker.Step refused, PagingState state) {
            long noExecute = (state.efer() & NXE) != 0 ? 0 : RandomTables.NO_EXECUTE;
            long addresses = -1L << state.features().maxPhysicalAddressBits() & ADDRESS;
            return state.mode().isLong()
                    && refused.level() == GIBIBYTE_LEVEL
                    && (refused.value() & (RandomTables.PRESENT | RandomTables.LARGE | noExecute | addresses))
                            == (RandomTables.PRESENT | RandomTables.LARGE);
        }
    },

    /** SMAP and accesses of the processor itself. */
    AC_EXCUSES_IMPLICIT(
            "RFLAGS.AC excuses an implicit access of the supervisor's code from SMAP, too.",
            "QEMU 7.2 target/i386/cpu.h:cpu_mmu_index_kernel") {
        @Override
        int access(int access, boolean user) {
            return user ? access : access & ~Access.IMPLICIT;
        }
    },

    /** Addresses that belong to the hypervisor. */
    ADDRESSES_OF_THE_SWITCHER(
            "The user cannot have the 512 GiB from 0xffff800000000000 on, which kvm_pvm keeps for its own code: not present, and I/D is"
                    + " the host's.",
            "kvm_pvm is not in Linux") {
        @Override
        OptionalInt unreachable(long linear, int access) {
            if (linear >>> SWITCHER_SHIFT != SWITCHER || (access & Access.USER) == 0) {
                return OptionalInt.empty();
            }
            return OptionalInt.of(
                    U | ((access & Access.WRITE) != 0 ? W : 0) | ((access & Access.EXECUTE) != 0 ? FETCH : 0));
        }
    };

    private static final int P = 1;
    private static final int W = 1 << 1;
    private static final int U = 1 << 2;
    private static final int RSVD = 1 << 3;
    private static final int FETCH = 1 << 4;
    private static final int SWITCHER_SHIFT = 39;
    private static final long SWITCHER = 0xFFFF_8000_0000_0000L >>> SWITCHER_SHIFT;
    private static final int GIBIBYTE_LEVEL = 3;
    private static final long ADDRESS = (1L << 52) - 1;
    private static final long NXE = 1 << 11;

    /** Constants of an enum cannot use its own. */
    private static final class Constants {
        static final String TCG = "QEMU 7.2 target/i386/tcg/sysemu/excp_helper.c:mmu_translate";
    }

    private final String text;
    private final String source;

    KnownDeviation(String text, String source) {
        this.text = text;
        this.source = source;
    }

    /** The features by which somebody with these deviations walks. */
    static PagingFeatures features(Iterable<KnownDeviation> deviations, PagingFeatures of, PagingMode mode) {
        PagingFeatures features = of;
        for (KnownDeviation each : deviations) {
            features = each.features(features, mode);
        }
        return features;
    }

    /** The features by which this processor walks. */
    PagingFeatures features(PagingFeatures of, PagingMode mode) {
        return of;
    }

    /** The bits of {@link Access} by which this processor walks. */
    int access(int access, boolean user) {
        return access;
    }

    /** The error code that this processor delivers. */
    int errorCode(int code) {
        return code;
    }

    /** Whether it sets the accessed bit of the entry that refuses. */
    boolean setsAccessed(Walker.Step refused, PagingState state) {
        return false;
    }

    /** The error code with which an address is refused whatever the tables say; empty if it is not. */
    OptionalInt unreachable(long linear, int access) {
        return OptionalInt.empty();
    }

    /** Its name in docs/translate.md. */
    public String id() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** What it does. */
    public String text() {
        return text;
    }

    /** Where its source says so. */
    public String source() {
        return source;
    }
}
