package io.guestmem.soft.host;

import static io.guestmem.soft.host.HostMachine.HUGE;
import static io.guestmem.soft.host.HostMachine.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.abi.ErrorNumber;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Files and memfds, mapped in several places and processes. */
class SharedFileTest {
    private final HostMachine machine = new HostMachine();
    private final AddressSpace space = machine.space;

    @AfterEach
    void close() {
        machine.close();
    }

    @Test
    void aReadMapsWhatTheFileHasAround() {
        SharedFile file = machine.file(32 * PAGE);
        long hva = machine.map(MapRequest.privateFile(file, 0, 32 * PAGE));
        machine.load(hva + 3 * PAGE);
        machine.load(hva + 16 * PAGE);
        assertThat(machine.space.advise(Advice.DONTNEED, hva, 32 * PAGE)).isZero();
        machine.load(hva + 5 * PAGE);
        assertThat(machine.table(hva, 17 * PAGE))
                .as("64 KiB, and only pages of the file's cache")
                .containsExactly(
                        "[0,3) 4K ABSENT",
                        "[3,4) 4K READ_ONLY",
                        "[4,5) 4K ABSENT",
                        "[5,6) 4K READ_ONLY",
                        "[6,17) 4K ABSENT");
    }

    @Test
    void everyMappingSeesTheSamePage() {
        SharedFile memfd = machine.memfd(4 * PAGE);
        AddressSpace other = machine.open(new AddressSpace(machine.frames, ThpPolicy.NEVER));
        long whole = machine.map(MapRequest.shared(memfd, 0, 4 * PAGE));
        long part = machine.map(MapRequest.shared(memfd, 2 * PAGE, 2 * PAGE));
        long elsewhere = other.map(MapRequest.shared(memfd, PAGE, 3 * PAGE));
        machine.store(whole + 3 * PAGE, 6);
        assertThat(machine.load(part + PAGE)).isEqualTo(6);
        assertThat(machine.load(other, elsewhere + 2 * PAGE)).isEqualTo(6);
        machine.store(other, elsewhere + 2 * PAGE, 7);
        assertThat(machine.guestLoad(space, whole + 3 * PAGE)).isEqualTo(7);
        assertThat(memfd.residentFrames()).isEqualTo(1);
    }

    @Test
    void aPrivateMappingReadsTheFileUntilItWrites() {
        SharedFile memfd = machine.memfd(2 * PAGE);
        long shared = machine.map(MapRequest.shared(memfd, 0, 2 * PAGE));
        long own = machine.map(MapRequest.privateFile(memfd, 0, 2 * PAGE));
        machine.store(shared, 1);
        assertThat(machine.load(own)).isEqualTo(1);
        machine.store(shared, 2);
        assertThat(machine.load(own)).isEqualTo(2);
        machine.store(own, 3);
        machine.store(shared, 4);
        assertThat(machine.load(own)).isEqualTo(3);
        assertThat(machine.load(shared)).isEqualTo(4);
        assertThat(space.advise(Advice.DONTNEED, own, PAGE)).isZero();
        assertThat(machine.load(own)).as("the private copy is gone").isEqualTo(4);
    }

    @Test
    void contentComesFromTheSourceOnce() {
        int[] reads = {0};
        SharedFile file = machine.open(new SharedFile(machine.frames, 2 * PAGE, 1, (offset, page) -> {
            reads[0]++;
            page.fill((byte) (offset / PAGE + 1));
        }));
        long hva = machine.map(MapRequest.privateFile(file, 0, 2 * PAGE));
        AddressSpace child = machine.open(space.fork());
        assertThat(machine.load(hva + PAGE)).isEqualTo(2);
        assertThat(machine.load(child, hva + PAGE)).isEqualTo(2);
        machine.store(child, hva + PAGE, 9);
        assertThat(machine.load(hva + PAGE)).isEqualTo(2);
        assertThat(reads[0]).isEqualTo(1);
    }

