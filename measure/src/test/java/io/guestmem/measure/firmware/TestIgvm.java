package io.guestmem.measure.firmware;

import io.guestmem.measure.layout.LittleEndian;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;

/** A small IGVM file, made for a test. */
public final class TestIgvm {
    private final ByteArrayOutputStream headers = new ByteArrayOutputStream();
    private final ByteArrayOutputStream data = new ByteArrayOutputStream();
    /** Where file data start; headers must fit before. */
    private static final int DATA = 0x1000;

    /** A file without headers. */
    public TestIgvm() {}

    /** Adds a variable header. */
    public TestIgvm header(long type, byte[] body) {
        byte[] head = new byte[8];
        LittleEndian.put32(head, 0, type);
        LittleEndian.put32(head, 4, body.length);
        headers.writeBytes(head);
        headers.writeBytes(body);
        headers.writeBytes(new byte[(8 - body.length % 8) % 8]);
        return this;
    }

    /** Adds a platform with bit {@code 1 << type}. */
    public TestIgvm platform(int type) {
        byte[] body = new byte[16];
        LittleEndian.put32(body, 0, 1L << type);
        body[5] = (byte) type;
        LittleEndian.put16(body, 6, 1);
        return header(1, body);
    }

    /** Adds a page; without contents the file has none for it. */
    public TestIgvm page(long mask, long gpa, int flags, int type, byte... contents) {
        byte[] body = new byte[24];
        LittleEndian.put64(body, 0, gpa);
        LittleEndian.put32(body, 8, mask);
        LittleEndian.put32(body, 12, put(contents));
        LittleEndian.put32(body, 16, flags);
        LittleEndian.put16(body, 20, type);
        return header(0x302, body);
    }

    /** Adds a parameter area and inserts it. */
    public TestIgvm parameters(long mask, long gpa, long size, int index) {
        byte[] area = new byte[16];
        LittleEndian.put64(area, 0, size);
        LittleEndian.put32(area, 8, index);
        header(0x301, area);
        byte[] insert = new byte[16];
        LittleEndian.put64(insert, 0, gpa);
        LittleEndian.put32(insert, 8, mask);
        LittleEndian.put32(insert, 12, index);
        return header(0x303, insert);
    }

    /** Adds a VMSA. */
    public TestIgvm vmsa(long mask, long gpa, byte[] page) {
        byte[] body = new byte[20];
        LittleEndian.put64(body, 0, gpa);
        LittleEndian.put32(body, 8, mask);
        LittleEndian.put32(body, 12, put(page));
        return header(0x304, body);
    }

    private long put(byte[] contents) {
        if (contents.length == 0) {
            return 0;
        }
        int at = DATA + data.size();
        data.writeBytes(contents);
        return at;
    }

    /** The file. */
    public byte[] bytes() {
        byte[] variable = headers.toByteArray();
        byte[] file = new byte[DATA + data.size()];
        System.arraycopy("IGVM".getBytes(StandardCharsets.US_ASCII), 0, file, 0, 4);
        LittleEndian.put32(file, 4, 1);
        LittleEndian.put32(file, 8, 24);
        LittleEndian.put32(file, 12, variable.length);
        LittleEndian.put32(file, 16, file.length);
        System.arraycopy(variable, 0, file, 24, variable.length);
        System.arraycopy(data.toByteArray(), 0, file, DATA, data.size());
        return summed(file, variable.length);
    }

    /** Makes the checksum of a file right. */
    public static byte[] summed(byte[] file, int length) {
        LittleEndian.put32(file, 20, 0);
        CRC32 crc = new CRC32();
        crc.update(file, 0, 24 + length);
        LittleEndian.put32(file, 20, crc.getValue());
        return file;
    }
}
