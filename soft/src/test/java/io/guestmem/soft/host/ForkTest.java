package io.guestmem.soft.host;

import static io.guestmem.soft.host.HostMachine.HUGE;
import static io.guestmem.soft.host.HostMachine.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What parent and child see of each other. */
class ForkTest {
    private final HostMachine machine = new HostMachine();
    private final AddressSpace parent = machine.space;

    @AfterEach
    void close() {
        machine.close();
    }

    private AddressSpace fork() {
        return machine.open(parent.fork());
    }

    @Test
    void privatePagesAreSharedUntilOneWrites() {
        long hva = machine.map(MapRequest.anonymous(3 * PAGE));
        machine.store(hva, 1);
        machine.store(hva + PAGE, 2);
        AddressSpace child = fork();
        assertThat(HostFault.pfn(child.faultIn(hva, false))).isEqualTo(HostFault.pfn(parent.faultIn(hva, false)));
        assertThat(machine.frames.inUse()).isEqualTo(2);

        machine.store(hva, 10);
        machine.store(child, hva + PAGE, 20);
        assertThat(machine.load(hva)).isEqualTo(10);
        assertThat(machine.load(child, hva)).isEqualTo(1);
        assertThat(machine.load(hva + PAGE)).isEqualTo(2);
        assertThat(machine.load(child, hva + PAGE)).isEqualTo(20);
        assertThat(machine.table(hva, 3 * PAGE))
                .containsExactly("[0,1) 4K WRITABLE", "[1,2) 4K READ_ONLY", "[2,3) 4K ABSENT");
        assertThat(HostMachine.table(child, hva, 3 * PAGE))
                .containsExactly("[0,1) 4K READ_ONLY", "[1,2) 4K WRITABLE", "[2,3) 4K ABSENT");
        assertThat(parent.residentSet().pages()).isEqualTo(2);
    }

    @Test
    void aWriteCopiesWhatTheOtherSideKeeps() {
        long hva = machine.map(MapRequest.anonymous(PAGE));
        machine.store(hva, 1);
        machine.store(hva + 100, 3);
        AddressSpace child = fork();
        machine.store(child, hva, 2);
        assertThat(machine.load(child, hva + 100)).isEqualTo(3);
        assertThat(machine.guestLoad(child, hva)).isEqualTo(2);
        assertThat(machine.guestLoad(parent, hva)).isEqualTo(1);
    }

    @Test
    void sharedPagesStayShared() {
        long hva = machine.map(MapRequest.shared(machine.memfd(2 * PAGE), 0, 2 * PAGE));
        machine.store(hva, 1);
        AddressSpace child = fork();
        assertThat(child.residentSet().pages())
                .as("shared pages are faulted in again")
                .isZero();
        assertThat(machine.load(child, hva)).isEqualTo(1);
        machine.store(child, hva + PAGE, 5);
        assertThat(machine.load(hva + PAGE)).isEqualTo(5);
    }

    @Test
    void aHugePageIsSharedWholeAndCopiedByPages() {
        long hva = machine.map(MapRequest.anonymous(HUGE).thp(ThpPolicy.ALWAYS));
        machine.store(hva, 1);
        machine.store(hva + 9 * PAGE, 9);
        AddressSpace child = fork();
        machine.store(hva, 2);
        assertThat(machine.table(hva, HUGE)).containsExactly("[0,1) 4K WRITABLE", "[1,512) 4K COW_SHARED");
        assertThat(HostMachine.table(child, hva, HUGE)).containsExactly("[0,512) 2M COW_SHARED");
        assertThat(machine.load(child, hva)).isEqualTo(1);
        assertThat(machine.load(hva + 9 * PAGE)).isEqualTo(9);
        machine.store(child, hva + 9 * PAGE, 8);
        assertThat(machine.load(hva + 9 * PAGE)).isEqualTo(9);
        assertThat(machine.frames.inUse()).isEqualTo(512 + 2);
    }

    @Test
    void aHugetlbPageIsCopiedWhole() {
        long hva = machine.map(MapRequest.hugetlb(2, HUGE));
        machine.store(hva + 5 * PAGE, 1);
        AddressSpace child = fork();
        machine.store(child, hva, 2);
        assertThat(machine.load(child, hva + 5 * PAGE)).isEqualTo(1);
        assertThat(machine.load(hva)).isZero();
        assertThat(machine.frames.inUse()).isEqualTo(1024);
    }

    @Test
    void swappedPagesAreReadBackByBoth() {
        long hva = machine.map(MapRequest.anonymous(PAGE));
        machine.store(hva, 1);
        assertThat(parent.advise(Advice.PAGEOUT, hva, PAGE)).isZero();
        AddressSpace child = fork();
        machine.store(child, hva, 2);
        assertThat(machine.load(hva)).isEqualTo(1);
        assertThat(machine.load(child, hva)).isEqualTo(2);
        assertThat(machine.frames.host.swap.size()).isZero();
    }

    @Test
    void onlyMappingsWithOwnPagesAreToldOf() {
        long hva = machine.map(MapRequest.anonymous(8 * PAGE));
        machine.map(MapRequest.anonymous(4 * PAGE).at(hva + 16 * PAGE));
        machine.map(MapRequest.shared(machine.memfd(4 * PAGE), 0, 4 * PAGE).at(hva + 32 * PAGE));
        machine.store(hva + PAGE, 1);
        machine.load(hva + 16 * PAGE);
        machine.store(hva + 32 * PAGE, 1);
        Told told = new Told(hva);
        parent.register(told);
        fork();
        assertThat(told.take()).containsExactly("[0,8)");
    }

    @Test
    void aPoisonedPageIsLostForBoth() {
        long hva = machine.map(MapRequest.anonymous(HUGE).thp(ThpPolicy.ALWAYS));
        machine.store(hva, 1);
        AddressSpace child = fork();
        Told told = new Told(hva);
        child.register(told);
        assertThat(parent.hwpoison(hva + 3 * PAGE)).isZero();
        assertThat(told.take()).containsExactly("[0,512)", "[3,4)");
        assertThat(HostMachine.text(child.faultIn(hva + 3 * PAGE, false))).isEqualTo("EHWPOISON");
        assertThat(HostMachine.table(child, hva, HUGE))
                .containsExactly("[0,3) 4K COW_SHARED", "[3,4) 4K POISONED", "[4,512) 4K COW_SHARED");
        assertThat(machine.frames.poisoned()).isEqualTo(1);
    }

    @Test
    void aGrandchildMayOutliveEverybody() {
        long hva = machine.map(MapRequest.anonymous(PAGE));
        machine.store(hva, 1);
        AddressSpace child = fork();
        AddressSpace grandchild = machine.open(child.fork());
        child.close();
        parent.close();
        assertThat(HostMachine.table(grandchild, hva, PAGE)).containsExactly("[0,1) 4K READ_ONLY");
        machine.store(grandchild, hva, 4);
        assertThat(machine.load(grandchild, hva)).isEqualTo(4);
        assertThat(machine.frames.inUse()).isEqualTo(1);
    }
}
