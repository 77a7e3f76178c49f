package io.guestmem.kvm;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What {@code CPUID} tells a guest ({@code struct kvm_cpuid2}).
 *
 * @param entries in the order of the kernel
 */
public record Cpuid(List<Entry> entries) {
    private static final int MOST_ENTRIES = 4096;

    /** Copies the list. */
    public Cpuid {
        entries = List.copyOf(entries);
    }

    /**
     * One leaf.
     *
     * @param function eax on input
     * @param index ecx on input, if {@code flags} says that it matters
     * @param flags bit 0: the index matters
     * @param eax result
     * @param ebx result
     * @param ecx result
     * @param edx result
     */
    public record Entry(int function, int index, int flags, int eax, int ebx, int ecx, int edx) {}

    /** The first entry of a leaf. */
    public Optional<Entry> leaf(int function) {
        return entries.stream().filter(entry -> entry.function() == function).findFirst();
    }

    /** Asks with more and more room until the answer fits. */
    static Cpuid supported(KvmFile system) {
        for (int room = 128; ; room *= 2) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment struct = allocate(arena, room);
                struct.set(ValueLayout.JAVA_INT, CpuidLayout.NENT, room);
                long result = Call.tryStruct(system, KvmIoctl.GET_SUPPORTED_CPUID, struct);
                if (result >= 0) {
                    return read(struct);
                }
                if (result != -ErrorNumber.E2BIG.number() || room >= MOST_ENTRIES) {
                    throw Call.exception(system, KvmIoctl.GET_SUPPORTED_CPUID, result, room + " entries");
                }
            }
        }
    }

    void set(KvmFile vcpu) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = allocate(arena, entries.size());
            write(struct);
            Call.struct(vcpu, KvmIoctl.SET_CPUID2, struct, entries.size() + " entries");
        }
    }

    /**
     * Writes it down.
     *
     * @param struct zeroed memory for {@link CpuidLayout} and all entries
     */
    public void write(MemorySegment struct) {
        struct.set(ValueLayout.JAVA_INT, CpuidLayout.NENT, entries.size());
        long at = CpuidLayout.ENTRIES;
        for (Entry entry : entries) {
            struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_FUNCTION, entry.function);
            struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_INDEX, entry.index);
            struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_FLAGS, entry.flags);
            struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_EAX, entry.eax);
            struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_EBX, entry.ebx);
            struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_ECX, entry.ecx);
            struct.set(ValueLayout.JAVA_INT, at + CpuidLayout.ENTRY_EDX, entry.edx);
            at += CpuidLayout.ENTRY.size();
        }
    }

    private static MemorySegment allocate(Arena arena, int entries) {
        return arena.allocate(CpuidLayout.ENTRIES + (long) entries * CpuidLayout.ENTRY.size(), Long.BYTES);
    }

    /**
     * Reads what the kernel wrote down.
     *
     * @param struct {@link CpuidLayout} and as many entries as it says
     */
    public static Cpuid read(MemorySegment struct) {
        int count = struct.get(ValueLayout.JAVA_INT, CpuidLayout.NENT);
        List<Entry> entries = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            MemorySegment entry =
                    struct.asSlice(CpuidLayout.ENTRIES + (long) i * CpuidLayout.ENTRY.size(), CpuidLayout.ENTRY.size());
            entries.add(new Entry(
                    entry.get(ValueLayout.JAVA_INT, CpuidLayout.ENTRY_FUNCTION),
                    entry.get(ValueLayout.JAVA_INT, CpuidLayout.ENTRY_INDEX),
                    entry.get(ValueLayout.JAVA_INT, CpuidLayout.ENTRY_FLAGS),
                    entry.get(ValueLayout.JAVA_INT, CpuidLayout.ENTRY_EAX),
                    entry.get(ValueLayout.JAVA_INT, CpuidLayout.ENTRY_EBX),
                    entry.get(ValueLayout.JAVA_INT, CpuidLayout.ENTRY_ECX),
                    entry.get(ValueLayout.JAVA_INT, CpuidLayout.ENTRY_EDX)));
        }
        return new Cpuid(entries);
    }
}
