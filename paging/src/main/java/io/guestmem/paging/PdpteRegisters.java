package io.guestmem.paging;

import java.util.Optional;

/**
 * The four registers that PAE paging starts from. A processor loads them as a block, and later changes in memory stay unseen
 * until the next load.
 */
public record PdpteRegisters(long first, long second, long third, long fourth) {
    /** All four not present. */
    public static final PdpteRegisters NONE = new PdpteRegisters(0, 0, 0, 0);

    private static final long ROOT = 0xFFFF_FFE0L;
    private static final long RESERVED = 0b1_1110_0110;
    private static final long PRESENT = 1;

    /**
     * Reads the registers from the 32 bytes that CR3 points to.
     *
     * <p>Source: Linux 7.2 {@code regs.c:load_pdptrs}.
     *
     * @param maxPhysicalAddressBits address bits from here on are reserved
     * @return empty if memory cannot be read, or if a present entry has reserved bits: then a processor keeps what it has
     */
    public static Optional<PdpteRegisters> load(PhysicalMemory memory, long cr3, int maxPhysicalAddressBits) {
        long at = address(cr3, 0);
        if (!memory.presence(at).isReadable()) {
            return Optional.empty();
        }
        PdpteRegisters loaded = new PdpteRegisters(
                memory.read64(at),
                memory.read64(at + Long.BYTES),
                memory.read64(at + 2 * Long.BYTES),
                memory.read64(at + 3 * Long.BYTES));
        for (int i = 0; i < 4; i++) {
            if (!isValid(loaded.get(i), maxPhysicalAddressBits)) {
                return Optional.empty();
            }
        }
        return Optional.of(loaded);
    }

    /** Whether a register can hold a value: if it is present, without reserved bits. */
    static boolean isValid(long pdpte, int maxPhysicalAddressBits) {
        long reserved = RESERVED | ReservedBits.range(maxPhysicalAddressBits, 63);
        return (pdpte & PRESENT) == 0 || (pdpte & reserved) == 0;
    }

    /** Where in memory a register was loaded from. */
    static long address(long cr3, int index) {
        return (cr3 & ROOT) + (long) index * Long.BYTES;
    }

    /**
     * A register.
     *
     * @param index 0 to 3: bits 31 and 30 of a linear address
     */
    public long get(int index) {
        return switch (index) {
            case 0 -> first;
            case 1 -> second;
            case 2 -> third;
            case 3 -> fourth;
            default -> throw new IllegalArgumentException("there are registers 0 to 3, not " + index);
        };
    }
}
