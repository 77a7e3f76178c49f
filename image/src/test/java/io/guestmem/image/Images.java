package io.guestmem.image;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.Deflater;

/**
 * Small images of every format, of the same 16 pages: page tables at 0x1000 to 0x4000 that map 0x7000 to 0x5000, which holds its own
 * address in each word. With gaps where the format can have them: page 14 is no memory.
 */
final class Images {
    static final int PAGES = 16;
    static final int ABSENT = 14;
    static final long ROOT = 0x1000;
    static final long LINEAR = 0x7000;
    static final long MAPPED = 0x5000;

    private Images() {}

    static byte[] memory() {
        byte[] memoryFile = new byte[PAGES * 4096];
        ByteBuffer memory = little(memoryFile);
        memory.putLong(0x1000, 0x2007).putLong(0x2000, 0x3007).putLong(0x3000, 0x4007);
        memory.putLong(0x4000 + 7 * 8, MAPPED | 7);
        for (int at = 0x5000; at < PAGES * 4096; at += 8) {
            memory.putLong(at, at);
        }
        return memoryFile;
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] pages(int from, int to) {
        return Arrays.copyOfRange(memory(), from * 4096, to * 4096);
    }

    /** QEMU's layout: section headers before the program headers, segments at odd multiples of four. */
    static byte[] elf() {
        int headers = 192;
        int notes = headers + 3 * 56;
        byte[] note = qemuNote();
        int first = ((notes + note.length + 4) & -4) | 4;
        int second = (first + ABSENT * 4096 + 4) & -4;
        byte[] elfFile = new byte[second + 4096];
        ByteBuffer elf = little(elfFile);
        elf.put(new byte[] {0x7F, 'E', 'L', 'F', 2, 1, 1}).position(16);
        elf.putShort((short) 4)
                .putShort((short) 62)
                .putInt(1)
                .putLong(0)
                .putLong(headers)
                .putLong(64);
        elf.putInt(0).putShort((short) 8).putShort((short) 56).putShort((short) 3);
        program(elf, headers, 4, notes, 0, note.length);
        program(elf, headers + 56, 1, first, 0, ABSENT * 4096L);
        program(elf, headers + 112, 1, second, (ABSENT + 1) * 4096L, 4096);
        elf.put(notes, note).put(first, pages(0, ABSENT)).put(second, pages(ABSENT + 1, PAGES));
        return elfFile;
    }

    private static void program(ByteBuffer elf, int at, int type, long offset, long address, long size) {
        elf.putInt(at, type).putLong(at + 8, offset).putLong(at + 24, address);
        elf.putLong(at + 32, size).putLong(at + 40, size);
    }

    /** A processor in long mode whose CR3 is the root, and a VMCOREINFO that names it. */
    static byte[] qemuNote() {
        byte[] text = """
                OSRELEASE=6.1
                NUMBER(phys_base)=-4096
                SYMBOL(swapper_pg_dir)=ffffffff80002000
                NUMBER(pgtable_l5_enabled)=0
                """.getBytes(StandardCharsets.ISO_8859_1);
        byte[] notesFile = new byte[12 + 8 + 440 + 12 + 12 + ((text.length + 3) & -4)];
        ByteBuffer notes = little(notesFile);
        notes.putInt(5).putInt(440).putInt(0).put("QEMU".getBytes(StandardCharsets.ISO_8859_1));
        int state = 20;
        notes.putInt(state, 1)
                .putInt(state + 4, 440)
                .putLong(state + 144, 1 << 18)
                .putInt(state + 160, 1 << 21);
        notes.putLong(state + 392, 0x8005_0033L).putLong(state + 416, ROOT).putLong(state + 424, 0x20);
        notes.position(state + 440);
        notes.putInt(11).putInt(text.length).putInt(0).put("VMCOREINFO\0\0".getBytes(StandardCharsets.ISO_8859_1));
        notes.put(text);
        return notesFile;
    }

    /** Two ranges. */
    static byte[] lime() {
        byte[] limeFile = new byte[2 * 32 + (PAGES - 1) * 4096];
        ByteBuffer lime = little(limeFile);
        range(lime, 0x4C69_4D45, 1, 0, ABSENT * 4096L).put(pages(0, ABSENT));
        range(lime, 0x4C69_4D45, 1, (ABSENT + 1) * 4096L, 4096).put(pages(ABSENT + 1, PAGES));
        return limeFile;
    }

    private static ByteBuffer range(ByteBuffer file, int magic, int version, long start, long length) {
        return file.putInt(magic)
                .putInt(version)
                .putLong(start)
                .putLong(start + length - 1)
                .putLong(0);
    }

    /** One range compressed by literals and copies, one plain. */
    static byte[] avml() {
        byte[] avmlFile = new byte[4 * PAGES * 4096];
        ByteBuffer avml = little(avmlFile);
        avml(avml, 0, pages(0, ABSENT), true);
        avml(avml, (ABSENT + 1) * 4096L, pages(ABSENT + 1, PAGES), false);
        return Arrays.copyOf(avmlFile, avml.position());
    }

