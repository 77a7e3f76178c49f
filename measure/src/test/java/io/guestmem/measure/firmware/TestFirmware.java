package io.guestmem.measure.firmware;

import io.guestmem.measure.layout.Guid;
import io.guestmem.measure.layout.LittleEndian;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** A small image with the tables of OVMF, made for a test. */
public final class TestFirmware {
    /** Where application processors start. */
    public static final long RESET = 0x80b004;

    /** Where SEV metadata stand in an image. */
    public static final int SEV = 0x100;

    /** Where TDX metadata stand in an image. */
    public static final int TDX = 0x400;

    private final byte[] bytes;
    private final List<byte[]> entries = new ArrayList<>();

    /** An image of so many bytes, with something in it. */
    public TestFirmware(int size) {
        bytes = new byte[size];
        new Random(42).nextBytes(bytes);
        Arrays.fill(bytes, size - 0x400, size, (byte) 0);
    }

    /** OVMF for SNP: secrets, CPUID, memory, hashes. */
    public static TestFirmware snp() {
        return new TestFirmware(0x4000)
                .entry(GuidTable.RESET_BLOCK, RESET)
                .entry(GuidTable.KERNEL_HASHES, 0x810c00, 0x400)
                .sev(
                        new long[] {0x800000, 0x2000, SevSection.SEC_MEM},
                        new long[] {0x80d000, 0x1000, SevSection.SECRETS},
                        new long[] {0x80e000, 0x1000, SevSection.CPUID},
                        new long[] {0x80f000, 0x1000, SevSection.SVSM_CAA},
                        new long[] {0x810000, 0x1000, SevSection.KERNEL_HASHES});
    }

    /** TDVF: one measured volume of two pages, variables of one, TD HOB, temporary memory. */
    public static TestFirmware tdx() {
        return new TestFirmware(0x4000)
                .tdvf(
                        new long[] {0x1000, 0x3000, 0xffffd000L, 0x3000, TdvfSection.BFV, 1},
                        new long[] {0, 0x1000, 0xffffc000L, 0x1000, TdvfSection.CFV, 0},
                        new long[] {0, 0, 0x809000, 0x2000, TdvfSection.TD_HOB, 0},
                        new long[] {0, 0, 0x810000, 0x4000, TdvfSection.TEMP_MEM, 0});
    }

    /** Adds an entry of 32-bit numbers to the GUID table. */
    public TestFirmware entry(String guid, long... numbers) {
        byte[] entry = new byte[numbers.length * 4 + 18];
        for (int i = 0; i < numbers.length; i++) {
            LittleEndian.put32(entry, i * 4, numbers[i]);
        }
        LittleEndian.put16(entry, numbers.length * 4, entry.length);
        new Guid(guid).put(entry, numbers.length * 4 + 2);
        entries.add(entry);
        return this;
    }

    /** Adds SEV metadata: address, size and type of each section. */
    public TestFirmware sev(long[]... sections) {
        header(SEV, "ASEV", 16 + 12 * sections.length, sections.length);
        for (int i = 0; i < sections.length; i++) {
            for (int field = 0; field < 3; field++) {
                LittleEndian.put32(bytes, SEV + 16 + i * 12 + field * 4, sections[i][field]);
            }
        }
        return entry(GuidTable.SEV_METADATA, bytes.length - SEV);
    }

    /** Adds TDX metadata: data offset, raw size, address, size, type and attributes of each section. */
    public TestFirmware tdvf(long[]... sections) {
        header(TDX, "TDVF", 16 + 32 * sections.length, sections.length);
        for (int i = 0; i < sections.length; i++) {
            int at = TDX + 16 + i * 32;
            LittleEndian.put32(bytes, at, sections[i][0]);
            LittleEndian.put32(bytes, at + 4, sections[i][1]);
            LittleEndian.put64(bytes, at + 8, sections[i][2]);
            LittleEndian.put64(bytes, at + 16, sections[i][3]);
            LittleEndian.put32(bytes, at + 24, sections[i][4]);
            LittleEndian.put32(bytes, at + 28, sections[i][5]);
        }
        return entry(GuidTable.TDX_METADATA, bytes.length - TDX);
    }

    private void header(int at, String magic, int length, int count) {
        System.arraycopy(magic.getBytes(StandardCharsets.US_ASCII), 0, bytes, at, 4);
        LittleEndian.put32(bytes, at + 4, length);
        LittleEndian.put32(bytes, at + 8, 1);
        LittleEndian.put32(bytes, at + 12, count);
    }

    /** The image, with the GUID table at its end. */
    public byte[] bytes() {
        byte[] image = bytes.clone();
        int end = image.length - 32;
        int length = 18 + entries.stream().mapToInt(each -> each.length).sum();
        LittleEndian.put16(image, end - 18, length);
        new Guid(GuidTable.FOOTER).put(image, end - 16);
        int at = end - 18;
        for (byte[] entry : entries) {
            at -= entry.length;
            System.arraycopy(entry, 0, image, at, entry.length);
        }
        return image;
    }

    /** The image, read. */
    public OvmfFirmware read() throws MalformedFirmwareException {
        return OvmfFirmware.of(FirmwareFile.of(bytes()));
    }
}
