package io.guestmem.measure.firmware;

import io.guestmem.measure.layout.Guid;
import io.guestmem.measure.layout.LittleEndian;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * An image of OVMF or of firmware with the same tables. Each table is read when it is asked for, so that a broken table of one
 * technology does not matter to another.
 *
 * @param file its bytes
 * @param table the GUID table, empty if there is none
 */
public record OvmfFirmware(FirmwareFile file, Optional<GuidTable> table) {
    private static final int SEV_HEADER = 16;
    private static final int SEV_DESCRIPTOR = 12;
    private static final int TDVF_HEADER = 16;
    private static final int TDVF_DESCRIPTOR = 32;
    private static final int PAGE = 4096;
    /** No firmware has more than a dozen. */
    private static final int MOST_SECTIONS = 1 << 16;
    /** Fewer bytes hold no table and no reset vector. */
    private static final int SMALLEST = 50;

    /**
     * Memory that the VMM fills.
     *
     * @param base where it starts
     * @param size bytes
     */
    public record Area(long base, long size) {}

    /**
     * The TDVF metadata.
     *
     * @param sections in the order of the table
     * @param legacy whether they were found without the GUID table, as in td-shim and early TDVF
     */
    public record Tdvf(List<TdvfSection> sections, boolean legacy) {
        /** Keeps its own copy. */
        public Tdvf {
            sections = List.copyOf(sections);
        }
    }

    /**
     * Reads the GUID table.
     *
     * @throws MalformedFirmwareException if there is one and it is broken, or the file is too short for firmware
     */
    public static OvmfFirmware of(FirmwareFile file) throws MalformedFirmwareException {
        if (file.size() < SMALLEST) {
            throw new MalformedFirmwareException("firmware", 0, file.size() + " bytes are too few");
        }
        return new OvmfFirmware(file, GuidTable.of(file));
    }

    /**
     * Where application processors start: from the GUID table, or from a bare block at the end (early SEV-ES firmware, which QEMU
     * still reads: {@code sev_es_find_reset_vector}).
     *
     * @throws MalformedFirmwareException if the entry is too short
     */
    public Optional<Long> resetAddress() throws MalformedFirmwareException {
        Optional<GuidTable.Entry> entry = entry(GuidTable.RESET_BLOCK);
        if (entry.isPresent()) {
            return Optional.of(u32(entry.get(), 0));
        }
        long end = file.size() - GuidTable.BEHIND;
        int head = 2 + Guid.SIZE;
        if (end < head + 4) {
            return Optional.empty();
        }
        byte[] bare = file.copy("SEV-ES reset block", end - head, head);
        int length = LittleEndian.u16(bare, 0);
        if (!Guid.at(bare, 2).text().equals(GuidTable.RESET_BLOCK)) {
            return Optional.empty();
        }
        if (length < head + 4) {
            throw new MalformedFirmwareException("SEV-ES reset block: length", end - head, length + " bytes");
        }
        return Optional.of(file.u32("SEV-ES reset block: EIP", end - length));
    }

    /**
     * Where the table of kernel hashes goes.
     *
     * @throws MalformedFirmwareException if the entry is too short
     */
    public Optional<Area> kernelHashes() throws MalformedFirmwareException {
        return area(GuidTable.KERNEL_HASHES);
    }

    /**
     * Where a launch secret goes.
     *
     * @throws MalformedFirmwareException if the entry is too short
     */
    public Optional<Area> secretArea() throws MalformedFirmwareException {
        return area(GuidTable.SECRET_AREA);
    }

    /**
     * Where an SVSM starts, from the start of its image.
     *
     * @throws MalformedFirmwareException if the entry is too short
     */
    public Optional<Long> svsmEntry() throws MalformedFirmwareException {
        Optional<GuidTable.Entry> entry = entry(GuidTable.SVSM_INFO);
        return entry.isEmpty() ? Optional.empty() : Optional.of(u32(entry.get(), 0));
    }

