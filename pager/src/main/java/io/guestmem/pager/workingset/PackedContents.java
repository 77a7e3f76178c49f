package io.guestmem.pager.workingset;

import io.guestmem.linux.Errno;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.MappedMemory;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.OpenMode;
import io.guestmem.linux.Sharing;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * The contents of a working set's pages, in memory: read from their file in one sequential read, and checked. What is installed is
 * what was checked, whatever becomes of the file. Immutable.
 */
public final class PackedContents implements AutoCloseable {
    private final Mapping mapping;
    private final Contents contents;

    private PackedContents(Mapping mapping, Contents contents) {
        this.mapping = mapping;
        this.contents = contents;
    }

    /**
     * Reads them.
     *
     * @param pageSize of the set, in bytes
     * @throws WorkingSetException if the file has become shorter, or if a piece is not what its checksum says
     * @throws LinuxException with the errno of {@code openat(2)}, {@code mmap(2)} or {@code pread(2)}
     */
    public static PackedContents read(Path path, Contents contents, long pageSize) {
        long length = Math.max(MappedMemory.PAGE_SIZE, contents.length());
        Mapping mapping = Mapping.anonymous(length, Sharing.PRIVATE);
        try (FileDescriptor file = FileDescriptor.open(path, OpenMode.READ)) {
            fill(file, path, contents, mapping.segment().asSlice(0, contents.length()));
            for (Contents.Piece piece : contents.pieces()) {
                check(path, piece, contents, mapping.segment(), pageSize);
            }
            return new PackedContents(mapping, contents);
        } catch (RuntimeException failed) {
            mapping.close();
            throw failed;
        }
    }

    private static void fill(FileDescriptor file, Path path, Contents contents, MemorySegment into) {
        long done = 0;
        while (done < into.byteSize()) {
            long at = contents.offset() + done;
            long read = file.readAt(at, into.asSlice(done));
            if (read < 0) {
                throw new LinuxException("pread", Errno.ofResult(read), path, at);
            }
            if (read == 0) {
                throw new WorkingSetException(path + ": byte " + at + ": the file has become shorter");
            }
            done += read;
        }
    }

    private static void check(Path path, Contents.Piece piece, Contents contents, MemorySegment all, long pageSize) {
        if (!piece.isZero()
                && checksum(all.asSlice(piece.offset() - contents.offset(), piece.pages() * pageSize))
                        != piece.checksum()) {
            throw new WorkingSetException(path + ": byte " + piece.offset() + ": the checksum of the content of "
                    + piece.pages() + " pages from page " + piece.page() + " is wrong: the file is damaged");
        }
    }

    /** CRC-32C of native memory of any length. */
    static int checksum(MemorySegment memory) {
        CRC32C checksum = new CRC32C();
        long step = 1 << 30;
        for (long at = 0; at < memory.byteSize(); at += step) {
            checksum.update(
                    memory.asSlice(at, Math.min(step, memory.byteSize() - at)).asByteBuffer());
        }
        return (int) checksum.getValue();
    }

    List<Contents.Piece> pieces() {
        return contents.pieces();
    }

    /** The address of a piece's content in this process; 0 for one that is zero, which the snapshot has as a hole. */
    long address(Contents.Piece piece) {
        return piece.isZero() ? 0 : mapping.address() + (piece.offset() - contents.offset());
    }

    /** In bytes. */
    public long length() {
        return contents.length();
    }

    @Override
    public void close() {
        mapping.close();
    }
}
