package io.guestmem.conform;

import io.guestmem.linux.Errno;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.GuardedMapping;
import io.guestmem.linux.HandshakeResult;
import io.guestmem.linux.InstallMode;
import io.guestmem.linux.InstallResult;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Poll;
import io.guestmem.linux.PollEvents;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.linux.UserfaultfdEvents;
import io.guestmem.linux.UserfaultfdFeature;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;

/** Anonymous memory under a userfaultfd of this process. */
final class LinuxGuardedMemory implements HostActions.GuardedMemory {
    private final Userfaultfd userfaultfd;
    private final GuardedMapping mapping;

    private LinuxGuardedMemory(Userfaultfd userfaultfd, GuardedMapping mapping) {
        this.userfaultfd = userfaultfd;
        this.mapping = mapping;
    }

    /**
     * Maps and registers.
     *
     * @throws LinuxException if this process may not
     */
    static LinuxGuardedMemory of(long length) {
        Userfaultfd userfaultfd = Userfaultfd.open(FaultScope.USER_AND_KERNEL);
        GuardedMapping mapping = null;
        try {
            if (userfaultfd.handshake(EnumSet.noneOf(UserfaultfdFeature.class))
                    instanceof HandshakeResult.Refused refused) {
                throw new LinuxException("UFFDIO_API", refused.errno());
            }
            mapping = GuardedMapping.anonymous(length, Sharing.PRIVATE);
            userfaultfd.register(mapping, EnumSet.of(RegisterMode.MISSING));
            return new LinuxGuardedMemory(userfaultfd, mapping);
        } catch (LinuxException failed) {
            if (mapping != null) {
                mapping.close();
            }
            userfaultfd.close();
            throw failed;
        }
    }

    @Override
    public long hva() {
        return mapping.address();
    }

    @Override
    public long awaitFault() {
        long deadline = System.nanoTime() + Background.LIMIT.toNanos();
        try (UserfaultfdEvents events = new UserfaultfdEvents()) {
            while (System.nanoTime() < deadline) {
                Poll.await(userfaultfd.descriptor(), PollEvents.READABLE, deadline - System.nanoTime());
                if (events.read(userfaultfd) > 0) {
                    return (events.address(0) & -Numbers.PAGE) - mapping.address();
                }
            }
        }
        throw new MismatchException("userfaultfd", "a fault", "none");
    }

    @Override
    public void resolve(long offset, long value) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment page = arena.allocate(Numbers.PAGE, Numbers.PAGE);
            page.set(ValueLayout.JAVA_LONG, 0, value);
            long deadline = System.nanoTime() + Background.LIMIT.toNanos();
            InstallResult result;
            do {
                result = userfaultfd.copy(mapping.address() + offset, page, InstallMode.WAKE);
            } while (result instanceof InstallResult.Changing && System.nanoTime() < deadline);
            if (!(result instanceof InstallResult.Complete)) {
                throw new LinuxException("UFFDIO_COPY", Errno.EAGAIN, result);
            }
        }
    }

    @Override
    public void close() {
        userfaultfd.close();
        mapping.close();
    }
}