    @Test
    void aSourceThatFailsIsABusError() {
        SharedFile file = machine.open(new SharedFile(machine.frames, PAGE, 1, (_, _) -> {
            throw new IOException("disk");
        }));
        long hva = machine.map(MapRequest.privateFile(file, 0, PAGE));
        assertThat(HostMachine.text(space.faultIn(hva, false))).isEqualTo("EFAULT");
        assertThat(HostMachine.text(space.faultIn(hva, true))).isEqualTo("EFAULT");
        assertThat(space.advise(Advice.POPULATE_READ, hva, PAGE)).isEqualTo(-ErrorNumber.EFAULT.number());
    }

    @Test
    void behindTheEndIsABusError() {
        long hva = machine.map(MapRequest.shared(machine.memfd(PAGE + 1), 0, 4 * PAGE));
        assertThat(HostMachine.text(space.faultIn(hva + PAGE, true))).isEqualTo("rw 4K");
        assertThat(HostMachine.text(space.faultIn(hva + 2 * PAGE, true))).isEqualTo("EFAULT");
    }

    @Test
    void aHoleTakesPagesFromAllWhoMapThem() {
        SharedFile memfd = machine.memfd(8 * PAGE);
        AddressSpace other = machine.open(new AddressSpace(machine.frames, ThpPolicy.NEVER));
        long shared = machine.map(MapRequest.shared(memfd, 0, 8 * PAGE));
        long own = machine.map(MapRequest.privateFile(memfd, 2 * PAGE, 4 * PAGE));
        long elsewhere = other.map(MapRequest.shared(memfd, 3 * PAGE, 5 * PAGE));
        for (int i = 0; i < 8; i++) {
            machine.store(shared + i * PAGE, i + 1);
        }
        machine.load(own);
        machine.store(own + PAGE, 30);
        machine.load(other, elsewhere + PAGE);
        Told told = new Told(shared);
        Told toldElsewhere = new Told(elsewhere);
        space.register(told);
        other.register(toldElsewhere);

        assertThat(memfd.punchHole(2 * PAGE, 3 * PAGE)).isZero();

        assertThat(told.take()).containsExactly("[2,5)", "[8,11)");
        assertThat(own).isEqualTo(shared + 8 * PAGE);
        assertThat(toldElsewhere.take()).containsExactly("[0,2)");
        assertThat(machine.table(shared, 8 * PAGE))
                .containsExactly("[0,2) 4K WRITABLE", "[2,5) 4K ABSENT", "[5,8) 4K WRITABLE");
        assertThat(machine.load(shared + 2 * PAGE)).isZero();
        assertThat(machine.load(own)).isZero();
        assertThat(machine.load(own + PAGE)).as("a private copy stays").isEqualTo(30);
        assertThat(machine.load(other, elsewhere + PAGE)).isZero();
        assertThat(machine.load(shared + PAGE)).isEqualTo(2);
        assertThat(machine.load(shared + 5 * PAGE)).isEqualTo(6);
    }

    @Test
    void pagingOutSkipsWhatOthersMap() {
        long length = 17 * PAGE; // a read maps 64 KiB
        SharedFile memfd = machine.memfd(length);
        long hva = machine.map(MapRequest.shared(memfd, 0, length));
        long other = machine.map(MapRequest.shared(memfd, 0, length));
        machine.store(hva, 1);
        machine.store(hva + 16 * PAGE, 2);
        machine.load(other);
        assertThat(space.advise(Advice.PAGEOUT, hva, length)).isZero();
        assertThat(machine.table(hva, length)).containsExactly("[0,1) 4K WRITABLE", "[1,17) 4K ABSENT");
        assertThat(machine.load(hva + 16 * PAGE)).isEqualTo(2);
    }

