package io.guestmem.pager.workingset;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.zip.CRC32C;

/**
 * A working set on disk, and where the contents of its pages are if the file has them. The format is that of docs/formats.md.
 *
 * @param set the pages
 * @param contents empty if the file has the numbers of the pages only
 */
public record WorkingSetFile(WorkingSet set, Optional<Contents> contents) {
    /** What writes something behind the index of a file that is being made. */
    interface Body {
        /** Writes it; what it returns stands in the index. */
        Optional<Contents> write(FileChannel file) throws IOException;
    }

    /**
     * Reads a file's index and checks all of it.
     *
     * @throws WorkingSetException if it is no working set, is cut off, is of another version, or contradicts itself
     * @throws IOException if it cannot be read
     */
    public static WorkingSetFile read(Path path) throws IOException {
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ)) {
            if (!Files.isRegularFile(path)) {
                throw new WorkingSetException(path + ": not a regular file");
            }
            return new WorkingSetReader(path).read(file);
        }
    }

    /**
     * Writes a set without contents, so that the file is there as a whole or not at all.
     *
     * @throws IOException if it cannot be written; a file that was there before is as it was then
     */
    public static void write(Path path, WorkingSet set) throws IOException {
        write(path, set, _ -> Optional.empty());
    }

    static void write(Path path, WorkingSet set, Body body) throws IOException {
        Path absolute = path.toAbsolutePath();
        String suffix = Long.toHexString(ThreadLocalRandom.current().nextLong());
        Path fresh = absolute.resolveSibling("." + path.getFileName() + "." + suffix + ".new");
        try {
            try (FileChannel file = FileChannel.open(fresh, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                Optional<Contents> contents = body.write(file);
                ByteBuffer index = index(set, contents);
                if (index.limit() > WorkingSetHead.LONGEST_INDEX) {
                    throw new IOException("an index of " + index.limit() + " bytes is more than the format allows");
                }
                long at = 0;
                while (index.hasRemaining()) {
                    at += file.write(index, at);
                }
                file.force(true);
            }
            Files.move(fresh, absolute, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (FileSystemException named) {
            throw named;
        } catch (IOException failed) {
            throw new FileSystemException(path.toString(), null, failed.getMessage());
        } finally {
            Files.deleteIfExists(fresh);
        }
    }

    /** The length of an index without pieces. */
    static long indexLength(WorkingSet set) {
        return index(set, Optional.empty()).limit();
    }

    private static ByteBuffer index(WorkingSet set, Optional<Contents> contents) {
        byte[] entries = entries(set);
        int pieces = contents.map(each -> each.pieces().size()).orElse(0);
        int regions = set.memory().extents().size();
        int files = set.snapshot().files().size();
        int length = WorkingSetHead.SIZE
                + regions * WorkingSetHead.REGION_SIZE
                + files * WorkingSetHead.SNAPSHOT_FILE_SIZE
                + entries.length
                + pieces * WorkingSetHead.PIECE_SIZE;
        ByteBuffer index = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        index.putLong(WorkingSetHead.MAGIC).putInt(WorkingSetHead.VERSION).putInt(0);
        index.putLong(contents.map(each -> each.offset() + each.length()).orElse((long) length))
                .putLong(length);
        index.putLong(set.memory().pageSize()).putLong(set.pages());
        index.putInt(set.runs())
                .putInt(regions)
                .putInt(files)
                .putInt(set.order().size());
        index.putLong(entries.length).putLong(pieces);
        index.putLong(contents.map(Contents::offset).orElse(0L))
                .putLong(contents.map(Contents::length).orElse(0L));
        set.memory().extents().forEach(extent -> index.putLong(extent.offset()).putLong(extent.bytes()));
        set.snapshot().files().forEach(file -> index.putLong(file.length()).putLong(file.modifiedNanos()));
        index.put(entries);
        contents.ifPresent(each -> each.pieces()
                .forEach(piece -> index.putLong(piece.page())
                        .putInt((int) piece.pages())
                        .putInt(piece.checksum())
                        .putLong(piece.offset())));
        index.flip();
        return index.putInt(WorkingSetHead.CHECKSUM, checksum(index));
    }

    /** Of an index, with the field of the checksum as 0. */
    static int checksum(ByteBuffer index) {
        CRC32C checksum = new CRC32C();
        checksum.update(index.slice(0, WorkingSetHead.CHECKSUM));
        checksum.update(new byte[Integer.BYTES]);
        int behind = WorkingSetHead.CHECKSUM + Integer.BYTES;
        checksum.update(index.slice(behind, index.limit() - behind));
        return (int) checksum.getValue();
    }

    private static byte[] entries(WorkingSet set) {
        ByteArrayOutputStream entries = new ByteArrayOutputStream();
        EntryCodec codec = new EntryCodec();
        set.order().forEach(run -> codec.write(entries, run));
        return entries.toByteArray();
    }
}
