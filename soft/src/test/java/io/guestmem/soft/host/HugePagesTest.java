package io.guestmem.soft.host;

import static io.guestmem.soft.host.HostMachine.HUGE;
import static io.guestmem.soft.host.HostMachine.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.soft.KernelVersion;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Transparent huge pages: where they come from, and how they are split. */
class HugePagesTest {
    private final HostMachine machine = new HostMachine(ThpPolicy.MADVISE);
    private final AddressSpace space = machine.space;

    @AfterEach
    void close() {
        machine.close();
    }

    private long huge(long length) {
        return machine.map(MapRequest.anonymous(length).thp(ThpPolicy.ALWAYS));
    }

    @Test
    void adviceAndPolicyDecide() {
        long hva = machine.map(MapRequest.anonymous(4 * HUGE));
        assertThat(space.advise(Advice.HUGEPAGE, hva + HUGE, HUGE)).isZero();
        for (int i = 0; i < 4; i++) {
            machine.store(hva + i * HUGE, 1);
        }
        assertThat(machine.table(hva, 3 * HUGE))
                .containsExactly(
                        "[0,1) 4K WRITABLE",
                        "[1,512) 4K ABSENT",
                        "[512,1024) 2M WRITABLE",
                        "[1024,1025) 4K WRITABLE",
                        "[1025,1536) 4K ABSENT");
        long always = huge(2 * HUGE);
        assertThat(space.advise(Advice.NOHUGEPAGE, always, HUGE)).isZero();
        assertThat(space.advise(Advice.POPULATE_WRITE, always, 2 * HUGE)).isZero();
        assertThat(machine.table(always, 2 * HUGE)).containsExactly("[0,512) 4K WRITABLE", "[512,1024) 2M WRITABLE");
        long never = machine.map(MapRequest.anonymous(HUGE).thp(ThpPolicy.NEVER));
        assertThat(space.advise(Advice.HUGEPAGE, never, HUGE)).isZero();
        machine.store(never, 1);
        assertThat(space.mappingLevel(never)).isEqualTo(1);
    }

    @Test
    void aBlockThatIsNotWhollyMappedGetsSmallPages() {
        long hva = machine.map(MapRequest.anonymous(2 * HUGE).thp(ThpPolicy.ALWAYS));
        assertThat(space.unmap(hva + HUGE - PAGE, PAGE)).isZero();
        machine.store(hva, 1);
        machine.store(hva + HUGE, 1);
        assertThat(space.mappingLevel(hva)).isEqualTo(1);
        assertThat(space.mappingLevel(hva + HUGE)).isEqualTo(2);
    }

    @Test
    void aBlockWithATableGetsSmallPagesUntilTheTableGoes() {
        long hva = machine.map(MapRequest.anonymous(HUGE));
        machine.store(hva, 1);
        assertThat(space.advise(Advice.HUGEPAGE, hva, HUGE)).isZero();
        machine.store(hva + PAGE, 1);
        assertThat(space.mappingLevel(hva + PAGE)).isEqualTo(1);
        assertThat(space.advise(Advice.DONTNEED, hva, HUGE)).isZero();
        machine.store(hva, 1);
        assertThat(space.mappingLevel(hva)).isEqualTo(2);
    }

    @Test
    void pagesOfAHugePageAreNeighbours() {
        long hva = huge(HUGE);
        long fault = space.faultIn(hva + 77 * PAGE, true);
        assertThat(HostFault.level(fault)).isEqualTo(2);
        assertThat(HostFault.pfn(fault) % 512).isEqualTo(77);
        assertThat(HostFault.pfn(space.faultIn(hva, true))).isEqualTo(HostFault.pfn(fault) - 77);
    }

    @Test
    void splittingKeepsFramesAndContent() {
        long hva = huge(HUGE);
        machine.store(hva + 5 * PAGE, 5);
        long pfn = HostFault.pfn(space.faultIn(hva + 5 * PAGE, false));
        assertThat(space.protect(hva, PAGE, Protection.READ)).isZero();
        assertThat(machine.table(hva, HUGE)).containsExactly("[0,1) 4K READ_ONLY", "[1,512) 4K WRITABLE");
        assertThat(HostFault.pfn(space.faultIn(hva + 5 * PAGE, false))).isEqualTo(pfn);
        assertThat(machine.load(hva + 5 * PAGE)).isEqualTo(5);
        assertThat(space.unmap(hva, 5 * PAGE)).isZero();
        assertThat(machine.frames.inUse()).isEqualTo(507);
    }

    @Test
    void theHugeZeroPageSplitsIntoZeroPages() {
        long hva = huge(HUGE);
        machine.load(hva);
        assertThat(machine.table(hva, HUGE)).containsExactly("[0,512) 2M ZERO_PAGE");
        assertThat(space.unmap(hva, PAGE)).isZero();
        assertThat(machine.table(hva, HUGE)).containsExactly("[1,512) 4K ZERO_PAGE");
        assertThat(HostMachine.text(space.faultIn(hva + PAGE, false))).isEqualTo("zero ro 4K");
    }

    @Test
    void aBlockWhoseMappingsAreGoneHasNoTableAnyMore() {
        long hva = machine.map(MapRequest.anonymous(HUGE));
        machine.store(hva, 1);
        assertThat(space.unmap(hva, 4 * PAGE)).isZero();
        assertThat(space.unmap(hva + 4 * PAGE, HUGE - 4 * PAGE)).as("the rest").isZero();
        assertThat(machine.map(MapRequest.anonymous(HUGE).thp(ThpPolicy.ALWAYS)))
                .as("the same place")
                .isEqualTo(hva);
        machine.store(hva, 1);
        assertThat(space.mappingLevel(hva)).isEqualTo(2);
    }