    @Test
    void aHoleInPagesZeroesTheParts() {
        SharedFile memfd = machine.memfd(3 * PAGE);
        long hva = machine.map(MapRequest.shared(memfd, 0, 3 * PAGE));
        for (long at : new long[] {99, 100, 4096, 8191, 8192, 8200, 8201}) {
            machine.store(hva + at, 1);
        }
        Told told = new Told(hva);
        space.register(told);
        assertThat(memfd.punchHole(100, 8101)).isZero();
        assertThat(told.take()).containsExactly("[1,2)");
        assertThat(machine.load(hva + 99)).isEqualTo(1);
        assertThat(machine.load(hva + 100)).isZero();
        assertThat(machine.load(hva + 4096)).isZero();
        assertThat(machine.load(hva + 8192)).isZero();
        assertThat(machine.load(hva + 8200)).isZero();
        assertThat(machine.load(hva + 8201)).isEqualTo(1);
        assertThat(memfd.punchHole(8201, 1)).isZero();
        assertThat(machine.load(hva + 8201)).isZero();
        assertThat(memfd.punchHole(0, 0)).isEqualTo(-ErrorNumber.EINVAL.number());
        assertThat(memfd.punchHole(-1, 5)).isEqualTo(-ErrorNumber.EINVAL.number());
        assertThat(memfd.punchHole(4 * PAGE, PAGE)).isZero();
    }

    @Test
    void aHoleInAHugetlbFileTakesWholePages() {
        SharedFile file = machine.open(new SharedFile(machine.frames, 2 * HUGE, 2, null));
        long hva = machine.map(MapRequest.shared(file, 0, 2 * HUGE));
        machine.store(hva + PAGE, 1);
        machine.store(hva + HUGE, 2);
        assertThat(file.punchHole(PAGE, 2 * HUGE - PAGE)).isZero();
        assertThat(file.residentFrames()).isEqualTo(512);
        assertThat(machine.table(hva, 2 * HUGE)).containsExactly("[0,512) 2M WRITABLE", "[512,1024) 4K ABSENT");
        assertThat(machine.load(hva + PAGE)).isZero();
    }

    @Test
    void aBrokenPageOfAMemfdIsBrokenForAll() {
        SharedFile memfd = machine.memfd(2 * PAGE);
        AddressSpace other = machine.open(new AddressSpace(machine.frames, ThpPolicy.NEVER));
        long hva = machine.map(MapRequest.shared(memfd, 0, 2 * PAGE));
        long elsewhere = other.map(MapRequest.shared(memfd, 0, 2 * PAGE));
        machine.store(hva + PAGE, 1);
        machine.load(other, elsewhere + PAGE);
        Told told = new Told(elsewhere);
        other.register(told);
        assertThat(space.hwpoison(hva + PAGE)).isZero();
        assertThat(told.take()).containsExactly("[1,2)");
        long later = machine.map(MapRequest.shared(memfd, 0, 2 * PAGE));
        assertThat(HostMachine.text(other.faultIn(elsewhere + PAGE, true))).isEqualTo("EHWPOISON");
        assertThat(HostMachine.text(space.faultIn(later + PAGE, false))).isEqualTo("EHWPOISON");
        assertThat(HostMachine.text(space.faultIn(later, false))).isEqualTo("rw 4K");
        assertThat(memfd.punchHole(PAGE, PAGE)).isZero();
        assertThat(machine.load(later + PAGE)).isZero();
    }

    @Test
    void aBrokenPageOfAFileIsReadAgain() {
        long hva = machine.map(MapRequest.privateFile(machine.file(PAGE), 0, PAGE));
        machine.load(hva);
        assertThat(space.hwpoison(hva)).isZero();
        assertThat(machine.load(hva)).isEqualTo(1);
    }

    @Test
    void pagesLiveAsLongAsSomebodyMapsThem() {
        SharedFile memfd = machine.memfd(PAGE);
        long hva = machine.map(MapRequest.shared(memfd, 0, PAGE));
        machine.store(hva, 1);
        memfd.close();
        assertThat(machine.load(hva)).isEqualTo(1);
        assertThat(machine.frames.inUse()).isEqualTo(1);
        assertThat(space.unmap(hva, PAGE)).isZero();
        assertThat(machine.frames.inUse()).isZero();
        assertThatThrownBy(() -> space.map(MapRequest.shared(memfd, 0, PAGE)))
                .isInstanceOf(IllegalStateException.class);
    }
}
