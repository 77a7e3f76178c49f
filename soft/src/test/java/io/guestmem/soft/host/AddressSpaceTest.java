package io.guestmem.soft.host;

import static io.guestmem.soft.host.HostMachine.GIGANTIC;
import static io.guestmem.soft.host.HostMachine.HUGE;
import static io.guestmem.soft.host.HostMachine.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Mappings: where they go, what is seen through them, how they are split, and what they cost. */
class AddressSpaceTest {
    private static final int EINVAL = -ErrorNumber.EINVAL.number();
    private static final int ENOMEM = -ErrorNumber.ENOMEM.number();

    private final HostMachine machine = new HostMachine();
    private final AddressSpace space = machine.space;

    @AfterEach
    void close() {
        machine.close();
    }

    @Test
    void theSameRequestsGetTheSameAddresses() {
        AddressSpace other = machine.open(new AddressSpace(machine.frames, ThpPolicy.NEVER));
        for (long length : new long[] {PAGE, HUGE, 3 * PAGE, GIGANTIC}) {
            long hva = machine.map(MapRequest.anonymous(length));
            assertThat(other.map(MapRequest.anonymous(length))).isEqualTo(hva);
            assertThat(hva % (length % HUGE == 0 ? HUGE : PAGE)).isZero();
        }
    }

    @Test
    void placesAreAlignedAsAskedAndUsedAgain() {
        long first = machine.map(MapRequest.anonymous(PAGE));
        long aligned = machine.map(MapRequest.anonymous(PAGE).aligned(GIGANTIC));
        long hugetlb = machine.map(MapRequest.hugetlb(3, GIGANTIC));
        assertThat(aligned % GIGANTIC).isZero();
        assertThat(hugetlb % GIGANTIC).isZero();
        assertThat(space.unmap(first, PAGE)).isZero();
        assertThat(machine.map(MapRequest.anonymous(PAGE))).isEqualTo(first);
    }

    @Test
    void aPlaceIsFreeEvenIfAMappingReachesIntoTheFirst() {
        long low = Mappings.BASE - PAGE;
        assertThat(space.map(MapRequest.anonymous(3 * PAGE).at(low))).isEqualTo(low);
        assertThat(machine.map(MapRequest.anonymous(PAGE))).isEqualTo(low + 3 * PAGE);
    }

    @Test
    void badRequestsAreRefused() {
        assertThat(space.map(MapRequest.anonymous(PAGE).aligned(Long.MIN_VALUE)))
                .isEqualTo(EINVAL);
        assertThat(space.map(MapRequest.anonymous(PAGE).aligned(1L << 62))).isEqualTo(EINVAL);
        assertThat(space.map(MapRequest.anonymous(PAGE).at(-PAGE))).isEqualTo(EINVAL);
        assertThat(space.map(MapRequest.anonymous(0))).isEqualTo(EINVAL);
        assertThat(space.map(MapRequest.anonymous(4097))).isEqualTo(EINVAL);
        assertThat(space.map(MapRequest.hugetlb(2, PAGE))).isEqualTo(EINVAL);
        assertThat(space.map(MapRequest.anonymous(PAGE).aligned(3))).isEqualTo(EINVAL);
        assertThat(space.map(MapRequest.anonymous(PAGE).at(0x7FFF_FFFF_F000L))).isEqualTo(ENOMEM);
        assertThat(space.map(MapRequest.anonymous(1L << 47))).isEqualTo(ENOMEM);
        assertThat(space.map(MapRequest.shared(machine.memfd(PAGE), 1, PAGE))).isEqualTo(EINVAL);
        assertThat(space.unmap(0x1001, PAGE)).isEqualTo(EINVAL);
        assertThat(space.unmap(0x1000, 0)).isEqualTo(EINVAL);
        assertThat(space.unmap(Long.MIN_VALUE, PAGE)).isEqualTo(EINVAL);
        assertThat(space.unmap(0x1000, Long.MAX_VALUE)).isEqualTo(EINVAL);
        assertThat(space.protect(0x1001, PAGE, Protection.READ)).isEqualTo(EINVAL);
        assertThat(space.protect(0x1000, 0, Protection.READ)).isZero();
        assertThat(space.advise(Advice.DONTNEED, 0x1001, PAGE)).isEqualTo(EINVAL);
        assertThat(space.advise(Advice.DONTNEED, 0x1000, 0)).isZero();
        assertThat(space.describe()).isEmpty();
    }

