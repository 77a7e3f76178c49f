package io.guestmem.soft.host;

import static io.guestmem.soft.host.HostMachine.HUGE;
import static io.guestmem.soft.host.HostMachine.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Ranges whose missing pages somebody serves, as with a userfaultfd. */
@Timeout(60)
class MissingTest {
    private final HostMachine machine = new HostMachine();
    private final AddressSpace space = machine.space;
    private final List<String> faults = new ArrayList<>();

    @AfterEach
    void close() {
        machine.close();
    }

    private static MemorySegment page(long size, int value) {
        byte[] content = new byte[(int) size];
        java.util.Arrays.fill(content, (byte) value);
        return MemorySegment.ofArray(content);
    }

    private MissingHandler fillsWith(long base, int value) {
        return (hva, write) -> {
            faults.add((hva - base) / PAGE + (write ? " write" : " read"));
            assertThat(space.fill(hva, page(PAGE, value))).isZero();
            return true;
        };
    }

    @Test
    void aMissingPageIsServedOnceAndIsWritable() {
        long hva = machine.map(MapRequest.anonymous(4 * PAGE));
        machine.store(hva + PAGE, 1);
        assertThat(space.serveMissing(hva, 4 * PAGE, fillsWith(hva, 7))).isZero();
        assertThat(machine.load(hva)).isEqualTo(7);
        machine.store(hva, 8);
        machine.store(hva + 2 * PAGE, 9);
        assertThat(machine.load(hva + 2 * PAGE + 1)).isEqualTo(7);
        assertThat(machine.load(hva + PAGE)).as("was there before").isEqualTo(1);
        assertThat(faults).containsExactly("0 read", "2 write");
    }

    @Test
    void onlyTheRegisteredPartIsServed() {
        long hva = machine.map(MapRequest.anonymous(4 * PAGE));
        assertThat(space.serveMissing(hva + PAGE, PAGE, fillsWith(hva, 7))).isZero();
        assertThat(space.advise(Advice.POPULATE_READ, hva, 4 * PAGE)).isZero();
        assertThat(faults).containsExactly("1 read");
        assertThat(space.advise(Advice.DONTNEED, hva, 4 * PAGE)).isZero();
        assertThat(space.serveMissing(hva + PAGE, PAGE, null)).isZero();
        assertThat(machine.load(hva + PAGE)).isZero();
        assertThat(faults).hasSize(1);
    }

    @Test
    void aPageOfAMemfdIsMissingOnlyIfItsFileHasNone() {
        SharedFile memfd = machine.memfd(2 * PAGE);
        long hva = machine.map(MapRequest.shared(memfd, 0, 2 * PAGE));
        long other = machine.map(MapRequest.shared(memfd, 0, 2 * PAGE));
        machine.store(other, 1);
        assertThat(space.serveMissing(hva, 2 * PAGE, fillsWith(hva, 7))).isZero();
        assertThat(machine.load(hva)).isEqualTo(1);
        assertThat(machine.load(hva + PAGE)).isEqualTo(7);
        assertThat(machine.load(other + PAGE)).isEqualTo(7);
        assertThat(faults).containsExactly("1 read");
    }

    @Test
    void aHugetlbPageIsFilledWhole() {
        long hva = machine.map(MapRequest.hugetlb(2, HUGE));
        assertThat(space.serveMissing(hva, HUGE, (at, _) -> {
                    faults.add(Long.toString((at - hva) / PAGE));
                    return space.fill(hva, page(HUGE, 3)) == 0;
                }))
                .isZero();
        assertThat(machine.load(hva + 5 * PAGE)).isEqualTo(3);
        assertThat(faults).containsExactly("0");
        assertThat(machine.table(hva, HUGE)).containsExactly("[0,512) 2M WRITABLE");
    }

    @Test
    void anInterruptedWaitIsEintr() {
        long hva = machine.map(MapRequest.anonymous(PAGE));
        assertThat(space.serveMissing(hva, PAGE, (_, _) -> false)).isZero();
        assertThat(HostMachine.text(space.faultIn(hva, true))).isEqualTo("EINTR");
        assertThat(space.advise(Advice.POPULATE_READ, hva, PAGE)).isEqualTo(-ErrorNumber.EINTR.number());
        assertThat(machine.table(hva, PAGE)).containsExactly("[0,1) 4K ABSENT");
    }

    @Test
    void fillingChecksItsPage() {
        long hva = machine.map(MapRequest.anonymous(2 * PAGE));
        assertThat(space.fill(hva, page(PAGE, 1))).isEqualTo(-ErrorNumber.ENOENT.number());
        assertThat(space.serveMissing(hva, PAGE, (_, _) -> false)).isZero();
        assertThat(space.fill(hva, page(PAGE, 1))).isZero();
        assertThat(space.fill(hva, page(PAGE, 2))).isEqualTo(-ErrorNumber.EEXIST.number());
        assertThat(space.fill(hva, page(10, 2))).isEqualTo(-ErrorNumber.EINVAL.number());
        assertThat(space.fill(hva + PAGE, page(PAGE, 2))).isEqualTo(-ErrorNumber.ENOENT.number());
        assertThat(machine.load(hva)).isEqualTo(1);
    }

    @Test
    void whatCannotBeServedIsRefused() {
        long file = machine.map(MapRequest.privateFile(machine.file(PAGE), 0, PAGE));
        assertThat(space.serveMissing(file, PAGE, (_, _) -> true)).isEqualTo(-ErrorNumber.EINVAL.number());
        assertThat(space.serveMissing(file, 5 * PAGE, (_, _) -> true)).isEqualTo(-ErrorNumber.EINVAL.number());
    }

    @Test
    void theFaultWaitsWithoutALockUntilAnotherThreadFills() throws InterruptedException {
        long hva = machine.map(MapRequest.anonymous(2 * PAGE));
        CountDownLatch waiting = new CountDownLatch(1);
        CountDownLatch filled = new CountDownLatch(1);
        assertThat(space.serveMissing(hva, PAGE, (_, _) -> {
                    waiting.countDown();
                    try {
                        filled.await();
                        return true;
                    } catch (InterruptedException _) {
                        return false;
                    }
                }))
                .isZero();
        AtomicLong result = new AtomicLong();
        Thread faulting = Thread.ofPlatform().name("faulting").start(() -> result.set(space.faultIn(hva, false)));
        waiting.await();
        machine.store(hva + PAGE, 1);
        assertThat(space.fill(hva, page(PAGE, 4))).isZero();
        filled.countDown();
        faulting.join();
        assertThat(HostMachine.text(result.get())).isEqualTo("rw 4K");
        assertThat(machine.load(hva)).isEqualTo(4);
    }
}
