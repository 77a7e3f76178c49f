package io.guestmem.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** {@code ppoll(2)}: waits for a few descriptors, once. For many, or again and again, there is {@link Epoll}. */
public final class Poll {
    private static final long EINTR = Errno.EINTR.number();

    private Poll() {}

    /**
     * A descriptor and what it is waited for.
     *
     * @param descriptor stays open until the wait has ended, whoever closes it
     * @param events {@link PollEvents#ERROR} and {@link PollEvents#HANG_UP} are reported without asking
     */
    public record Interest(FileDescriptor descriptor, PollEvents events) {}

    /**
     * Waits for one descriptor; goes on for the time that is left when a signal interrupts it.
     *
     * @param timeout in nanoseconds; 0 does not wait, negative waits for ever
     * @return what it is ready for, nothing if the time is over
     * @throws LinuxException with the errno of {@code ppoll(2)}
     */
    public static PollEvents await(FileDescriptor descriptor, PollEvents events, long timeout) {
        return await(List.of(new Interest(descriptor, events)), timeout).getFirst();
    }

    /**
     * As {@link #await(FileDescriptor, PollEvents, long)}, until at least one of several is ready.
     *
     * @return one for each of {@code interests}, in their order
     */
    public static List<PollEvents> await(List<Interest> interests, long timeout) {
        int held = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment table = arena.allocate(interests.size() * PollfdLayout.SIZE, Long.BYTES);
            for (Interest interest : interests) {
                interest.descriptor().begin();
                long at = held * PollfdLayout.SIZE;
                held++;
                table.set(
                        ValueLayout.JAVA_INT,
                        at + PollfdLayout.FD,
                        interest.descriptor().number());
                table.set(ValueLayout.JAVA_SHORT, at + PollfdLayout.EVENTS, (short)
                        interest.events().bits());
            }
            poll(table, interests.size(), arena.allocate(TimespecLayout.SIZE, Long.BYTES), Deadline.in(timeout));
            return results(table, interests.size());
        } finally {
            interests.subList(0, held).forEach(interest -> interest.descriptor().end());
        }
    }

    private static void poll(MemorySegment table, int count, MemorySegment time, Deadline deadline) {
        long result;
        do {
            result = SystemCall.once(SystemCallNumber.PPOLL, table.address(), count, deadline.timespec(time), 0, 0, 0);
        } while (result == -EINTR);
        LinuxException.check(result, "ppoll");
    }

    private static List<PollEvents> results(MemorySegment table, int count) {
        List<PollEvents> results = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            short bits = table.get(ValueLayout.JAVA_SHORT, i * PollfdLayout.SIZE + PollfdLayout.REVENTS);
            results.add(new PollEvents(Short.toUnsignedInt(bits)));
        }
        return results;
    }
}