    @Test
    void addressesOutsideOfTheProcessFault() {
        for (long hva : new long[] {0, -1, Long.MIN_VALUE, 1L << 47, 1L << 48, Mappings.LIMIT}) {
            assertThat(HostMachine.text(space.faultIn(hva, false))).isEqualTo("EFAULT");
            assertThat(space.mappingLevel(hva)).isEqualTo(1);
        }
    }

    @Test
    void mappingFixedReplacesWhatIsThere() {
        long hva = machine.map(MapRequest.anonymous(4 * PAGE));
        for (int i = 0; i < 4; i++) {
            machine.store(hva + i * PAGE, i + 1);
        }
        Told told = new Told(hva);
        space.register(told);
        assertThat(space.map(MapRequest.anonymous(2 * PAGE).at(hva + PAGE))).isEqualTo(hva + PAGE);
        assertThat(told.take()).containsExactly("[1,3)");
        assertThat(machine.table(hva, 4 * PAGE))
                .containsExactly("[0,1) 4K WRITABLE", "[1,3) 4K ABSENT", "[3,4) 4K WRITABLE");
        assertThat(machine.load(hva + 3 * PAGE)).isEqualTo(4);
    }

    @Test
    void unmappingAndProtectingSplitMappings() {
        long hva = machine.map(MapRequest.anonymous(6 * PAGE));
        assertThat(space.advise(Advice.POPULATE_WRITE, hva, 6 * PAGE)).isZero();
        assertThat(space.unmap(hva + PAGE, PAGE)).isZero();
        assertThat(space.protect(hva + 3 * PAGE, PAGE, Protection.READ)).isZero();
        assertThat(machine.table(hva, 6 * PAGE))
                .containsExactly("[0,1) 4K WRITABLE", "[2,3) 4K WRITABLE", "[3,4) 4K READ_ONLY", "[4,6) 4K WRITABLE");
        assertThat(space.residentSet().pages()).isEqualTo(5);
    }

    @Test
    void protectingStopsAtAHoleAndAdviceStepsOverIt() {
        long hva = machine.map(MapRequest.anonymous(3 * PAGE));
        assertThat(space.advise(Advice.POPULATE_WRITE, hva, 3 * PAGE)).isZero();
        assertThat(space.unmap(hva + PAGE, PAGE)).isZero();
        assertThat(space.protect(hva, 3 * PAGE, Protection.READ)).isEqualTo(ENOMEM);
        assertThat(machine.table(hva, 3 * PAGE)).containsExactly("[0,1) 4K READ_ONLY", "[2,3) 4K WRITABLE");
        assertThat(space.advise(Advice.DONTNEED, hva, 3 * PAGE)).isEqualTo(ENOMEM);
        assertThat(machine.table(hva, 3 * PAGE)).containsExactly("[0,1) 4K ABSENT", "[2,3) 4K ABSENT");
        assertThat(space.advise(Advice.POPULATE_READ, hva, 3 * PAGE)).isEqualTo(ENOMEM);
        assertThat(machine.table(hva, 3 * PAGE)).containsExactly("[0,1) 4K ZERO_PAGE", "[2,3) 4K ABSENT");
    }

    @Test
    void partsOfHugetlbPagesCannotBeChanged() {
        long hva = machine.map(MapRequest.hugetlb(2, 2 * HUGE));
        machine.store(hva, 1);
        assertThat(space.unmap(hva, PAGE)).isEqualTo(EINVAL);
        assertThat(space.protect(hva, PAGE, Protection.READ)).isEqualTo(EINVAL);
        assertThat(space.advise(Advice.DONTNEED, hva + PAGE, HUGE)).isEqualTo(EINVAL);
        assertThat(space.advise(Advice.DONTNEED, hva, HUGE - PAGE))
                .as("rounded down to nothing")
                .isZero();
        assertThat(machine.table(hva, 2 * HUGE)).containsExactly("[0,512) 2M WRITABLE", "[512,1024) 4K ABSENT");
    }

