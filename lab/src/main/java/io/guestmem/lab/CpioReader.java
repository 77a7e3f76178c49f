package io.guestmem.lab;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * Reads a "newc" archive, see {@link CpioWriter}. The archive comes out of a guest and is not trusted: a name that leaves the
 * target is refused, links and devices are left out.
 */
final class CpioReader {
    private static final int TYPE = 0170000;
    private static final int DIRECTORY = 0040000;
    private static final int REGULAR = 0100000;
    private static final int LONGEST_NAME = 4096;
    private static final int HEADER = 110;
    private static final int MODE = 1;
    private static final int SIZE = 6;
    private static final int NAME_SIZE = 11;

    private final DataInputStream in;
    private long consumed;

    /** Reads from a stream, which the caller closes. */
    CpioReader(InputStream in) {
        this.in = new DataInputStream(in);
    }

    /**
     * Unpacks everything.
     *
     * @return the content of the files that lie in no directory, by name; these are not written
     * @throws IOException if the archive is broken, ends early, or a name leaves the target
     */
    Map<String, String> unpack(Path target) throws IOException {
        Map<String, String> top = new HashMap<>();
        while (true) {
            byte[] header = bytes(HEADER);
            if (!new String(header, 0, 6, StandardCharsets.US_ASCII).equals("070701")) {
                throw new IOException("not a newc archive at byte " + (consumed - HEADER));
            }
            String name = name(field(header, NAME_SIZE));
            long size = field(header, SIZE);
            int type = (int) field(header, MODE) & TYPE;
            if (name.equals("TRAILER!!!")) {
                return top;
            }
            if (type == REGULAR && name.indexOf('/') < 0) {
                top.put(name, new String(bytes((int) Math.min(size, LONGEST_NAME)), StandardCharsets.UTF_8));
            } else {
                entry(inside(target, name), type, size);
            }
            align();
        }
    }

    private void entry(Path path, int type, long size) throws IOException {
        if (type == DIRECTORY) {
            Files.createDirectories(path);
        } else if (type == REGULAR) {
            Path parent = path.getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
            try (OutputStream out = Files.newOutputStream(path)) {
                copy(size, out);
            }
        } else {
            copy(size, OutputStream.nullOutputStream());
        }
    }

    private static Path inside(Path target, String name) throws IOException {
        Path path = target.resolve(name).normalize();
        if (!path.startsWith(target.normalize())) {
            throw new IOException("a file of the guest would be written outside " + target + ": " + name);
        }
        return path;
    }

    private String name(long length) throws IOException {
        if (length < 1 || length > LONGEST_NAME) {
            throw new IOException("a name of " + length + " bytes at byte " + consumed + " of the archive");
        }
        String name = new String(bytes((int) length), 0, (int) length - 1, StandardCharsets.UTF_8);
        align();
        return name;
    }

    private void copy(long size, OutputStream out) throws IOException {
        byte[] buffer = new byte[1 << 16];
        for (long left = size; left > 0; ) {
            int length = (int) Math.min(left, buffer.length);
            in.readFully(buffer, 0, length);
            out.write(buffer, 0, length);
            left -= length;
        }
        consumed += size;
    }

    private byte[] bytes(int length) throws IOException {
        byte[] bytes = new byte[length];
        in.readFully(bytes);
        consumed += length;
        return bytes;
    }

    private void align() throws IOException {
        bytes((int) (-consumed & 3));
    }

    private static long field(byte[] header, int index) throws IOException {
        String text = new String(header, 6 + 8 * index, 8, StandardCharsets.US_ASCII);
        try {
            return Long.parseLong(text, 16);
        } catch (NumberFormatException broken) {
            throw new IOException("not a hexadecimal field in the archive: " + text, broken);
        }
    }
}
