package io.guestmem.measure.firmware;

import io.guestmem.measure.layout.Guid;
import io.guestmem.measure.layout.LittleEndian;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The table of GUIDs at the end of OVMF (edk2 {@code OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm}). It is read backwards from 32
 * bytes before the end:
 *
 * <pre>{@code
 *   … | data | u16 length | GUID || data | u16 length | GUID || u16 length of all | 96b582de-… || 32 bytes: reset vector
 *              18 + data                                          this entry included            end of the file
 * }</pre>
 *
 * @param entries by GUID, the last one of the file first
 */
public record GuidTable(Map<String, Entry> entries) {
    /** The table's own entry. */
    public static final String FOOTER = "96b582de-1fb2-45f7-baea-a366c55a082d";
    /** Where application processors start under SEV-ES: u32 EIP. */
    public static final String RESET_BLOCK = "00f771de-1a7e-4fcb-890e-68c77e2fb44e";
    /** Where a launch secret goes: u32 base, u32 size. */
    public static final String SECRET_AREA = "4c2eb361-7d9b-4cc3-8081-127c90d3d294";
    /** Where the table of kernel hashes goes: u32 base, u32 size; 0 and 0 for nowhere. */
    public static final String KERNEL_HASHES = "7255371f-3a3b-4b04-927b-1da6efa8d454";
    /** SEV metadata: u32 offset from the end of the file. */
    public static final String SEV_METADATA = "dc886566-984a-4798-a75e-5585a7bf67cc";
    /** TDX metadata: u32 offset from the end of the file. */
    public static final String TDX_METADATA = "e47a6535-984a-4798-865e-4685a7bf8ec2";
    /** Where an SVSM starts: u32 offset in its image. */
    public static final String SVSM_INFO = "a789a612-0597-4c4b-a49f-cbb1fe9d1ddd";

    /** Between the table and the end of the file. */
    static final int BEHIND = 32;

    private static final int HEAD = 2 + Guid.SIZE;

    /**
     * An entry.
     *
     * @param guid its name
     * @param offset of its data in the file
     * @param length of its data
     */
    public record Entry(String guid, long offset, int length) {}

    /** Keeps its own copy. */
    public GuidTable {
        entries = Collections.unmodifiableMap(new LinkedHashMap<>(entries));
    }

    /**
     * The table of a file; empty if the file has none, which is legal.
     *
     * @throws MalformedFirmwareException if an entry is too short, does not fit into the table or appears twice
     */
    public static Optional<GuidTable> of(FirmwareFile file) throws MalformedFirmwareException {
        long end = file.size() - BEHIND;
        if (end < HEAD) {
            return Optional.empty();
        }
        byte[] footer = file.copy("GUID table", end - HEAD, HEAD);
        if (!Guid.at(footer, 2).text().equals(FOOTER)) {
            return Optional.empty();
        }
        int length = LittleEndian.u16(footer, 0);
        if (length < HEAD || length > end) {
            throw new MalformedFirmwareException(
                    "GUID table: length", end - HEAD, length + " bytes, of " + end + " before the reset vector");
        }
        return Optional.of(new GuidTable(walk(file, end - length, end - HEAD)));
    }

    private static Map<String, Entry> walk(FirmwareFile file, long start, long end) throws MalformedFirmwareException {
        Map<String, Entry> entries = new LinkedHashMap<>();
        for (long at = end; at - start >= HEAD; ) {
            byte[] head = file.copy("GUID table: entry", at - HEAD, HEAD);
            int length = LittleEndian.u16(head, 0);
            String guid = Guid.at(head, 2).text();
            if (length < HEAD || length > at - start) {
                throw new MalformedFirmwareException(
                        "GUID table: length of entry " + guid,
                        at - HEAD,
                        length + " bytes, of " + (at - start) + " that are left");
            }
            Entry entry = new Entry(guid, at - length, length - HEAD);
            if (entries.put(guid, entry) != null) {
                throw new MalformedFirmwareException("GUID table: entry " + guid, at - HEAD, "appears twice");
            }
            at -= length;
        }
        return entries;
    }

    /** An entry, if it is there. */
    public Optional<Entry> find(String guid) {
        return Optional.ofNullable(entries.get(guid));
    }
}