    /**
     * The sections of SEV metadata, in the order of the table; empty if there is no metadata.
     *
     * <pre>{@code
     *  struct { u8 signature[4] = "ASEV"; u32 length; u32 version = 1; u32 count; struct { u32 gpa, size, type; } sections[]; };
     * }</pre>
     *
     * @throws MalformedFirmwareException if it is broken
     */
    public Optional<List<SevSection>> sevMetadata() throws MalformedFirmwareException {
        Optional<GuidTable.Entry> entry = entry(GuidTable.SEV_METADATA);
        if (entry.isEmpty()) {
            return Optional.empty();
        }
        long start = fromEnd("SEV metadata: offset", entry.get());
        byte[] header = file.copy("SEV metadata", start, SEV_HEADER);
        int count = header("SEV metadata", "ASEV", start, header, SEV_DESCRIPTOR, false);
        byte[] all = file.copy("SEV metadata: sections", start + SEV_HEADER, count * SEV_DESCRIPTOR);
        List<SevSection> sections = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            int at = i * SEV_DESCRIPTOR;
            sections.add(new SevSection(
                    i,
                    start + SEV_HEADER + at,
                    LittleEndian.u32(all, at),
                    LittleEndian.u32(all, at + 4),
                    LittleEndian.u32(all, at + 8)));
        }
        return Optional.of(List.copyOf(sections));
    }

    /**
     * The TDVF metadata; empty if there is none.
     *
     * <pre>{@code
     *  struct { u8 signature[4] = "TDVF"; u32 length; u32 version = 1; u32 count;
     *           struct { u32 data_offset, raw_size; u64 gpa, size; u32 type, attributes; } sections[]; };
     * }</pre>
     *
     * @throws MalformedFirmwareException if it is broken, or a section's data do not lie in the file
     */
    public Optional<Tdvf> tdvf() throws MalformedFirmwareException {
        Optional<GuidTable.Entry> entry = entry(GuidTable.TDX_METADATA);
        long start;
        if (entry.isPresent()) {
            start = fromEnd("TDX metadata: offset", entry.get());
        } else {
            start = file.u32("TDX metadata: offset", file.size() - GuidTable.BEHIND);
            if (start > file.size() - TDVF_HEADER || !signature(file.copy("TDVF", start, TDVF_HEADER), "TDVF")) {
                return Optional.empty();
            }
        }
        byte[] header = file.copy("TDX metadata", start, TDVF_HEADER);
        int count = header("TDX metadata", "TDVF", start, header, TDVF_DESCRIPTOR, true);
        byte[] all = file.copy("TDX metadata: sections", start + TDVF_HEADER, count * TDVF_DESCRIPTOR);
        List<TdvfSection> sections = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            sections.add(checked(section(i, start + TDVF_HEADER, all)));
        }
        return Optional.of(new Tdvf(sections, entry.isEmpty()));
    }

    private static TdvfSection section(int index, long start, byte[] all) {
        int at = index * TDVF_DESCRIPTOR;
        return new TdvfSection(
                index,
                start + at,
                LittleEndian.u32(all, at),
                LittleEndian.u32(all, at + 4),
                LittleEndian.u64(all, at + 8),
                LittleEndian.u64(all, at + 16),
                LittleEndian.u32(all, at + 24),
                LittleEndian.u32(all, at + 28));
    }

    private TdvfSection checked(TdvfSection section) throws MalformedFirmwareException {
        String name = "TDX metadata: " + section.what() + ": ";
        if (section.rawSize() > 0 && section.dataOffset() + section.rawSize() > file.size()) {
            throw new MalformedFirmwareException(
                    name + "data",
                    section.offset(),
                    "0x" + Long.toHexString(section.rawSize()) + " bytes from 0x"
                            + Long.toHexString(section.dataOffset()) + " do not lie in a file of 0x"
                            + Long.toHexString(file.size())
                            + "; the CODE half of a split image cannot be launched, the whole image can");
        }
        if (section.gpa() % PAGE != 0) {
            throw new MalformedFirmwareException(
                    name + "address", section.offset() + 8, hex(section.gpa()) + " is not page-aligned");
        }
        if (section.size() % PAGE != 0) {
            throw new MalformedFirmwareException(
                    name + "memory size",
                    section.offset() + 16,
                    hex(section.size()) + " is no multiple of the page size");
        }
        if (section.gpa() < 0 || section.size() < 0 || section.gpa() + section.size() < 0) {
            throw new MalformedFirmwareException(
                    name + "memory", section.offset() + 8, hex(section.size()) + " bytes wrap around");
        }
        if (section.size() < section.rawSize()) {
            throw new MalformedFirmwareException(
                    name + "memory size",
                    section.offset() + 16,
                    hex(section.size()) + " is less than the data, " + hex(section.rawSize()));
        }
        return section;
    }

    /** Checks what the two headers have in common; returns the number of sections, which all lie in the file. */
    private int header(String name, String magic, long start, byte[] header, int descriptor, boolean exact)
            throws MalformedFirmwareException {
        if (!signature(header, magic)) {
            throw new MalformedFirmwareException(name + ": signature", start, "not " + magic);
        }
        long length = LittleEndian.u32(header, 4);
        long version = LittleEndian.u32(header, 8);
        long count = LittleEndian.u32(header, 12);
        if (version != 1) {
            throw new MalformedFirmwareException(name + ": version", start + 8, version + " and not 1");
        }
        if (length > file.size() - start) {
            throw new MalformedFirmwareException(
                    name + ": length",
                    start + 4,
                    hex(length) + " bytes, of " + hex(file.size() - start) + " up to the end");
        }
        if (count > MOST_SECTIONS) {
            throw new MalformedFirmwareException(
                    name + ": number of sections", start + 12, count + ", more than " + MOST_SECTIONS);
        }
        long needed = header.length + count * descriptor;
        if (exact ? length != needed : length < needed) {
            throw new MalformedFirmwareException(
                    name + ": length",
                    start + 4,
                    hex(length) + " bytes for " + count + " sections that take " + hex(needed));
        }
        return (int) count;
    }

    private static boolean signature(byte[] header, String magic) {
        return new String(header, 0, magic.length(), StandardCharsets.ISO_8859_1).equals(magic);
    }

    private Optional<GuidTable.Entry> entry(String guid) {
        return table.isEmpty() ? Optional.empty() : table.get().find(guid);
    }

    private Optional<Area> area(String guid) throws MalformedFirmwareException {
        Optional<GuidTable.Entry> entry = entry(guid);
        return entry.isEmpty() ? Optional.empty() : Optional.of(new Area(u32(entry.get(), 0), u32(entry.get(), 4)));
    }

    private long fromEnd(String field, GuidTable.Entry entry) throws MalformedFirmwareException {
        long fromEnd = u32(entry, 0);
        if (fromEnd > file.size()) {
            throw new MalformedFirmwareException(
                    field, entry.offset(), hex(fromEnd) + " before the end of a file of " + hex(file.size()));
        }
        return file.size() - fromEnd;
    }

    private long u32(GuidTable.Entry entry, int at) throws MalformedFirmwareException {
        if (entry.length() < at + 4) {
            throw new MalformedFirmwareException(
                    "GUID table: data of entry " + entry.guid(), entry.offset(), entry.length() + " bytes are too few");
        }
        return file.u32(entry.guid(), entry.offset() + at);
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
