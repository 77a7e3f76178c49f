package io.guestmem.lab;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Writes an initramfs: a cpio archive of the "newc" format (Linux {@code Documentation/driver-api/early-userspace/buffer-format.rst}).
 *
 * <pre>
 *   "070701" ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check   (8 hex digits each)
 *   name NUL, zeros to a multiple of 4; data, zeros to a multiple of 4
 *   ... TRAILER!!!
 * </pre>
 *
 * <p>Everything belongs to root, has no time and a number of its own, so that equal input gives equal bytes. Directories above
 * a name are added once. The kernel accepts archives one after the other, which is how cached parts and a run's own are joined.
 * Not safe among threads.
 */
final class CpioWriter implements AutoCloseable {
    private static final int DIRECTORY = 0040755;
    private static final int SYMBOLIC_LINK = 0120777;
    private static final int REGULAR = 0100000;
    private static final long LARGEST_FILE = 0xFFFF_FFFFL;

    private final OutputStream out;
    private final Set<String> directories = new HashSet<>();
    private long written;
    private int inode;

    /** An archive to a stream, which {@link #close()} closes too. */
    CpioWriter(OutputStream out) {
        this.out = new BufferedOutputStream(out, 1 << 16);
    }

    /** Adds a directory and those above it. */
    void directory(String name) throws IOException {
        if (name.isEmpty() || !directories.add(name)) {
            return;
        }
        parents(name);
        header(name, DIRECTORY, 2, 0);
    }

    /** Adds a file, executable by all or not. */
    void file(String name, byte[] content, boolean executable) throws IOException {
        parents(name);
        header(name, REGULAR | (executable ? 0755 : 0644), 1, content.length);
        out.write(content);
        written += content.length;
        pad();
    }

    /**
     * Adds a file of the host; links are followed.
     *
     * @throws IOException also if it is larger than the format allows (4 GiB less one byte) or changes its size meanwhile
     */
    void file(String name, Path source) throws IOException {
        long size = Files.size(source);
        if (size > LARGEST_FILE) {
            throw new IOException(source + ": " + size + " bytes are too many for an initramfs");
        }
        parents(name);
        header(name, REGULAR | (Files.isExecutable(source) ? 0755 : 0644), 1, size);
        long copied = Files.copy(source, out);
        if (copied != size) {
            throw new IOException(source + ": changed its size from " + size + " to " + copied + " while it was read");
        }
        written += copied;
        pad();
    }

    /** Adds everything below a directory of the host under another name; symbolic links stay links. */
    void tree(String name, Path source) throws IOException {
        directory(name);
        try (Stream<Path> children = Files.list(source)) {
            for (Path child : children.sorted().toList()) {
                String childName = name + "/" + child.getFileName();
                if (Files.isSymbolicLink(child)) {
                    byte[] target = Files.readSymbolicLink(child).toString().getBytes(StandardCharsets.UTF_8);
                    header(childName, SYMBOLIC_LINK, 1, target.length);
                    out.write(target);
                    written += target.length;
                    pad();
                } else if (Files.isDirectory(child, LinkOption.NOFOLLOW_LINKS)) {
                    tree(childName, child);
                } else {
                    file(childName, child);
                }
            }
        }
    }

    /** Ends the archive and closes the stream. */
    @Override
    public void close() throws IOException {
        try (out) {
            inode = -1;
            header("TRAILER!!!", 0, 1, 0);
        }
    }

    private void parents(String name) throws IOException {
        int slash = name.lastIndexOf('/');
        if (slash > 0) {
            directory(name.substring(0, slash));
        }
    }

    private void header(String name, int mode, int links, long size) throws IOException {
        byte[] text = name.getBytes(StandardCharsets.UTF_8);
        inode++;
        StringBuilder header = new StringBuilder("070701");
        List<Long> fields = List.of(
                (long) inode, (long) mode, 0L, 0L, (long) links, 0L, size, 0L, 0L, 0L, 0L, text.length + 1L, 0L);
        fields.forEach(field -> header.append(String.format(Locale.ROOT, "%08X", field)));
        out.write(header.toString().getBytes(StandardCharsets.US_ASCII));
        out.write(text);
        out.write(0);
        written += header.length() + text.length + 1;
        pad();
    }

    private void pad() throws IOException {
        for (; written % 4 != 0; written++) {
            out.write(0);
        }
    }
}