    /** Whether there is a huge page is found out after everybody was told. */
    @Test
    void aNewBorderInsideABlockIsToldToThoseWhoMappedAnyOfIt() {
        long hva = machine.map(MapRequest.anonymous(2 * HUGE));
        machine.store(hva + 9 * PAGE, 1);
        Told told = new Told(hva);
        space.register(told);
        assertThat(space.advise(Advice.NOHUGEPAGE, hva, HUGE)).isZero();
        assertThat(told.take()).as("a border between blocks").isEmpty();
        assertThat(space.advise(Advice.HUGEPAGE, hva, PAGE)).isZero();
        assertThat(told.take()).containsExactly("[0,512)");
        assertThat(space.advise(Advice.HUGEPAGE, hva + PAGE, PAGE)).isZero();
        assertThat(told.take()).as("no mapping holds the block any more").isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"V6_12, 1, 1", "V6_18, 2, 2", "V7_2, 2, 2"})
    void aWriteToTheHugeZeroPageAndAnEmptyTableDifferByVersion(KernelVersion version, int written, int again) {
        AddressSpace older = machine.open(new AddressSpace(machine.frames, ThpPolicy.MADVISE, version));
        long zeroes = older.map(MapRequest.anonymous(HUGE).thp(ThpPolicy.ALWAYS));
        assertThat(older.advise(Advice.POPULATE_READ, zeroes, PAGE)).isZero();
        assertThat(older.mappingLevel(zeroes)).isEqualTo(2);
        machine.store(older, zeroes, 1);
        assertThat(older.mappingLevel(zeroes)).isEqualTo(written);

        long block = older.map(MapRequest.anonymous(HUGE));
        machine.store(older, block, 1);
        assertThat(older.mappingLevel(block)).isEqualTo(1);
        assertThat(older.advise(Advice.HUGEPAGE, block, HUGE)).isZero();
        assertThat(older.advise(Advice.DONTNEED, block, HUGE)).isZero();
        machine.store(older, block, 1);
        assertThat(older.mappingLevel(block)).isEqualTo(again);
    }

    @Test
    void collapsingMovesContentIntoOneHugePage() {
        long hva = machine.map(MapRequest.anonymous(2 * HUGE));
        machine.store(hva, 1);
        machine.store(hva + 3 * PAGE, 3);
        machine.load(hva + 4 * PAGE);
        assertThat(space.advise(Advice.PAGEOUT, hva + 3 * PAGE, PAGE)).isZero();
        long before = HostFault.pfn(space.faultIn(hva, false));
        AddressSpace child = machine.open(space.fork());
        Told told = new Told(hva);
        space.register(told);
        assertThat(space.advise(Advice.COLLAPSE, hva + PAGE, HUGE))
                .as("no whole block")
                .isZero();
        assertThat(told.take()).isEmpty();
        assertThat(space.advise(Advice.COLLAPSE, hva, HUGE)).isZero();
        assertThat(told.take()).containsExactly("[0,512)");
        assertThat(machine.table(hva, HUGE)).containsExactly("[0,512) 2M WRITABLE");
        assertThat(HostFault.pfn(space.faultIn(hva, false))).isNotEqualTo(before);
        assertThat(machine.load(hva)).isEqualTo(1);
        assertThat(machine.load(hva + 3 * PAGE)).isEqualTo(3);
        assertThat(machine.load(hva + 4 * PAGE)).isZero();
        assertThat(machine.load(child, hva + 3 * PAGE)).isEqualTo(3);
        assertThat(space.advise(Advice.COLLAPSE, hva, 2 * HUGE))
                .as("the second block has no table")
                .isEqualTo(-ErrorNumber.EINVAL.number());
    }

    @Test
    void whatIsHiddenIsCollapsedAndStaysHidden() {
        long hva = machine.map(MapRequest.anonymous(HUGE));
        machine.store(hva, 1);
        assertThat(space.protect(hva, HUGE, Protection.NONE)).isZero();
        assertThat(space.advise(Advice.COLLAPSE, hva, HUGE)).isZero();
        assertThat(machine.table(hva, HUGE)).containsExactly("[0,512) 2M HIDDEN");
        assertThat(space.protect(hva, HUGE, Protection.READ)).isZero();
        assertThat(machine.load(hva)).isEqualTo(1);
    }

    @Test
    void aHugePageIsPagedOutInOneInvalidation() {
        long hva = huge(2 * HUGE);
        machine.store(hva, 1);
        machine.store(hva + HUGE, 2);
        Told told = new Told(hva);
        space.register(told);
        assertThat(space.advise(Advice.PAGEOUT, hva, 2 * HUGE)).isZero();
        assertThat(told.take()).containsExactly("[0,512)", "[512,1024)");
        assertThat(machine.table(hva, 2 * HUGE)).containsExactly("[0,1024) 4K SWAPPED");
        assertThat(machine.frames.inUse()).isZero();
        assertThat(machine.load(hva + HUGE)).isEqualTo(2);
    }

    @Test
    void protectingTellsFromTheFirstGibibyteWithPages() {
        long gibibyte = 1L << 30;
        long hva = machine.map(MapRequest.anonymous(4 * gibibyte).aligned(gibibyte));
        machine.store(hva + 2 * gibibyte + 5 * PAGE, 1);
        Told told = new Told(hva);
        space.register(told);
        assertThat(space.protect(hva, 3 * gibibyte, Protection.READ)).isZero();
        assertThat(told.take()).containsExactly("[524288,786432)");
        assertThat(space.protect(hva, 3 * gibibyte, Protection.READ))
                .as("nothing changes")
                .isZero();
        assertThat(space.protect(hva, gibibyte, Protection.NONE)).as("no pages").isZero();
        assertThat(told.take()).isEmpty();
    }
}
