package io.guestmem.conform;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.KvmIoctl;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What {@code CPUID} tells a guest, as the kernel takes it.
 *
 * @param struct a {@code kvm_cpuid2} with room for more entries
 */
record CpuidTable(MemorySegment struct) {
    private static final int ROOM = 512;
    private static final int VENDOR_AMD_EBX = 0x6874_7541;
    private static final int VENDOR_AMD_EDX = 0x6974_6E65;
    private static final int VENDOR_AMD_ECX = 0x444D_4163;
    private static final int VENDOR_INTEL_EBX = 0x756E_6547;
    private static final int VENDOR_INTEL_EDX = 0x4965_6E69;
    private static final int VENDOR_INTEL_ECX = 0x6C65_746E;

    /** {@code KVM_GET_SUPPORTED_CPUID}, which must work. */
    static CpuidTable supported(Trial t) {
        MemorySegment struct = t.struct(CpuidLayout.ENTRIES + (long) ROOM * CpuidLayout.ENTRY.size());
        struct.set(ValueLayout.JAVA_INT, CpuidLayout.NENT, ROOM);
        t.must("KVM_GET_SUPPORTED_CPUID", Trial.request(t.system(), KvmIoctl.GET_SUPPORTED_CPUID, struct));
        return new CpuidTable(struct);
    }

    /**
     * One entry.
     *
     * @param struct a {@code kvm_cpuid_entry2}
     */
    record Leaf(MemorySegment struct) {
        int eax() {
            return struct.get(ValueLayout.JAVA_INT, CpuidLayout.ENTRY_EAX);
        }

        int ebx() {
            return struct.get(ValueLayout.JAVA_INT, CpuidLayout.ENTRY_EBX);
        }

        int ecx() {
            return struct.get(ValueLayout.JAVA_INT, CpuidLayout.ENTRY_ECX);
        }

        int edx() {
            return struct.get(ValueLayout.JAVA_INT, CpuidLayout.ENTRY_EDX);
        }

        void set(int field, int value) {
            struct.set(ValueLayout.JAVA_INT, field, value);
        }
    }

    private int count() {
        return struct.get(ValueLayout.JAVA_INT, CpuidLayout.NENT);
    }

    private Leaf at(int position) {
        long offset = CpuidLayout.ENTRIES + (long) position * CpuidLayout.ENTRY.size();
        return new Leaf(struct.asSlice(offset, CpuidLayout.ENTRY.size()));
    }

    /** An entry; made, with zeroes, if it is not there. */
    Leaf leaf(int function, int index) {
        for (int i = 0; i < count(); i++) {
            Leaf leaf = at(i);
            if (leaf.struct.get(ValueLayout.JAVA_INT, CpuidLayout.ENTRY_FUNCTION) == function
                    && leaf.struct.get(ValueLayout.JAVA_INT, CpuidLayout.ENTRY_INDEX) == index) {
                return leaf;
            }
        }
        Leaf leaf = at(count());
        leaf.set(CpuidLayout.ENTRY_FUNCTION, function);
        leaf.set(CpuidLayout.ENTRY_INDEX, index);
        struct.set(ValueLayout.JAVA_INT, CpuidLayout.NENT, count() + 1);
        return leaf;
    }

    /** Sets or clears bits of a register of a leaf: the field is one of {@link CpuidLayout}. */
    CpuidTable with(int function, int index, int field, int bits, boolean set) {
        Leaf leaf = leaf(function, index);
        int before = leaf.struct.get(ValueLayout.JAVA_INT, field);
        leaf.set(field, set ? before | bits : before & ~bits);
        return this;
    }

    /** {@code AuthenticAMD} or {@code GenuineIntel}. */
    CpuidTable withVendor(boolean amd) {
        Leaf leaf = leaf(0, 0);
        leaf.set(CpuidLayout.ENTRY_EBX, amd ? VENDOR_AMD_EBX : VENDOR_INTEL_EBX);
        leaf.set(CpuidLayout.ENTRY_EDX, amd ? VENDOR_AMD_EDX : VENDOR_INTEL_EDX);
        leaf.set(CpuidLayout.ENTRY_ECX, amd ? VENDOR_AMD_ECX : VENDOR_INTEL_ECX);
        return this;
    }

    /** The width of physical addresses that the guest is told. */
    CpuidTable withPhysicalBits(int bits) {
        Leaf leaf = leaf(0x8000_0008, 0);
        leaf.set(CpuidLayout.ENTRY_EAX, (leaf.eax() & ~0xFF) | bits);
        return this;
    }
}
