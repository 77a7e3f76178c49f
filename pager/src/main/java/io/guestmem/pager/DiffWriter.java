package io.guestmem.pager;

import io.guestmem.linux.Errno;
import io.guestmem.linux.ProcessMemory;
import io.guestmem.pager.handshake.GuestMap;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Writes the pages of a cut into a file as long as the memory file, with holes where a page is not in the cut: a layer over the
 * snapshot that the guest was started from, see {@link io.guestmem.pager.source.SnapshotFiles}. Pages of zeroes are written, as a hole would
 * show what lies below.
 *
 * <p>Belongs to one thread, which is never the event thread: reading the guest's memory waits for that one if a page is missing
 * after all. The file has another name until it is complete.
 */
final class DiffWriter {
    private static final long PIECE = 256 << 10;

    private final Guest guest;
    private final GuestMap map;
    private final VmProcess process;
    private final DirtyCut cut;
    private final Path file;
    private long zeroPages;

    private volatile boolean stopped;

    DiffWriter(Guest guest, VmProcess process, DirtyCut cut, Path file) {
        this.guest = guest;
        this.map = guest.map();
        this.process = process;
        this.cut = cut;
        this.file = file;
    }

    /** Makes {@link #write} fail at the next piece. */
    void stop() {
        stopped = true;
    }

    /**
     * Writes the file.
     *
     * @return how many pages of zeroes it has
     * @throws IOException if it cannot be written, or if the content cannot be had; nothing is left of it then
     */
    long write() throws IOException {
        Path partial = file.resolveSibling(
                file.getFileName() + "." + ProcessHandle.current().pid() + "-" + process.pid() + ".partial");
        try {
            write(partial);
            // Unlike a rename, this never replaces what somebody else has put there.
            Files.createLink(file, partial);
            return zeroPages;
        } finally {
            Files.deleteIfExists(partial);
        }
    }

    private void write(Path partial) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(partial.toFile(), "rw");
                FileChannel channel = open.getChannel();
                Arena arena = Arena.ofConfined()) {
            open.setLength(Math.max(map.fileEnd(), guest.source().length()));
            MemorySegment buffer = arena.allocate(Math.max(PIECE, map.pageSize()), map.pageSize());
            long page = 0;
            while (page < map.pages()) {
                serveAsked(channel, buffer);
                page = cut.next(page, map.pages());
                if (page < map.pages()) {
                    page = copy(page, Math.max(1, PIECE / map.pageSize()), channel, buffer);
                }
            }
            channel.force(true);
        }
        if (!process.descriptor().sendSignal(0)) {
            throw new IOException("its process has ended");
        }
    }

    /** Copies the pages that somebody waits to write before all others. */
    private void serveAsked(FileChannel channel, MemorySegment buffer) throws IOException {
        for (long page = cut.nextAsked(); page >= 0; page = cut.nextAsked()) {
            if (cut.content(page) != PageStates.NONE) {
                copy(page, 1, channel, buffer);
            }
            guest.port().wake(map.address(page), map.pageSize());
        }
    }

    /** Copies up to so many pages that lie together and are alike; returns the first one that is not copied. */
    private long copy(long page, long most, FileChannel channel, MemorySegment buffer) throws IOException {
        int content = cut.content(page);
        if (content == PageStates.NONE) {
            return page;
        }
        long limit = Math.min(map.regionEnd(page), page + most);
        long end = page;
        while (end < limit && cut.content(end) == content) {
            end++;
        }
        MemorySegment piece = buffer.asSlice(0, (end - page) * map.pageSize());
        if (content == PageStates.REMOVED) {
            piece.fill((byte) 0);
            zeroPages += end - page;
            cut.copied(page, end);
        } else {
            read(page, end, piece);
        }
        put(channel, map.offset(page), piece);
        return end;
    }

    private void read(long page, long end, MemorySegment piece) throws IOException {
        if (stopped) {
            throw new IOException("serving the VM ended before all was written");
        }
        long read = ProcessMemory.read(process.pid(), map.address(page), piece);
        if (read != piece.byteSize()) {
            String why = read < 0 ? Errno.ofResult(read).toString() : read + " of " + piece.byteSize() + " bytes";
            throw new IOException("process_vm_readv: " + why + ": page " + page + " of process " + process.pid());
        }
        // No removal is read and not marked while the gate is held: none has come before the read, or it is known here.
        guest.gate().enterAhead();
        try {
            String lost = cut.lost();
            if (lost != null) {
                throw new IOException(lost);
            }
            cut.copied(page, end);
        } finally {
            guest.gate().leave();
        }
    }

    private static void put(FileChannel channel, long offset, MemorySegment piece) throws IOException {
        ByteBuffer bytes = piece.asByteBuffer();
        while (bytes.hasRemaining()) {
            channel.write(bytes, offset + bytes.position());
        }
    }

    /** Wakes everybody who waits for a page to be copied, when nothing is copied any more. */
    void wakeAsked() {
        for (long page = cut.nextAsked(); page >= 0; page = cut.nextAsked()) {
            guest.port().wake(map.address(page), map.pageSize());
        }
    }
}
