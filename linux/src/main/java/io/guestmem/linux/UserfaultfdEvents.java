package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * The messages of one {@code read(2)} on a userfaultfd, up to {@value #CAPACITY} at once.
 *
 * <p>{@link #read} fills it, {@link #get} gives a message as a type, and {@link #kind}, {@link #address} and the other raw
 * accessors give its fields without allocating. Within one batch the kernel hands out page faults before all other events,
 * whatever came first.
 *
 * <p>Not thread-safe.
 */
public final class UserfaultfdEvents implements AutoCloseable {
    /** Messages that one {@link #read} takes at most. */
    public static final int CAPACITY = 64;

    /** The {@link #kind} of {@link UserfaultfdEvent.PageFault}. */
    public static final int PAGE_FAULT = UffdMsgLayout.PAGEFAULT;
    /** The {@link #kind} of {@link UserfaultfdEvent.Fork}. */
    public static final int FORK = UffdMsgLayout.FORK;
    /** The {@link #kind} of {@link UserfaultfdEvent.Remap}. */
    public static final int REMAP = UffdMsgLayout.REMAP;
    /** The {@link #kind} of {@link UserfaultfdEvent.Remove}. */
    public static final int REMOVE = UffdMsgLayout.REMOVE;
    /** The {@link #kind} of {@link UserfaultfdEvent.Unmap}. */
    public static final int UNMAP = UffdMsgLayout.UNMAP;

    /** The memory that {@link #CAPACITY} messages take, in bytes. */
    public static final long BYTES = CAPACITY * UffdMsgLayout.SIZE;

    private final MemorySegment messages;
    private final MemorySegment vector = Arena.ofAuto().allocate(IovecLayout.SIZE, Long.BYTES);

    /** Position is that of the fork message; null where there is none, or once somebody took it. */
    private final @Nullable Userfaultfd[] children = new @Nullable Userfaultfd[CAPACITY];

    private int size;
    private boolean canAskNow = true;

    /** Makes an empty batch. */
    public UserfaultfdEvents() {
        this(Arena.ofAuto().allocate(BYTES, Long.BYTES));
    }

    /**
     * Makes an empty batch in given memory, for example in a shared file: what the kernel has handed out then outlives this
     * process.
     *
     * @param messages native memory of {@link #BYTES}, aligned to 8; read with {@link #reread} by whoever comes after
     */
    public UserfaultfdEvents(MemorySegment messages) {
        if (messages.byteSize() != BYTES) {
            throw new IllegalArgumentException("not " + BYTES + " bytes: " + messages.byteSize());
        }
        this.messages = messages;
        vector.set(ValueLayout.JAVA_LONG, IovecLayout.BASE, messages.address());
        vector.set(ValueLayout.JAVA_LONG, IovecLayout.LEN, BYTES);
    }

    /**
     * Takes all of the memory as messages, as it stands: for messages that another process has read. Children of forks are
     * not among them, as their descriptors were that process's.
     *
     * @return {@link #CAPACITY}; messages that were never filled are of a {@link #kind} that was there before
     */
    public int reread() {
        close();
        size = CAPACITY;
        return size;
    }

    /** Makes all messages of kind 0, so that {@link #reread} finds nothing that was dealt with, and empties the batch. */
    public void clear() {
        for (int index = 0; index < size; index++) {
            messages.set(ValueLayout.JAVA_BYTE, index * UffdMsgLayout.SIZE + UffdMsgLayout.EVENT, (byte) 0);
        }
        close();
    }

    /**
     * Reads the messages that are pending, in place of those of the last call; children of those that nobody took are closed.
     *
     * <p>Blocks only if the descriptor blocks, which one that another process has too may do at any time, on a kernel before 6.10:
     * later ones are asked not to ({@code RWF_NOWAIT}).
     *
     * @return how many there are, 0 if none is pending
     * @throws LinuxException with the errno of {@code read(2)}: {@code EINVAL} before the handshake
     */
    public int read(Userfaultfd from) {
        close();
        long bytes = canAskNow
                ? from.descriptor().readNow(vector)
                : from.descriptor().read(messages);
        if (bytes == -Errno.EOPNOTSUPP.number()) {
            canAskNow = false;
            bytes = from.descriptor().read(messages);
        }
        if (bytes != -Errno.EAGAIN.number()) {
            if (bytes < 0) {
                throw new LinuxException("read", Errno.ofResult(bytes), from);
            }
            size = (int) (bytes / UffdMsgLayout.SIZE);
            adoptChildren();
        }
        return size;
    }

    /** How many messages the last {@link #read} returned. */
    public int size() {
        return size;
    }

    /** What message {@code index} is: one of the constants of this class, or a number that it does not know. */
    public int kind(int index) {
        return messages.get(ValueLayout.JAVA_BYTE, at(index) + UffdMsgLayout.EVENT) & 0xFF;
    }

    /** The fault address of a page fault. */
    public long address(int index) {
        return messages.get(ValueLayout.JAVA_LONG, at(index) + UffdMsgLayout.ADDRESS);
    }

    /** The flags of a page fault, see {@link UserfaultfdEvent.PageFault}. */
    public long flags(int index) {
        return messages.get(ValueLayout.JAVA_LONG, at(index) + UffdMsgLayout.FLAGS);
    }

    /** The thread of a page fault, 0 if not known. */
    public int threadId(int index) {
        return messages.get(ValueLayout.JAVA_INT, at(index) + UffdMsgLayout.PTID);
    }

    /** The first byte of a removed or unmapped range. */
    public long start(int index) {
        return messages.get(ValueLayout.JAVA_LONG, at(index) + UffdMsgLayout.START);
    }

    /** Behind the last byte of a removed or unmapped range. */
    public long end(int index) {
        return messages.get(ValueLayout.JAVA_LONG, at(index) + UffdMsgLayout.END);
    }

    /**
     * Message {@code index} as a type. A {@link UserfaultfdEvent.Fork} hands its child over to the caller, once.
     *
     * @throws IllegalStateException if the child of a fork was taken before
     */
    public UserfaultfdEvent get(int index) {
        return switch (kind(index)) {
            case PAGE_FAULT -> new UserfaultfdEvent.PageFault(address(index), flags(index), threadId(index));
            case FORK -> new UserfaultfdEvent.Fork(takeChild(index));
            case REMAP ->
                new UserfaultfdEvent.Remap(
                        messages.get(ValueLayout.JAVA_LONG, at(index) + UffdMsgLayout.FROM),
                        messages.get(ValueLayout.JAVA_LONG, at(index) + UffdMsgLayout.TO),
                        messages.get(ValueLayout.JAVA_LONG, at(index) + UffdMsgLayout.LEN));
            case REMOVE -> new UserfaultfdEvent.Remove(start(index), end(index));
            case UNMAP -> new UserfaultfdEvent.Unmap(start(index), end(index));
            default -> new UserfaultfdEvent.Unknown(kind(index));
        };
    }

    /** Empties the batch and closes the children of forks that nobody took. */
    @Override
    public void close() {
        for (int index = 0; index < size; index++) {
            Userfaultfd child = children[index];
            if (child != null) {
                children[index] = null;
                child.close();
            }
        }
        size = 0;
    }

    private void adoptChildren() {
        for (int index = 0; index < size; index++) {
            if (kind(index) == FORK) {
                int number = messages.get(ValueLayout.JAVA_INT, at(index) + UffdMsgLayout.UFD);
                FileDescriptor child = FileDescriptor.adopt(number, "userfaultfd of a forked child");
                children[index] = Userfaultfd.adopt(child);
            }
        }
    }

    private Userfaultfd takeChild(int index) {
        Userfaultfd child = children[index];
        if (child == null) {
            throw new IllegalStateException("the child of message " + index + " was taken before");
        }
        children[index] = null;
        return child;
    }

    private long at(int index) {
        if (index < 0 || index >= size) {
            throw new IndexOutOfBoundsException(index + " of " + size);
        }
        return index * UffdMsgLayout.SIZE;
    }
}
