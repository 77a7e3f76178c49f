package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;

/** A mapping, the userfaultfd that guards it, and the messages that come of it. */
final class Guarded implements AutoCloseable {
    static final long PAGE = MappedMemory.PAGE_SIZE;
    static final Set<RegisterMode> MISSING = Set.of(RegisterMode.MISSING);

    final Userfaultfd userfaultfd;
    final GuardedMapping memory;
    final UserfaultfdEvents events = new UserfaultfdEvents();

    private Guarded(Userfaultfd userfaultfd, GuardedMapping memory) {
        this.userfaultfd = userfaultfd;
        this.memory = memory;
    }

    static Guarded anonymous(int pages, Set<RegisterMode> modes, UserfaultfdFeature... features) {
        return of(GuardedMapping.anonymous(pages * PAGE, Sharing.PRIVATE), modes, features);
    }

    static Guarded of(GuardedMapping memory, Set<RegisterMode> modes, UserfaultfdFeature... features) {
        Userfaultfd userfaultfd;
        try {
            userfaultfd = open(FaultScope.USER_AND_KERNEL);
        } catch (RuntimeException skipped) {
            memory.close();
            throw skipped;
        }
        Guarded guarded = new Guarded(userfaultfd, memory);
        try {
            HandshakeResult answer = userfaultfd.handshake(Set.of(features));
            Assumptions.assumeTrue(
                    answer instanceof HandshakeResult.Agreed, () -> "this kernel lacks one of " + Set.of(features));
            userfaultfd.register(memory, modes);
            return guarded;
        } catch (RuntimeException failed) {
            guarded.close();
            throw failed;
        }
    }

    /** Opens one, or skips the test and says why. */
    static Userfaultfd open(FaultScope scope) {
        try {
            return Userfaultfd.open(scope);
        } catch (LinuxException refused) {
            return Assumptions.abort("no userfaultfd on this machine: " + refused.getMessage());
        }
    }

    long page(int index) {
        return memory.address() + index * PAGE;
    }

    /** Touches one page by system call, on a thread that may block. */
    Background<AdviceResult> touch(int index, Advice advice) {
        return Background.start("touch", () -> memory.advise(advice, index * PAGE, PAGE));
    }

    /** Waits for the one message that must come. */
    UserfaultfdEvent next() {
        PollEvents ready = Poll.await(userfaultfd.descriptor(), PollEvents.READABLE, TimeUnit.SECONDS.toNanos(30));
        assertThat(ready).describedAs("an event within 30 s").isEqualTo(PollEvents.READABLE);
        assertThat(events.read(userfaultfd)).isEqualTo(1);
        return events.get(0);
    }

    /** The first byte of a page, read by system call. */
    byte contentOf(int index) {
        try (Mapping buffer = Mapping.anonymous(PAGE, Sharing.PRIVATE)) {
            long read = ProcessMemory.read((int) ProcessHandle.current().pid(), page(index), buffer.segment());
            assertThat(read).isEqualTo(PAGE);
            byte first = buffer.segment().get(ValueLayout.JAVA_BYTE, 0);
            assertThat(buffer.segment().get(ValueLayout.JAVA_BYTE, PAGE - 1)).isEqualTo(first);
            return first;
        }
    }

    /** Who still waits for a page reads zeroes. */
    @Override
    public void close() {
        events.close();
        userfaultfd.close();
        memory.close();
    }
}
