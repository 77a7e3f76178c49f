package io.guestmem.conform;

import io.guestmem.soft.GuardedMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Memory of the software kernel under a simulated userfaultfd.
 *
 * @param guarded ends with this
 */
record SoftGuardedMemory(GuardedMemory guarded) implements HostActions.GuardedMemory {
    @Override
    public long hva() {
        return guarded.memory().hva();
    }

    @Override
    public long awaitFault() {
        try {
            return guarded.awaitFault(Background.LIMIT)
                    .orElseThrow(() -> new MismatchException("userfaultfd", "a fault", "none"));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for a fault", interrupted);
        }
    }

    @Override
    public void resolve(long offset, long value) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment page = arena.allocate(Numbers.PAGE, Numbers.PAGE);
            page.set(ValueLayout.JAVA_LONG, 0, value);
            long result = guarded.resolve(offset, page);
            if (result != 0) {
                throw new MismatchException("UFFDIO_COPY", "0", Trial.answer(result));
            }
        }
    }

    @Override
    public void close() {
        guarded.close();
    }
}
