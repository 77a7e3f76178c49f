package io.guestmem.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class UnblockedSignalTest {
    @Test
    void aThreadThatReadsGoesOnReadingAfterIt() throws Exception {
        AtomicReference<UnblockedSignal> signal = new AtomicReference<>();
        AtomicReference<Byte> read = new AtomicReference<>();
        CountDownLatch ready = new CountDownLatch(1);
        try (UnixSocket.Pair pair = UnixSocket.pair();
                Arena arena = Arena.ofShared()) {
            MemorySegment one = arena.allocate(1);
            Thread reader = Thread.ofPlatform().name("reader").start(() -> {
                signal.set(UnblockedSignal.toCurrentThread());
                ready.countDown();
                pair.first().receive(one, 0);
                read.set(one.get(ValueLayout.JAVA_BYTE, 0));
            });
            ready.await();

            signal.get().send();
            signal.get().send();
            pair.second().send(arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) 7));
            reader.join();

            assertThat(read.get()).isEqualTo((byte) 7);
        }
    }

    @Test
    void aThreadThatHasEndedIsLeftAlone() throws Exception {
        AtomicReference<UnblockedSignal> signal = new AtomicReference<>();
        Thread thread = Thread.ofPlatform().name("ended").start(() -> signal.set(UnblockedSignal.toCurrentThread()));
        thread.join();

        signal.get().send();

        assertThat(thread.isAlive()).isFalse();
    }
}
