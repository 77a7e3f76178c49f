package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.paging.PhysicalMemory.Presence;
import io.guestmem.paging.Translate2.Answer;
import io.guestmem.paging.Translation.Translated;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The 24 corner cases of translate.md 1.10, one test each: what the documentation's rules say, and what the series' code does. */
class Translate2Test {
    private static final long ROOT = 0x1000;
    private static final long LINEAR = 0x12_3456;
    private static final long PAGE = 0x9000;
    private static final long P = PageTableBuilder.PRESENT;
    private static final long W = PageTableBuilder.WRITABLE;
    private static final long U = PageTableBuilder.USER;
    private static final long NX = PageTableBuilder.NO_EXECUTE;
    private static final int A = SetBits.ACCESSED;
    private static final int D = SetBits.DIRTY;
    private static final int FORCE = SetBits.FORCE_ACCESSED;

    private final TestMemory memory = new TestMemory(16);
    private final PageTableBuilder tables = new PageTableBuilder(memory, PagingMode.LEVEL_4, ROOT, 8);
    private PagingState state = States.of(PagingMode.LEVEL_4, ROOT);

    private Answer documented(int flags, int access) {
        return Translate2.DOCUMENTED.answer(States.walker(state, memory), LINEAR, flags, access, true, false);
    }

    private Answer exact(int flags, int access) {
        return Translate2.RFC_EXACT.answer(States.walker(state, memory), LINEAR, flags, access, true, false);
    }

    private void map(long flags) {
        tables.map(LINEAR, PAGE, 1, flags);
    }

    private long entry(int level) {
        return tables.entryAddress(LINEAR, level);
    }

    private void change(int level, long clear, long set) {
        tables.set(LINEAR, level, (tables.get(LINEAR, level) & ~clear) | set);
    }

    private static Answer valid(long address, boolean bitsSet) {
        return Answer.of(true, address, 0, bitsSet);
    }

    private static Answer fault(int reason, long address, boolean bitsSet) {
        return Answer.of(false, address, reason, bitsSet);
    }

    @Test
    void case1AViolationAboveWinsPerLevelAndLosesInTheArchitecturalOrder() {
        map(0);
        change(4, W, 0);
        Walker walker = States.walker(state, memory);

        assertThat(documented(0, Access.WRITE)).isEqualTo(fault(WalkResult.PRIVILEGE_VIOLATION, entry(4), false));
        assertThat(new Translate2(Translate2.Rules.DOCUMENTED, CheckOrder.ARCHITECTURAL)
                        .answer(walker, LINEAR, 0, Access.WRITE, true, false))
                .isEqualTo(fault(WalkResult.NOT_PRESENT, entry(1), false));
    }

    /** PML4E.U is set over the supervisor's pages, as Linux has it. */
    @ParameterizedTest
    @CsvSource({"0, 0x200000", "4, 0x100000"})
    void case2SmapAndSmepAreCheckedAtTheLeafAndTheSeriesChecksTooEarly(int access, String cr4Bit) {
        map(P | W);
        state = States.withCr4(state, state.cr4() | Long.decode(cr4Bit));

        assertThat(documented(0, access)).isEqualTo(valid(PAGE | 0x456, false));
        assertThat(exact(0, access).valid()).isFalse();
        assertThat(exact(0, access).address()).isEqualTo(ROOT);
    }

    @Test
    void case3TheAddressOfAFaultIsTheEntryAndInTheSeriesTheTable() {
        map(0);

        assertThat(documented(0, 0)).isEqualTo(fault(WalkResult.NOT_PRESENT, entry(1), false));
        assertThat(exact(0, 0)).isEqualTo(fault(WalkResult.NOT_PRESENT, entry(1) & -4096, false));
    }

    @Test
    void case4TheFirstLevelThatTakesTheRightAwayIsAtFault() {
        map(P | W | U);
        change(3, W, 0);
        change(2, W, 0);

        assertThat(documented(0, Access.WRITE)).isEqualTo(fault(WalkResult.PRIVILEGE_VIOLATION, entry(3), false));
    }

    @Test
    void case4ForAKeyItIsTheLeaf() {
        map(P | W | U | 1L << 59);
        state = States.withPkru(States.withCr4(state, state.cr4() | States.PKE), 0b0100);

        assertThat(documented(0, Access.USER)).isEqualTo(fault(WalkResult.PRIVILEGE_VIOLATION, entry(1), false));
    }

    @Test
    void case5ATableWithoutMemoryIsNamedByTheEntryThatCouldNotBeRead() {
        map(P | W | U);
        tables.set(LINEAR, 2, 0x4000_0000 | P | W | U);
        long index = (LINEAR >>> 12 & 511) * 8;

        assertThat(documented(0, 0)).isEqualTo(fault(WalkResult.INVALID_GPA, 0x4000_0000 + index, false));
        assertThat(exact(0, 0)).isEqualTo(fault(WalkResult.INVALID_GPA, 0x4000_0000, false));
    }