    @Test
    void whatIsStoredIsLoadedAcrossPages() {
        long hva = machine.map(MapRequest.anonymous(3 * PAGE));
        byte[] text = new byte[5000];
        java.util.Arrays.fill(text, (byte) 7);
        assertThat(space.store(hva + 3000, MemorySegment.ofArray(text))).isEqualTo(5000);
        byte[] read = new byte[5000];
        assertThat(space.load(hva + 3000, MemorySegment.ofArray(read))).isEqualTo(5000);
        assertThat(read).isEqualTo(text);
        assertThat(machine.table(hva, 3 * PAGE)).containsExactly("[0,2) 4K WRITABLE", "[2,3) 4K ABSENT");
        assertThat(machine.guestLoad(space, hva + 4096)).isEqualTo(7);
    }

    @Test
    void anAccessSaysHowFarItCame() {
        long hva = machine.map(MapRequest.anonymous(2 * PAGE));
        assertThat(space.protect(hva + PAGE, PAGE, Protection.READ)).isZero();
        MemorySegment bytes = MemorySegment.ofArray(new byte[100]);
        assertThat(space.store(hva + PAGE - 40, bytes)).isEqualTo(40);
        assertThat(space.store(hva + PAGE, bytes)).isEqualTo(-ErrorNumber.EFAULT.number());
        assertThat(space.load(hva + PAGE - 40, bytes)).isEqualTo(100);
        assertThat(space.load(hva + 2 * PAGE - 1, bytes)).isEqualTo(1);
    }

    @Test
    void aTebibyteCostsNothingUntilItIsTouched() {
        long tebibyte = 1L << 40;
        SharedFile memfd = machine.memfd(tebibyte);
        SharedFile hugetlbfs = machine.open(new SharedFile(machine.frames, tebibyte, 3, null));
        long[] mapped = {
            machine.map(MapRequest.anonymous(tebibyte)),
            machine.map(MapRequest.anonymous(tebibyte).thp(ThpPolicy.ALWAYS)),
            machine.map(MapRequest.shared(memfd, 0, tebibyte)),
            machine.map(MapRequest.shared(hugetlbfs, 0, tebibyte)),
            machine.map(MapRequest.hugetlb(3, tebibyte))
        };
        assertThat(machine.frames.inUse()).isZero();
        for (long hva : mapped) {
            machine.store(hva + tebibyte / 2, 1);
            assertThat(machine.load(hva + tebibyte / 2)).isEqualTo(1);
        }
        assertThat(machine.frames.nativeBytes()).isLessThanOrEqualTo(6 * HUGE);
        for (long hva : mapped) {
            assertThat(space.unmap(hva, tebibyte)).isZero();
        }
    }

    @Test
    void residentPagesAreCountedByKind() {
        long anonymous = machine.map(MapRequest.anonymous(4 * PAGE));
        long file = machine.map(MapRequest.privateFile(machine.file(4 * PAGE), 0, 4 * PAGE));
        long hugetlb = machine.map(MapRequest.hugetlb(2, HUGE));
        machine.load(anonymous);
        machine.store(anonymous + PAGE, 1);
        machine.store(anonymous + 2 * PAGE, 1);
        machine.load(file);
        machine.store(file + PAGE, 1);
        machine.store(hugetlb, 1);
        assertThat(space.advise(Advice.PAGEOUT, anonymous + PAGE, PAGE)).isZero();
        assertThat(space.residentSet()).isEqualTo(new ResidentSet(2, 1, 512, 1));
        assertThat(space.residentSet().pages()).isEqualTo(3);
    }

    @Test
    void aClosedSpaceTellsAndHasNothing() {
        long hva = machine.map(MapRequest.anonymous(2 * PAGE));
        machine.store(hva, 1);
        Told told = new Told(0);
        space.register(told);
        space.close();
        assertThat(told.take()).containsExactly("[0," + Mappings.LIMIT / PAGE + ")");
        assertThat(HostMachine.text(space.faultIn(hva, false))).isEqualTo("EFAULT");
        assertThat(space.map(MapRequest.anonymous(PAGE))).isEqualTo(ENOMEM);
        space.close();
        assertThat(told.take()).isEmpty();
    }

    @Test
    void aTableIsReadable() {
        long hva = machine.map(MapRequest.anonymous(2 * PAGE));
        machine.store(hva, 1);
        assertThat(space.describe())
                .map(HostRun::toString)
                .containsExactly(
                        "0000100000000000-0000100000001000          1 4K READ_WRITE WRITABLE",
                        "0000100000001000-0000100000002000          1 4K READ_WRITE ABSENT");
    }
}
