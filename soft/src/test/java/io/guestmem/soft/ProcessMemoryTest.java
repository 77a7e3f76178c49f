package io.guestmem.soft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Files in the memory of a simulated process, and what the process knows of its pages. */
class ProcessMemoryTest {
    private static final long PAGE = 4096;

    /** Page n is filled with n + 1. */
    private static final FileContent NUMBERED = (offset, page) -> page.fill((byte) (offset / PAGE + 1));

    private final SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults());
    private final SoftProcess process = kernel.process();

    @AfterEach
    void close() {
        kernel.close();
    }

    /** A byte of memory, or a negated errno. */
    private static long load(HostMemory memory, long offset) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment one = arena.allocate(1);
            long result = memory.load(offset, one);
            return result < 0 ? result : one.get(ValueLayout.JAVA_BYTE, 0);
        }
    }

    private static void store(HostMemory memory, long offset, int value) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment one = arena.allocate(1);
            one.set(ValueLayout.JAVA_BYTE, 0, (byte) value);
            assertThat(memory.store(offset, one)).isZero();
        }
    }

    private static BitSet pages(int... numbers) {
        BitSet pages = new BitSet();
        for (int number : numbers) {
            pages.set(number);
        }
        return pages;
    }

    @Test
    void aFileIsMappedWithZeroesBehindIt() {
        try (HostMemory memory = process.map(NUMBERED, PAGE + 1, 4 * PAGE)) {
            assertThat(memory.length()).isEqualTo(4 * PAGE);
            assertThat(load(memory, 0)).isEqualTo(1);
            assertThat(load(memory, PAGE)).isEqualTo(2);
            assertThat(load(memory, 2 * PAGE)).isZero();
            assertThat(load(memory, 4 * PAGE - 1)).isZero();
        }
        assertThat(kernel.inspect().processes().getFirst().memory()).isEmpty();
    }

    @Test
    void storesDoNotReachTheFile() {
        try (HostMemory memory = process.map(NUMBERED, 2 * PAGE, 2 * PAGE)) {
            store(memory, PAGE, 9);
            assertThat(load(memory, PAGE)).isEqualTo(9);
            assertThat(memory.advise(HostAdvice.DONT_NEED, 0, 2 * PAGE)).isZero();
            assertThat(load(memory, PAGE)).isEqualTo(2);
        }
    }

    @Test
    void aFileThatCannotBeReadIsABusError() {
        FileContent broken = (offset, page) -> {
            if (offset > 0) {
                throw new IOException("the file has become shorter");
            }
        };
        try (HostMemory memory = process.map(broken, 2 * PAGE, 2 * PAGE)) {
            assertThat(load(memory, 0)).isZero();
            assertThat(load(memory, PAGE)).isEqualTo(-ErrorNumber.EFAULT.number());
            assertThat(memory.advise(HostAdvice.POPULATE_READ, 0, 2 * PAGE)).isEqualTo(-ErrorNumber.EFAULT.number());
            assertThat(process.presentPages(memory)).isEqualTo(pages(0));
            assertThat(process.pageFaults())
                    .as("those that failed do not count")
                    .isEqualTo(1);
        }
    }

    @Test
    void aFileThatDoesNotFitIsRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> process.map(NUMBERED, PAGE + 1, PAGE));
        assertThatIllegalArgumentException().isThrownBy(() -> process.map(NUMBERED, 0, PAGE));
        assertThat(kernel.inspect().processes().getFirst().memory()).isEmpty();
    }

    @Test
    void lookingAtPagesTouchesNone() {
        try (HostMemory memory = process.allocate(4 * PAGE)) {
            assertThat(process.presentPages(memory)).isEqualTo(pages());
            assertThat(load(memory, 0)).isZero();
            store(memory, 2 * PAGE, 1);
            assertThat(process.presentPages(memory)).isEqualTo(pages(0, 2));
            assertThat(memory.advise(HostAdvice.PAGE_OUT, 2 * PAGE, PAGE)).isZero();
            assertThat(process.presentPages(memory)).as("in swap").isEqualTo(pages(0));
        }
    }

    @Test
    void eachPageThatComesOrBecomesWritableIsAFault() {
        try (HostMemory memory = process.allocate(4 * PAGE)) {
            assertThat(process.pageFaults()).isZero();
            load(memory, 0);
            load(memory, 1);
            assertThat(process.pageFaults()).isEqualTo(1);
            store(memory, 0, 1);
            assertThat(process.pageFaults()).as("the zero page is replaced").isEqualTo(2);
            assertThat(memory.advise(HostAdvice.POPULATE_WRITE, 0, 4 * PAGE)).isZero();
            assertThat(process.pageFaults()).isEqualTo(5);
        }
    }

    @Test
    void aPageThatUserfaultfdServesIsNoFaultOfTheProcess() throws InterruptedException {
        try (GuardedMemory guarded = process.guarded(PAGE)) {
            Thread touching = Thread.ofPlatform().start(() -> load(guarded.memory(), 0));
            assertThat(guarded.awaitFault()).isZero();
            assertThat(guarded.resolve(0, MemorySegment.ofArray(new byte[(int) PAGE])))
                    .isZero();
            touching.join();
            assertThat(process.presentPages(guarded.memory())).isEqualTo(pages(0));
            assertThat(process.pageFaults()).isZero();
        }
    }
}
