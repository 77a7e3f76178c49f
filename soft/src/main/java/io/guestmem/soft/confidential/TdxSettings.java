package io.guestmem.soft.confidential;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.TdxCapabilitiesLayout;
import io.guestmem.abi.TdxCommandLayout;
import io.guestmem.abi.TdxInitVmLayout;
import java.lang.foreign.MemorySegment;

/**
 * What a TD is made of: attributes, extended features, CPUID, and from it where the shared bit is. Under the VM's lock, but for
 * {@link #sharedBit}.
 *
 * <p>Source: Linux 7.2 {@code tdx.c:tdx_get_capabilities}, {@code tdx_td_init}, {@code setup_tdparams},
 * {@code setup_tdparams_eptp_controls}, {@code tdx_vcpu_get_cpuid}.
 */
final class TdxSettings {
    /** {@code SEPT_VE_DISABLE}. */
    static final long SUPPORTED_ATTRIBUTES = 1 << 28;

    /** x87, SSE, AVX, AVX-512. */
    static final long SUPPORTED_XFAM = 0xE7;

    /** x87 and SSE, which the TDX module insists on. */
    private static final long FIXED_XFAM = 3;

    /** {@code TDX_OPERAND_INVALID} of the TDX module. */
    private static final long OPERAND_INVALID = 0xC000_0100_0000_0000L;

    private static final int MOST_ENTRIES = 256;
    private static final int ADDRESS_SIZES = 0x8000_0008;
    private static final int GUEST_BITS_SHIFT = 16;
    private static final int FOUR_LEVELS = 48;
    private static final int FIVE_LEVELS = 52;

    private final GuestMachine machine;
    private MemorySegment entries = MemorySegment.NULL;
    private volatile long sharedBit;

    TdxSettings(GuestMachine machine) {
        this.machine = machine;
    }

    static int flags(Command command) {
        return command.struct().get(Command.U32, TdxCommandLayout.FLAGS);
    }

    /** The TDX module refuses. */
    static long fails(Command command, long status) {
        command.struct().set(Command.U64, TdxCommandLayout.HW_ERROR, status);
        return Failure.EIO;
    }

    /** The bit of a gpa that means that the page is shared; 0 before the TD is initialised. */
    long sharedBit() {
        return sharedBit;
    }

    long capabilities(Command command) {
        if (flags(command) != 0) {
            return Failure.EINVAL;
        }
        MemorySegment room = Command.buffer(Integer.BYTES);
        if (!command.user().read(command.data() + TdxCapabilitiesLayout.CPUID, room)) {
            return Failure.EFAULT;
        }
        MemorySegment configurable = machine.supportedCpuid();
        if (Integer.toUnsignedLong(room.get(Command.U32, 0)) < count(configurable)) {
            return Failure.E2BIG;
        }
        MemorySegment all = Command.buffer(TdxCapabilitiesLayout.STRUCT.size() + configurable.byteSize());
        all.set(Command.U64, TdxCapabilitiesLayout.SUPPORTED_ATTRS, SUPPORTED_ATTRIBUTES);
        all.set(Command.U64, TdxCapabilitiesLayout.SUPPORTED_XFAM, SUPPORTED_XFAM);
        putCpuid(all, TdxCapabilitiesLayout.CPUID, configurable);
        return command.user().write(command.data(), all) ? 0 : Failure.EFAULT;
    }

    private static int count(MemorySegment entries) {
        return (int) (entries.byteSize() / CpuidLayout.ENTRY.size());
    }

    private static void putCpuid(MemorySegment into, long at, MemorySegment entries) {
        into.set(Command.U32, at + CpuidLayout.NENT, count(entries));
        MemorySegment.copy(entries, 0, into, at + CpuidLayout.ENTRIES, entries.byteSize());
    }

    long initialize(Command command) {
        if (flags(command) != 0) {
            return Failure.EINVAL;
        }
        MemorySegment init = command.read(TdxInitVmLayout.STRUCT);
        if (init == null) {
            return Failure.EFAULT;
        }
        long count = Integer.toUnsignedLong(init.get(Command.U32, TdxInitVmLayout.CPUID + CpuidLayout.NENT));
        if (count > MOST_ENTRIES) {
            return Failure.E2BIG;
        }
        MemorySegment cpuid = Command.buffer(count * CpuidLayout.ENTRY.size());
        if (count != 0 && !command.user().read(command.data() + TdxInitVmLayout.STRUCT.size(), cpuid)) {
            return Failure.EFAULT;
        }
        if (hasReserved(init) || init.get(Command.U32, TdxInitVmLayout.CPUID + CpuidLayout.PADDING) != 0) {
            return Failure.EINVAL;
        }
        long xfam = init.get(Command.U64, TdxInitVmLayout.XFAM);
        int bits = guestBits(cpuid);
        if ((init.get(Command.U64, TdxInitVmLayout.ATTRIBUTES) & ~SUPPORTED_ATTRIBUTES) != 0
                || (xfam & ~SUPPORTED_XFAM) != 0
                || (bits != FOUR_LEVELS && bits != FIVE_LEVELS)) {
            return Failure.EINVAL;
        }
        if ((xfam & FIXED_XFAM) != FIXED_XFAM) {
            return fails(command, OPERAND_INVALID);
        }
        entries = cpuid;
        sharedBit = 1L << (bits - 1);
        return 0;
    }

    private static boolean hasReserved(MemorySegment init) {
        for (int at = TdxInitVmLayout.RESERVED; at < TdxInitVmLayout.CPUID; at += Long.BYTES) {
            if (init.get(Command.U64, at) != 0) {
                return true;
            }
        }
        return false;
    }

    /** The guest's physical address bits in the leaf for them; 0 without it. */
    private static int guestBits(MemorySegment cpuid) {
        for (long at = 0; at < cpuid.byteSize(); at += CpuidLayout.ENTRY.size()) {
            if (cpuid.get(Command.U32, at + CpuidLayout.ENTRY_FUNCTION) == ADDRESS_SIZES) {
                return cpuid.get(Command.U32, at + CpuidLayout.ENTRY_EAX) >>> GUEST_BITS_SHIFT & 0xFF;
            }
        }
        return 0;
    }

    /** The CPUID that the TD sees: what it was given. */
    long cpuid(Command command) {
        if (flags(command) != 0) {
            return Failure.EINVAL;
        }
        MemorySegment header = command.read(CpuidLayout.STRUCT);
        if (header == null) {
            return Failure.EFAULT;
        }
        if (Integer.toUnsignedLong(header.get(Command.U32, CpuidLayout.NENT)) < count(entries)) {
            header.set(Command.U32, CpuidLayout.NENT, count(entries));
            long written = command.write(header);
            return written != 0 ? written : Failure.E2BIG;
        }
        MemorySegment all = Command.buffer(CpuidLayout.ENTRIES + entries.byteSize());
        putCpuid(all, 0, entries);
        return command.write(all);
    }
}
