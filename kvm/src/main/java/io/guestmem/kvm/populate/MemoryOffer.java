package io.guestmem.kvm.populate;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.kvm.MappedHostMemory;
import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.PeerCredentials;
import io.guestmem.linux.Protection;
import io.guestmem.linux.ReceiveResult;
import io.guestmem.linux.SendResult;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.UnixSocket;
import io.guestmem.linux.Userfaultfd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Guest memory that a VM's process offers to another one over a unix socket, to be populated there: descriptors ({@code SCM_RIGHTS})
 * with the ranges that they are. Both sides look at the other's user ({@code SO_PEERCRED}) before anything is sent or believed.
 *
 * <pre>{@code
 * u64 magic            //  0  "GMOFFER1"
 * u64 count            //  8  1 to 64, as many descriptors come with the first byte
 * {                    // 16 + 32 n, all in the order of the machine
 *     u64 kind;        //  0  0 a file to map: memfd or guest_memfd, 1 a userfaultfd
 *     u64 gpa;         //  8  multiples of 4096
 *     u64 size;        // 16
 *     u64 where;       // 24  offset in the file, or address in the sender's memory
 * } parts[count];
 * }</pre>
 */
public final class MemoryOffer {
    private static final long MAGIC = 0x3152_4546_464f_4d47L;
    private static final long HEADER = 16;
    private static final long PART = 32;
    private static final int MOST_PARTS = 64;
    private static final long FILE = 0;
    private static final long USERFAULTFD = 1;

    private MemoryOffer() {}

    /** A range and the descriptor that reaches it. */
    public sealed interface Part {
        /** In guest-physical memory: multiples of 4096. */
        GuestRange range();

        /** Stays owned by the sender. */
        FileDescriptor descriptor();

        /**
         * A memfd, or a guest_memfd made to be mapped.
         *
         * @param offset where the range begins in it, a multiple of 4096
         */
        record OfFile(GuestRange range, FileDescriptor descriptor, long offset) implements Part {}

        /**
         * Memory of the sender under a userfaultfd.
         *
         * @param address where the range begins in the sender's memory
         */
        record OfUserfaultfd(GuestRange range, FileDescriptor descriptor, long address) implements Part {}
    }

    /** How sending ended. */
    public sealed interface Sending {}

    /** The other side has it. */
    public record Sent() implements Sending {}

    /** How receiving ended. */
    public sealed interface Receiving {}

    /** The memory is here; to be closed when it is populated. */
    public record Received(OfferedMemory memory) implements Receiving {}

    /** The other side belongs to another user: nothing was sent, nothing was looked at. */
    public record Stranger(PeerCredentials peer) implements Sending, Receiving {}

    /** The connection failed, or what came is no offer that can be populated; every descriptor of it is closed. */
    public record Failed(String why) implements Sending, Receiving {}

    /**
     * Offers memory.
     *
     * @param uid the user whose processes may have it
     * @param parts 1 to 64
     */
    public static Sending send(UnixSocket socket, int uid, List<Part> parts) {
        PeerCredentials peer = socket.peer();
        if (peer.uid() != uid) {
            return new Stranger(peer);
        }
        if (parts.isEmpty() || parts.size() > MOST_PARTS) {
            throw new IllegalArgumentException("not 1 to 64 parts: " + parts.size());
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment message = arena.allocate(HEADER + PART * parts.size(), Long.BYTES);
            put(message, 0, MAGIC, parts.size());
            for (int i = 0; i < parts.size(); i++) {
                Part part = parts.get(i);
                long where = part instanceof Part.OfFile file ? file.offset() : 0;
                where += part instanceof Part.OfUserfaultfd guarded ? guarded.address() : 0;
                long kind = part instanceof Part.OfFile ? FILE : USERFAULTFD;
                GuestRange range = part.range();
                put(message, HEADER + PART * i, kind, range.start().value(), range.size(), where);
            }
            FileDescriptor[] descriptors = parts.stream().map(Part::descriptor).toArray(FileDescriptor[]::new);
            return switch (socket.send(message, descriptors)) {
                case SendResult.Complete _ -> new Sent();
                case SendResult.Stopped stopped -> new Failed("sendmsg: " + stopped.errno());
            };
        }
    }

    private static void put(MemorySegment message, long at, long... values) {
        MemorySegment.copy(values, 0, message, ValueLayout.JAVA_LONG, at, values.length);
    }

    /**
     * Waits for an offer and opens it.
     *
     * @param uid the user whose offers are believed
     */
    public static Receiving receive(UnixSocket socket, int uid) {
        PeerCredentials peer = socket.peer();
        if (peer.uid() != uid) {
            return new Stranger(peer);
        }
        List<FileDescriptor> descriptors = new ArrayList<>();
        List<Runnable> opened = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            long[] header = read(socket, arena.allocate(HEADER, Long.BYTES), descriptors);
            if (header[0] != MAGIC || header[1] < 1 || header[1] > MOST_PARTS || header[1] != descriptors.size()) {
                throw new IllegalArgumentException("no offer, or not a descriptor for each part");
            }
            long[] parts = read(socket, arena.allocate(PART * header[1], Long.BYTES), descriptors);
            GuestMemory.Builder guest = GuestMemory.builder();
            for (int i = 0; i < header[1]; i++) {
                open(guest, parts, 4 * i, descriptors.get(i), opened);
            }
            return new Received(new OfferedMemory(guest.build(), opened));
        } catch (LinuxException | IllegalArgumentException refused) {
            opened.forEach(Runnable::run);
            return new Failed(String.valueOf(refused.getMessage()));
        } finally {
            // Those of userfaultfds are duplicates of what the offer keeps.
            descriptors.forEach(FileDescriptor::close);
        }
    }

    private static long[] read(UnixSocket socket, MemorySegment into, List<FileDescriptor> descriptors) {
        long got = 0;
        while (got < into.byteSize()) {
            switch (socket.receive(into.asSlice(got), MOST_PARTS)) {
                case ReceiveResult.Received received -> {
                    got += received.bytes();
                    descriptors.addAll(received.descriptors());
                }
                case ReceiveResult.EndOfStream _ -> throw new IllegalArgumentException("the connection ended");
                case ReceiveResult.Refused refused -> throw new LinuxException("recvmsg", refused.errno());
            }
        }
        return into.toArray(ValueLayout.JAVA_LONG);
    }

    private static void open(
            GuestMemory.Builder guest, long[] parts, int at, FileDescriptor descriptor, List<Runnable> opened) {
        long kind = parts[at];
        GuestRange range = GuestRange.of(parts[at + 1], parts[at + 2]);
        long where = parts[at + 3];
        PopulationStep.map(range).malformed().ifPresent(rule -> {
            throw new IllegalArgumentException(rule);
        });
        if (kind == USERFAULTFD) {
            Userfaultfd userfaultfd = Userfaultfd.adopt(descriptor.duplicate());
            opened.add(userfaultfd::close);
            guest.target(range, new UserfaultfdTarget(userfaultfd, where));
            return;
        }
        long size = descriptor.status().size();
        if (kind != FILE || where < 0 || where % GuestPhysical.PAGE_SIZE != 0 || range.size() > size - where) {
            throw new IllegalArgumentException(
                    range + " at " + where + " is not inside the file of " + size + " bytes");
        }
        MappedHostMemory memory = new MappedHostMemory(
                Mapping.of(descriptor, where, range.size(), Protection.READ_WRITE, Sharing.SHARED));
        opened.add(memory::close);
        guest.memory(range.start(), memory);
    }
}
