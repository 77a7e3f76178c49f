package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.guestmem.paging.Translation.Detail;
import io.guestmem.paging.Translation.Fault;
import io.guestmem.paging.Translation.Reason;
import io.guestmem.paging.Translation.Translated;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The five modes: which entries a walk reads, and what it makes of them. */
class WalkerModesTest {
    private static final long ROOT = 0x1000;
    private static final long PWU = 7;

    private final TestMemory memory = new TestMemory(16);

    private PageTableBuilder tables(PagingMode mode) {
        return new PageTableBuilder(memory, mode, ROOT, 8);
    }

    private Walker walker(PagingMode mode) {
        PagingState state = States.of(mode, ROOT);
        return States.walker(mode == PagingMode.PAE ? States.loaded(state, memory) : state, memory);
    }

    private static Translation read(Walker walker, long linear) {
        return walker.translate(linear, Access.READ, SetBits.NONE, CheckOrder.ARCHITECTURAL);
    }

    static Stream<Arguments> pages() {
        return Stream.of(
                // mode, linear, level, physical page, translated, size
                arguments(PagingMode.BITS_32, 0xC012_3456L, 1, 0x9876_5000L, 0x9876_5456L, 1L << 12),
                arguments(PagingMode.BITS_32, 0xC012_3456L, 2, 0x9880_0000L, 0x9892_3456L, 1L << 22),
                arguments(PagingMode.BITS_32, 0xC012_3456L, 2, 0xF_9880_0000L, 0xF_9892_3456L, 1L << 22),
                arguments(PagingMode.PAE, 0xC012_3456L, 1, 0x3_9876_5000L, 0x3_9876_5456L, 1L << 12),
                arguments(PagingMode.PAE, 0xC012_3456L, 2, 0x3_9860_0000L, 0x3_9872_3456L, 1L << 21),
                arguments(PagingMode.LEVEL_4, 0x7FFF_DEAD_BEEFL, 1, 0x3FFF_9876_5000L, 0x3FFF_9876_5EEFL, 1L << 12),
                arguments(PagingMode.LEVEL_4, 0x7FFF_DEAD_BEEFL, 2, 0x3FFF_9860_0000L, 0x3FFF_986D_BEEFL, 1L << 21),
                arguments(PagingMode.LEVEL_4, 0x7FFF_DEAD_BEEFL, 3, 0x3FFF_8000_0000L, 0x3FFF_9EAD_BEEFL, 1L << 30),
                arguments(PagingMode.LEVEL_4, 0xFFFF_8000_0000_1000L, 1, 0x5000L, 0x5000L, 1L << 12),
                arguments(PagingMode.LEVEL_5, 0xFF_7FFF_DEAD_BEEFL, 1, 0x9876_5000L, 0x9876_5EEFL, 1L << 12),
                arguments(PagingMode.LEVEL_5, 0xFF_7FFF_DEAD_BEEFL, 3, 0x8000_0000L, 0x9EAD_BEEFL, 1L << 30));
    }

    @ParameterizedTest
    @MethodSource("pages")
    void aMappedAddressHasThePhysicalAddressOfItsPage(
            PagingMode mode, long linear, int level, long page, long expected, long size) {
        tables(mode).map(linear, page, level, PWU);

        assertThat(read(walker(mode), linear)).isInstanceOfSatisfying(Translated.class, translated -> {
            assertThat(translated.address()).isEqualTo(expected);
            assertThat(translated.pageSize()).isEqualTo(size);
            assertThat(translated.leafEntry()).isEqualTo(tables(mode).entryAddress(linear, level));
            assertThat(translated.writable()).isTrue();
            assertThat(translated.user()).isTrue();
            assertThat(translated.executable()).isTrue();
        });
    }