    @ParameterizedTest
    @CsvSource({"NONE, 5", "UNBACKED, 1", "EXCLUDED, 5"})
    void case6EveryUnreadableTableIsAnInvalidGpa(Presence presence, int inTheSeries) {
        map(P | W | U);
        memory.with(entry(1), presence);
        long at = entry(2) + 0x1000 - (entry(2) & 4095) + (LINEAR >>> 12 & 511) * 8;

        assertThat(documented(0, 0)).isEqualTo(fault(WalkResult.INVALID_GPA, at, false));
        assertThat(exact(0, 0).errorCode()).isEqualTo(inTheSeries);
    }

    @ParameterizedTest
    @CsvSource({"0x9000, true", "0x40000000, false"})
    void case7TheFinalAddressNeedNotBeBacked(String page, boolean backed) {
        tables.map(LINEAR, Long.decode(page), 1, P);

        Translation result = States.walker(state, memory).translate(LINEAR, 0, SetBits.NONE, CheckOrder.PER_LEVEL);

        assertThat(result)
                .isInstanceOfSatisfying(
                        Translated.class,
                        translated -> assertThat(translated.backed()).isEqualTo(backed));
    }

    @Test
    void case8AnAbsentPaeRegisterIsWhereCr3HasIt() {
        PagingState pae = States.of(PagingMode.PAE, ROOT | 0x20);
        Walker walker = States.walker(pae, memory);
        long linear = 0x8000_0000L;

        for (Translate2 rules : List.of(Translate2.DOCUMENTED, Translate2.RFC_EXACT)) {
            Answer answer = rules.answer(walker, linear, A | FORCE, 0, false, false);
            assertThat(answer).isEqualTo(fault(WalkResult.NOT_PRESENT, ROOT + 0x20 + 16, true));
        }
    }

    @Test
    void case9AnInvalidAddressLeavesNothingInTheOutputs() {
        Walker walker = States.walker(state, memory);

        assertThat(Translate2.DOCUMENTED.answer(walker, 5L << 60, A, 0, true, false))
                .isEqualTo(fault(WalkResult.INVALID_GVA, 0, false));
        assertThat(Translate2.RFC_EXACT.answer(walker, 5L << 60, A, 0, true, false))
                .isEqualTo(new Answer(false, 0, WalkResult.INVALID_GVA, false, false, true, false));
    }

    @Test
    void case10ARefusedReadOfTheSupervisorHasACode() {
        map(P | W | U);
        state = States.withCr4(state, state.cr4() | States.SMAP);

        assertThat(documented(0, 0)).isEqualTo(fault(WalkResult.PRIVILEGE_VIOLATION, entry(1), false));
        assertThat(exact(0, 0).writesErrorCode()).isFalse();
    }

    @Test
    void case11ASuccessHasNoErrorCode() {
        map(P);

        assertThat(documented(0, 0).errorCode()).isZero();
        assertThat(exact(0, 0)).isEqualTo(Answer.of(true, PAGE | 0x456, WalkResult.NOT_PRESENT, false));
    }

    @Test
    void case12And13And14DirtyIsSetInTheLeafOfAWriteThatAsksForItOnly() {
        map(P | W);

        assertThat(documented(A, 0)).isEqualTo(valid(PAGE | 0x456, true));
        assertThat(bits()).isEqualTo("A A A A");
        assertThat(documented(A, Access.WRITE)).isEqualTo(valid(PAGE | 0x456, true));
        assertThat(bits()).isEqualTo("A A A A");
        assertThat(documented(A | D, Access.WRITE)).isEqualTo(valid(PAGE | 0x456, true));
        assertThat(bits()).isEqualTo("A A A AD");
    }

    private String bits() {
        StringBuilder bits = new StringBuilder();
        for (int level = 4; level >= 1; level--) {
            long entry = tables.get(LINEAR, level);
            bits.append((entry & 0x20) != 0 ? "A" : "-")
                    .append((entry & 0x40) != 0 ? "D" : "")
                    .append(' ');
        }
        return bits.toString().strip();
    }

    @Test
    void case15ForceStopsAboveTheLevelAtFaultAlsoIfOnlyPermissionFailed() {
        map(P);

        assertThat(documented(A | FORCE, Access.WRITE))
                .isEqualTo(fault(WalkResult.PRIVILEGE_VIOLATION, entry(1), true));
        assertThat(bits()).isEqualTo("A A A -");
    }

    @Test
    void case16ForceStartsAnewIfAnEntryChangesAndTheSeriesDoesNot() {
        map(0);
        memory.beforeNextStore(() -> {
            change(4, 0, 1 << 9);
            change(1, 0, P | PAGE);
        });
        assertThat(documented(A | FORCE, 0)).isEqualTo(valid(PAGE | 0x456, true));

        change(1, P | 0x20, 0);
        for (int level = 2; level <= 4; level++) {
            change(level, 0x20, 0);
        }
        memory.beforeNextStore(() -> change(4, 0, 1 << 10));
        assertThat(exact(A | FORCE, 0)).isEqualTo(fault(WalkResult.NOT_PRESENT, entry(1) & -4096, true));
        assertThat(bits()).isEqualTo("- - - -");
    }

