package io.guestmem.soft.cpu;

import io.guestmem.abi.CpuidLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a guest's CPUID says. Immutable.
 *
 * @param entries in the order of {@code KVM_SET_CPUID2}
 */
record Cpuid(List<Entry> entries) {
    /** Before {@code KVM_SET_CPUID2}: nothing. */
    static final Cpuid NONE = new Cpuid(List.of());

    /** The most entries that KVM takes. Source: Linux 7.2 {@code kvm_host.h:KVM_MAX_CPUID_ENTRIES}. */
    static final int MOST_ENTRIES = 256;

    /** All of them, so that nobody copies the array. */
    static final List<Feature> FEATURES = List.of(Feature.values());

    private static final int EXTENDED = 0x8000_0000;
    private static final int ADDRESS_SIZES = 0x8000_0008;
    private static final int NO_ADDRESS_SIZES = 36;

    Cpuid {
        entries = List.copyOf(entries);
    }

    /** One leaf, or one of its subleaves. */
    record Entry(int function, int index, int flags, int eax, int ebx, int ecx, int edx) {
        static Entry leaf(int function, int eax, int ebx, int ecx, int edx) {
            return new Entry(function, 0, 0, eax, ebx, ecx, edx);
        }

        static Entry subleaf(int function, int index, int eax, int ebx, int ecx, int edx) {
            return new Entry(function, index, CpuidLayout.SIGNIFICANT_INDEX, eax, ebx, ecx, edx);
        }

        static Entry read(MemorySegment from, long at) {
            return new Entry(
                    from.get(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_FUNCTION),
                    from.get(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_INDEX),
                    from.get(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_FLAGS),
                    from.get(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_EAX),
                    from.get(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_EBX),
                    from.get(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_ECX),
                    from.get(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_EDX));
        }

        void write(MemorySegment to, long at) {
            to.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_FUNCTION, function);
            to.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_INDEX, index);
            to.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_FLAGS, flags);
            to.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_EAX, eax);
            to.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_EBX, ebx);
            to.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_ECX, ecx);
            to.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_EDX, edx);
        }

        int register(Output output) {
            return switch (output) {
                case EAX -> eax;
                case EBX -> ebx;
                case ECX -> ecx;
                case EDX -> edx;
            };
        }
    }

    /** A register of the answer. */
    enum Output {
        EAX,
        EBX,
        ECX,
        EDX
    }

    /** Features that rules ask for: where they are, and the bit of CR4 that they allow. */
    enum Feature {
        LONG_MODE(0x8000_0001, Output.EDX, 29, 0),
        NO_EXECUTE(0x8000_0001, Output.EDX, 20, 0),
        FFXSR(0x8000_0001, Output.EDX, 25, 0),
        X2APIC(1, Output.ECX, 21, 0),
        PCID(1, Output.ECX, 17, ControlBits.CR4_PCIDE),
        XSAVE(1, Output.ECX, 26, ControlBits.CR4_OSXSAVE),
        VMX(1, Output.ECX, 5, ControlBits.CR4_VMXE),
        FSGSBASE(7, Output.EBX, 0, ControlBits.CR4_FSGSBASE),
        SMEP(7, Output.EBX, 7, ControlBits.CR4_SMEP),
        SMAP(7, Output.EBX, 20, ControlBits.CR4_SMAP),
        UMIP(7, Output.ECX, 2, ControlBits.CR4_UMIP),
        PKU(7, Output.ECX, 3, ControlBits.CR4_PKE),
        LA57(7, Output.ECX, 16, ControlBits.CR4_LA57),
        SHADOW_STACK(7, Output.ECX, 7, ControlBits.CR4_CET),
        INDIRECT_BRANCH_TRACKING(7, Output.EDX, 20, ControlBits.CR4_CET),
        /** In subleaf 1 of leaf 7. */
        LAM(7, Output.EAX, 26, ControlBits.CR4_LAM_SUP);

        private final int function;
        private final Output output;
        private final int bit;
        private final long cr4;

        Feature(int function, Output output, int bit, long cr4) {
            this.function = function;
            this.output = output;
            this.bit = bit;
            this.cr4 = cr4;
        }

        long cr4() {
            return cr4;
        }

        int index() {
            return this == LAM ? 1 : 0;
        }
    }

    /** Reads entries that lie one after the other. */
    static Cpuid read(MemorySegment entries, int count) {
        List<Entry> read = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            read.add(Entry.read(entries, (long) i * CpuidLayout.ENTRY.size()));
        }
        return new Cpuid(read);
    }

    /** The entry for a leaf and subleaf, if there is one. */
    @Nullable
    Entry find(int function, int index) {
        for (Entry entry : entries) {
            boolean indexed = (entry.flags() & CpuidLayout.SIGNIFICANT_INDEX) != 0;
            if (entry.function() == function && (!indexed || entry.index() == index)) {
                return entry;
            }
        }
        return null;
    }

    boolean has(Feature feature) {
        Entry entry = find(feature.function, feature.index());
        return entry != null && (entry.register(feature.output) >>> feature.bit & 1) != 0;
    }

    /** MAXPHYADDR: 36 if nothing is said. Source: Linux 7.2 {@code cpuid.c:cpuid_query_maxphyaddr}. */
    int physicalAddressBits() {
        Entry extended = find(EXTENDED, 0);
        if (extended == null || Integer.compareUnsigned(extended.eax(), ADDRESS_SIZES) < 0) {
            return NO_ADDRESS_SIZES;
        }
        Entry sizes = find(ADDRESS_SIZES, 0);
        return sizes == null ? NO_ADDRESS_SIZES : sizes.eax() & 0xFF;
    }

    /** Whether linear addresses have a width that KVM knows. Source: Linux 7.2 {@code cpuid.c:kvm_check_cpuid}. */
    boolean hasUsualLinearAddresses() {
        Entry sizes = find(ADDRESS_SIZES, 0);
        int bits = sizes == null ? 0 : sizes.eax() >>> 8 & 0xFF;
        return bits == 0 || bits == 48 || bits == 57;
    }

    /** Whether the vendor is AMD or Hygon. */
    boolean isAmdCompatible() {
        Entry vendor = find(0, 0);
        return vendor != null && (isVendor(vendor, Vendor.AMD.id()) || isVendor(vendor, "HygonGenuine"));
    }

    private static boolean isVendor(Entry entry, String id) {
        return entry.ebx() == word(id, 0) && entry.edx() == word(id, 4) && entry.ecx() == word(id, 8);
    }

    /** Four letters as CPUID returns them. */
    static int word(String text, int at) {
        return text.charAt(at) | text.charAt(at + 1) << 8 | text.charAt(at + 2) << 16 | text.charAt(at + 3) << 24;
    }

    /** What the processor says of itself, for rdx after INIT. */
    long signature() {
        Entry version = find(1, 0);
        return version == null ? 0x600 : Integer.toUnsignedLong(version.eax());
    }
}