    private static void avml(ByteBuffer file, long start, byte[] bytes, boolean compressed) {
        range(file, 0x4C4D_5641, 2, start, bytes.length);
        int begin = file.position();
        file.putInt(0x0000_06FF).put("sNaPpY".getBytes(StandardCharsets.ISO_8859_1));
        byte[] data = compressed ? snappy(bytes) : bytes;
        file.putInt((compressed ? 0 : 1) | ((data.length + 4) << 8))
                .putInt(AvmlFile.masked(bytes))
                .put(data);
        file.putLong(file.position() - begin);
    }

    /** Snappy: the length, then literals of at most 60 bytes, and for words of zero copies of what is 8 bytes before. */
    static byte[] snappy(byte[] bytes) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int length = bytes.length; ; length >>>= 7) {
            out.write(length > 127 ? (length & 127) | 128 : length);
            if (length <= 127) {
                break;
            }
        }
        ByteBuffer words = ByteBuffer.wrap(bytes);
        for (int at = 0; at < bytes.length; at += 8) {
            if (at > 0 && words.getLong(at) == words.getLong(at - 8)) {
                out.write((4 << 2) | 1);
                out.write(8);
            } else {
                out.write(7 << 2);
                out.write(bytes, at, 8);
            }
        }
        return out.toByteArray();
    }

    /** zlib where that helps; page 12 is left out, page 14 is no memory. Level 31, so that a page left out is not zero. */
    static byte[] kdump(int level) {
        int bitmap = 3;
        byte[] dumpFile = new byte[64 * 4096];
        ByteBuffer dump = little(dumpFile);
        dump.put("KDUMP   ".getBytes(StandardCharsets.ISO_8859_1)).putInt(6);
        dump.putInt(428, 4096).putInt(432, 1).putInt(436, 2).putInt(440, PAGES);
        byte[] notes = qemuNote();
        int notesAt = 5 * 4096;
        dump.putInt(4096 + 8, level).putLong(4096 + 48, notesAt).putLong(4096 + 56, notes.length);
        dump.putLong(4096 + 96, PAGES).put(notesAt, notes);
        dump.putShort(2 * 4096, (short) ~(1 << ABSENT)).putShort(bitmap * 4096, (short) ~((1 << ABSENT) | (1 << 12)));
        int description = 4 * 4096;
        int data = 6 * 4096;
        for (int page = 0; page < PAGES; page++) {
            if (page == ABSENT || page == 12) {
                continue;
            }
            byte[] plain = pages(page, page + 1);
            byte[] packed = deflate(plain);
            boolean smaller = packed.length < plain.length;
            byte[] stored = smaller ? packed : plain;
            dump.putLong(description, data).putInt(description + 8, stored.length);
            dump.putInt(description + 12, smaller ? 1 : 0).put(data, stored);
            description += 24;
            data += stored.length;
        }
        return Arrays.copyOf(dumpFile, data);
    }

    private static byte[] deflate(byte[] bytes) {
        Deflater deflater = new Deflater();
        try {
            deflater.setInput(bytes);
            deflater.finish();
            byte[] out = new byte[8192];
            return Arrays.copyOf(out, deflater.deflate(out));
        } finally {
            deflater.end();
        }
    }

    /** The same as a stream of records of 1000 bytes, backwards, the first one twice: what is written last wins. */
    static byte[] flattened(byte[] file) {
        byte[] streamFile = new byte[4096 + file.length * 2 + 4096];
        ByteBuffer stream = ByteBuffer.wrap(streamFile).order(ByteOrder.BIG_ENDIAN);
        stream.put("makedumpfile\0\0\0\0".getBytes(StandardCharsets.ISO_8859_1))
                .putLong(1)
                .putLong(1);
        stream.position(4096);
        stream.putLong(0).putLong(2000).put(new byte[2000]);
        int last = (file.length - 1) / 1000 * 1000;
        for (int at = last; at >= 0; at -= 1000) {
            int length = Math.min(1000, file.length - at);
            stream.putLong(at).putLong(length).put(file, at, length);
        }
        stream.putLong(-1).putLong(-1);
        return Arrays.copyOf(streamFile, stream.position());
    }

    /** struct kvm_sregs of a vCPU in long mode. */
    static byte[] sregs(long cr3) {
        byte[] sregsFile = new byte[312];
        ByteBuffer sregs = little(sregsFile);
        sregs.put(14, (byte) 11)
                .put(15, (byte) 1)
                .put(17, (byte) 0)
                .put(18, (byte) 1)
                .put(19, (byte) 1);
        sregs.putLong(224, 0x8005_0033L).putLong(240, cr3).putLong(248, 0x20).putLong(264, 0xD01);
        sregs.putLong(272, 0xFEE0_0D00L);
        return sregsFile;
    }
}