    @ParameterizedTest
    @MethodSource("pages")
    void anotherIndexAtAnyLevelIsNotMapped(PagingMode mode, long linear, int level, long page) {
        tables(mode).map(linear, page, level, PWU);

        for (int other = level; other <= mode.levels(); other++) {
            long neighbour = linear ^ 1L << mode.shift(other);
            assertThat(read(walker(mode), neighbour))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.reason()).isEqualTo(Reason.NOT_PRESENT));
        }
    }

    @Test
    void withoutPagingEveryAddressIsItself() {
        Walker walker = walker(PagingMode.NONE);

        assertThat(read(walker, 0xDEAD_BEEFL)).isEqualTo(Translated.identity(0xDEAD_BEEFL, false));
        assertThat(read(walker, -2)).isEqualTo(Translated.identity(-2, false));
        assertThat(WalkResult.address(walker.walk(0xDEAD_BEEFL, 0, SetBits.ACCESSED, CheckOrder.PER_LEVEL)))
                .isEqualTo(0xDEAD_BEEFL);
    }

    @Test
    void bitsThatTheModeDoesNotUseAreIgnored() {
        tables(PagingMode.LEVEL_4).map(0x1000, 0x5000, 1, PWU);

        assertThat(WalkResult.address(walker(PagingMode.LEVEL_4)
                        .walk(0x5000_0000_0000_1000L, 0, SetBits.NONE, CheckOrder.ARCHITECTURAL)))
                .isEqualTo(0x5000);
    }

    @Test
    void inThirtyTwoBitPagingBitSevenIsIgnoredWithoutPse() {
        tables(PagingMode.BITS_32).map(0x1000, 0x5000, 1, PWU);
        tables(PagingMode.BITS_32).set(0, 2, 0x2000 | 1 << 7 | PWU);
        PagingState noPse = States.withCr4(States.of(PagingMode.BITS_32, ROOT), 0);

        assertThat(read(States.walker(noPse, memory), 0x1234))
                .isInstanceOfSatisfying(
                        Translated.class, page -> assertThat(page.address()).isEqualTo(0x5234));
        assertThat(read(walker(PagingMode.BITS_32), 0x1234))
                .isInstanceOfSatisfying(
                        Translated.class, page -> assertThat(page.address()).isEqualTo(0x1234 | 0x1_0000_0000L));
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 8})
    void aPageOfFourMebibytesHasAsManyHighBitsAsTheProcessorGives(int bits) {
        PagingFeatures features = new PagingFeatures(46, false, true, bits);
        long allOnes = ReservedBits.range(13, 12 + bits);
        tables(PagingMode.BITS_32).set(0, 2, allOnes | 1 << 7 | PWU);

        long result = States.walker(States.of(PagingMode.BITS_32, ROOT, features), memory)
                .walk(0x123, 0, SetBits.NONE, CheckOrder.ARCHITECTURAL);

        assertThat(WalkResult.address(result)).isEqualTo(ReservedBits.range(32, 31 + bits) | 0x123);
    }

    @Test
    void paeRegistersAreReadWhenTheyAreLoadedAndNotByTheWalk() {
        PageTableBuilder tables = tables(PagingMode.PAE).map(0x4000_0000, 0x5000, 1, PWU);
        Walker before = walker(PagingMode.PAE);
        tables.set(0x4000_0000, 3, 0);
        Walker after = walker(PagingMode.PAE);

        assertThat(read(before, 0x4000_0000)).isInstanceOf(Translated.class);
        assertThat(read(after, 0x4000_0000))
                .isEqualTo(new Fault(Reason.NOT_PRESENT, Detail.NONE, 1, 3, ROOT + 8, 0, 0, 0, true));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5, 6, 7, 8, 46, 63})
    void aPaeRegisterWithReservedBitsFailsTheLoad(int bit) {
        memory.store(ROOT + 16, 0x2000 | 1 | 1L << bit);

        assertThat(PdpteRegisters.load(memory, ROOT, 46)).isEmpty();
    }

    @Test
    void aPaeRegisterThatIsNotPresentMayHaveAnyBits() {
        memory.store(ROOT + 0x20, -2);
        memory.store(ROOT + 0x38, 0x2E19);

        assertThat(PdpteRegisters.load(memory, ROOT | 0x20, 46)).contains(new PdpteRegisters(-2, 0, 0, 0x2E19));
    }

    @Test
    void paeRegistersCannotBeLoadedFromWhereNothingCanBeRead() {
        assertThat(PdpteRegisters.load(memory, 0x10_0000, 46)).isEmpty();
        memory.with(ROOT, PhysicalMemory.Presence.UNBACKED);
        assertThat(PdpteRegisters.load(memory, ROOT, 46)).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(value = PagingMode.class, names = "NONE", mode = EnumSource.Mode.EXCLUDE)
    void aTableWithoutMemoryIsAnInvalidAddress(PagingMode mode) {
        PageTableBuilder tables = tables(mode).map(0x1000, 0x5000, 1, PWU);
        tables.set(0x1000, 2, 0x4000_0000 | PWU);

        assertThat(read(walker(mode), 0x1000))
                .isEqualTo(new Fault(
                        Reason.INVALID_GPA, Detail.NONE, 1, 1, 0x4000_0000 + mode.entrySize(), 0, 0, 0, true));
    }

    @ParameterizedTest
    @EnumSource(value = PagingMode.class, names = "NONE", mode = EnumSource.Mode.EXCLUDE)
    void aTableInMemoryThatIsNotBackedIsNotPresent(PagingMode mode) {
        PageTableBuilder tables = tables(mode).map(0x1000, 0x5000, 1, PWU);
        long leaf = tables.entryAddress(0x1000, 1);
        memory.with(leaf, PhysicalMemory.Presence.UNBACKED);

        assertThat(read(walker(mode), 0x1000))
                .isEqualTo(new Fault(Reason.INVALID_GPA, Detail.UNBACKED, 1, 1, leaf, 0, 0, 0, true));
    }

    @Test
    void thePhysicalAddressAtTheEndNeedNotExist() {
        tables(PagingMode.LEVEL_4).map(0x1000, 0x7_0000_0000L, 1, PWU);

        assertThat(read(walker(PagingMode.LEVEL_4), 0x1000)).isInstanceOf(Translated.class);
    }

    @ParameterizedTest
    @CsvSource({
        // mode, 64-bit code, linear, valid
        "LEVEL_4, true, 0x00007fffffffffff, true",
        "LEVEL_4, true, 0x0000800000000000, false",
        "LEVEL_4, true, 0xffff800000000000, true",
        "LEVEL_4, true, 0xffff7fffffffffff, false",
        "LEVEL_5, true, 0x00ffffffffffffff, true",
        "LEVEL_5, true, 0x0100000000000000, false",
        "LEVEL_5, true, 0xff00000000000000, true",
        "LEVEL_4, false, 0x00000000ffffffff, true",
        "LEVEL_4, false, 0x0000000100000000, false",
        "NONE, false, 0x0000000100000000, false",
        "BITS_32, false, 0x00000000ffffffff, true",
    })
    void anAddressIsValidByTheCodeSegmentAndTheWidth(PagingMode mode, boolean longCode, String linear, boolean valid) {
        WalkPlan plan = WalkPlan.of(States.of(mode, ROOT));

        assertThat(plan.isValid(Long.parseUnsignedLong(linear.substring(2), 16), longCode))
                .isEqualTo(valid);
    }
}