    @Test
    void case17WithoutForceAFailedWalkSetsNothingAndSaysSo() {
        map(0);

        assertThat(documented(A, 0).bitsSet()).isFalse();
        assertThat(exact(A, 0).bitsSet()).isTrue();
        assertThat(documented(0, 0).bitsSet()).isFalse();
        assertThat(bits()).isEqualTo("- - - -");
    }

    @Test
    void case18BitsThatAreSetAlreadyCountInReadOnlyMemoryToo() {
        map(P);
        documented(A, 0);
        for (int level = 1; level <= 4; level++) {
            memory.with(entry(level), Presence.READ_ONLY);
        }

        assertThat(documented(A, 0).bitsSet()).isTrue();

        assertThat(exact(A, 0).bitsSet()).isTrue();
    }

    @Test
    void case19WithoutPagingAllBitsAreSetAndSoTheyAreAboveTheRoot() {
        Walker none = States.walker(States.of(PagingMode.NONE, 0), memory);
        assertThat(Translate2.DOCUMENTED.answer(none, 0xDEAD_BEEFL, A, 0, false, false))
                .isEqualTo(valid(0xDEAD_BEEFL, true));

        assertThat(documented(A | FORCE, 0)).isEqualTo(fault(WalkResult.NOT_PRESENT, ROOT, true));
    }

    @ParameterizedTest
    @CsvSource({"false, false", "true, true"})
    void case20AlignmentCheckLiftsSmap(boolean alignmentCheck, boolean permitted) {
        map(P | U);
        state = States.withCr4(state, state.cr4() | States.SMAP);

        Answer answer = Translate2.DOCUMENTED.answer(States.walker(state, memory), LINEAR, 0, 0, true, alignmentCheck);

        assertThat(answer.valid()).isEqualTo(permitted);
    }

    @Test
    void case21MemoryThatVanishesBeforeItsBitIsSetDoesNotFailTheWalk() {
        map(P);
        memory.beforeNextStore(() -> memory.with(entry(2), Presence.UNBACKED));
        assertThat(documented(A, 0)).isEqualTo(valid(PAGE | 0x456, false));

        memory.with(entry(4), Presence.WRITABLE).with(0x3000, Presence.WRITABLE);
        change(4, 0x20, 0);
        memory.beforeNextStore(() -> memory.with(0x3000, Presence.UNBACKED));
        assertThat(exact(A, 0)).isEqualTo(fault(WalkResult.NOT_PRESENT, PAGE | 0x456, true));
    }

    @Test
    void case22WithoutNxeAndSmepExecutionIsPermitted() {
        map(P | U);
        state = States.withEfer(state, state.efer() & ~States.NXE);

        assertThat(documented(0, Access.EXECUTE)).isEqualTo(valid(PAGE | 0x456, false));
    }

    @ParameterizedTest
    @CsvSource({"ARCHITECTURAL, false", "PER_LEVEL, true", "SERIES, true"})
    void case23AWriteThatIsAFetchIsAskedForItsKeyOnlyAsTwoAccesses(CheckOrder order, boolean permitted) {
        map(P | W | U);
        state = States.withPkru(States.withCr4(state, state.cr4() | States.PKE), 0b11);
        Translate2 rules = new Translate2(Translate2.Rules.DOCUMENTED, order);
        int both = Access.WRITE | Access.EXECUTE | Access.USER;

        assertThat(rules.answer(States.walker(state, memory), LINEAR, 0, both, true, false)
                        .valid())
                .isEqualTo(permitted);
        change(1, 0, NX);
        assertThat(rules.answer(States.walker(state, memory), LINEAR, 0, both, true, false)
                        .valid())
                .isFalse();
    }

    /** A second stage that has nothing: the guest's root has no translation. */
    @Test
    void case24AFaultOfTheSecondStageHasTheSameCodes() {
        map(P);
        SecondStage empty = SecondStage.nested(States.of(PagingMode.LEVEL_4, 0xF000), memory);
        Walker nested = Walker.nested(WalkPlan.of(state), memory, empty);

        assertThat(Translate2.DOCUMENTED.answer(nested, LINEAR, 0, 0, true, false))
                .isEqualTo(fault(WalkResult.NOT_PRESENT, 0xF000, false));
    }

    @ParameterizedTest
    @CsvSource({
        // flags, access, valid
        "0, 0, true",
        "0, 7, true",
        "1, 0, true",
        "2, 1, false",
        "4, 0, false",
        "3, 0, false",
        "3, 1, true",
        "5, 0, true",
        "7, 1, true",
        "8, 0, false",
        "0, 8, false",
    })
    void requestsThatMakeNoSenseAreRefused(int flags, int access, boolean valid) {
        assertThat(Translate2.isValid(flags, access)).isEqualTo(valid);
    }
}
