package io.guestmem.image;

import io.guestmem.paging.PhysicalRanges;

/**
 * ELF cores with physical addresses: QEMU's {@code dump-guest-memory}, with paging or without, and the kernel's {@code vmcore}.
 *
 * <p>Program headers are where the header says: QEMU puts section headers before them. Segments are in a file at multiples of 4
 * bytes only, and may repeat each other.
 */
final class ElfCore {
    private static final int MAGIC = 0x464C_457F;
    private static final int CLASS_64_LITTLE_ENDIAN = 0x0102;
    private static final int TYPE_CORE = 4;
    private static final int MACHINE_386 = 3;
    private static final int MACHINE_X86_64 = 62;
    private static final int PROGRAM_HEADER = 56;
    private static final int SEGMENT_LOAD = 1;
    private static final int SEGMENT_NOTE = 4;
    /** The number of program headers is in the first section header. */
    private static final int MANY = 0xFFFF;

    private static final int SECTION_INFO = 44;
    /** The address of a segment that is not of physical memory, in {@code kcore}. */
    private static final long NOT_PHYSICAL = -1;

    private final ImageBytes bytes;
    private final MemoryPieces pieces;
    private final ElfNotes notes;

    private ElfCore(ImageBytes bytes, boolean longMachine) {
        this.bytes = bytes;
        this.pieces = new MemoryPieces(bytes);
        this.notes = new ElfNotes(bytes, longMachine);
    }

    static boolean isOne(ImageBytes bytes) throws ImageException {
        return bytes.size() >= Integer.BYTES && bytes.i32(0, "the magic number") == MAGIC;
    }

    static ElfCore read(ImageBytes bytes) throws ImageException {
        if (bytes.u16(4, "the class") != CLASS_64_LITTLE_ENDIAN) {
            throw new ImageException(4, "an ELF file that is not of 64 bits, little-endian");
        }
        if (bytes.u16(16, "the type") != TYPE_CORE) {
            throw new ImageException(16, "an ELF file that is no core");
        }
        int machine = bytes.u16(18, "the machine");
        if (machine != MACHINE_X86_64 && machine != MACHINE_386) {
            throw new ImageException(18, "a core of machine " + machine + ", not of x86");
        }
        ElfCore core = new ElfCore(bytes, machine == MACHINE_X86_64);
        core.readSegments();
        return core;
    }

    private void readSegments() throws ImageException {
        long table = bytes.i64(32, "the place of the program headers");
        int size = bytes.u16(54, "the size of a program header");
        long count = bytes.u16(56, "the number of program headers");
        if (count == MANY) {
            long sections = bytes.i64(40, "the place of the section headers");
            count = Integer.toUnsignedLong(bytes.i32(sections + SECTION_INFO, "the number of program headers"));
        }
        if (size < PROGRAM_HEADER) {
            throw new ImageException(54, "program headers of " + size + " bytes");
        }
        ImageBytes.check(bytes.size(), table, count * size, "the program headers");
        for (long i = 0; i < count; i++) {
            readSegment(table + i * size);
        }
    }

    private void readSegment(long header) throws ImageException {
        int type = bytes.i32(header, "a segment's type");
        long offset = bytes.i64(header + 8, "a segment's offset");
        long physical = bytes.i64(header + 24, "a segment's address");
        long inFile = bytes.i64(header + 32, "a segment's size");
        if (type == SEGMENT_NOTE) {
            notes.read(offset, inFile);
        } else if (type == SEGMENT_LOAD && physical != NOT_PHYSICAL) {
            pieces.add(physical, inFile, offset, header);
        }
    }

    PhysicalRanges memory() throws ImageException {
        return pieces.memory();
    }

    ElfNotes notes() {
        return notes;
    }
}
