package io.guestmem.paging;

import static io.guestmem.paging.Access.ALIGNMENT_CHECK;
import static io.guestmem.paging.Access.EXECUTE;
import static io.guestmem.paging.Access.IMPLICIT;
import static io.guestmem.paging.Access.READ;
import static io.guestmem.paging.Access.USER;
import static io.guestmem.paging.Access.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.paging.Translation.Detail;
import io.guestmem.paging.Translation.Fault;
import io.guestmem.paging.Translation.Reason;
import io.guestmem.paging.Translation.Translated;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Who may do what with a page: kernel.md 4.6, and T2-05, T2-12, T2-16 of its section 7.7. */
class WalkerPermissionsTest {
    private static final long ROOT = 0x1000;
    private static final long LINEAR = 0x7F00_1234_5000L;
    private static final long P = PageTableBuilder.PRESENT;
    private static final long W = PageTableBuilder.WRITABLE;
    private static final long U = PageTableBuilder.USER;
    private static final long NX = PageTableBuilder.NO_EXECUTE;

    private final TestMemory memory = new TestMemory(16);
    private final PageTableBuilder tables = new PageTableBuilder(memory, PagingMode.LEVEL_4, ROOT, 8);
    private final PagingState state = States.of(PagingMode.LEVEL_4, ROOT);

    private Translation ask(PagingState with, int access) {
        return ask(with, access, CheckOrder.ARCHITECTURAL);
    }

    private Translation ask(PagingState with, int access, CheckOrder order) {
        return States.walker(with, memory).translate(LINEAR, access, SetBits.NONE, order);
    }

    private static void assertRefused(Translation translation, Detail detail, int errorCode) {
        assertThat(translation).isInstanceOfSatisfying(Fault.class, fault -> {
            assertThat(fault.reason()).isEqualTo(Reason.PRIVILEGE_VIOLATION);
            assertThat(fault.detail()).isEqualTo(detail);
            assertThat(fault.pageFaultErrorCode()).isEqualTo(errorCode);
        });
    }

    /** T2-05: what is granted on all levels succeeds, whatever is asked beyond it is a violation. */
    @ParameterizedTest
    @EnumSource(CheckOrder.class)
    void exactlyWhatAllLevelsGrantIsPermitted(CheckOrder order) {
        for (int granted = 0; granted < 8; granted++) {
            long flags = P
                    | ((granted & WRITE) != 0 ? W : 0)
                    | ((granted & USER) != 0 ? U : 0)
                    | ((granted & EXECUTE) != 0 ? 0 : NX);
            tables.map(LINEAR, 0x9000, 1, flags);
            for (int level = 2; level <= 4; level++) {
                tables.set(LINEAR, level, (tables.get(LINEAR, level) & ~(7 | NX)) | flags);
            }
            for (int asked = 0; asked < 8; asked++) {
                assertThat(ask(state, asked, order) instanceof Translated)
                        .as("granted %d, asked %d", granted, asked)
                        .isEqualTo((asked & ~granted) == 0);
            }
            tables.set(LINEAR, 4, (tables.get(LINEAR, 4) & ~NX) | P | W | U);
            tables.set(LINEAR, 3, (tables.get(LINEAR, 3) & ~NX) | P | W | U);
            tables.set(LINEAR, 2, (tables.get(LINEAR, 2) & ~NX) | P | W | U);
        }
    }

    @ParameterizedTest
    @CsvSource({
        // level that takes the right away, flag to clear or set, access, detail
        "4, W, 1, WRITE", "3, W, 1, WRITE", "2, W, 1, WRITE", "1, W, 1, WRITE",
        "4, U, 2, USER", "3, U, 2, USER", "2, U, 2, USER", "1, U, 2, USER",
        "4, NX, 4, EXECUTE", "3, NX, 4, EXECUTE", "2, NX, 4, EXECUTE", "1, NX, 4, EXECUTE",
    })
    void aRightThatOneLevelTakesAwayIsGoneAndThatLevelIsReported(int level, String flag, int access, Detail detail) {
        tables.map(LINEAR, 0x9000, 1, P | W | U);
        long entry = tables.get(LINEAR, level);
        tables.set(LINEAR, level, flag.equals("NX") ? entry | NX : entry & ~(flag.equals("W") ? W : U));

        for (CheckOrder order : CheckOrder.values()) {
            assertThat(ask(state, access, order)).isInstanceOfSatisfying(Fault.class, fault -> {
                assertThat(fault.detail()).isEqualTo(detail);
                assertThat(fault.level()).isEqualTo(level);
                assertThat(fault.entryAddress()).isEqualTo(tables.entryAddress(LINEAR, level));
                assertThat(fault.entry()).isEqualTo(tables.get(LINEAR, level));
            });
            assertThat(ask(state, READ, order)).isInstanceOf(Translated.class);
        }
    }

    /** T2-12. */
    @Test
    void whichOfTwoFaultsIsReportedIsAMatterOfTheOrder() {
        tables.map(LINEAR, 0x9000, 1, 0);
        tables.set(LINEAR, 4, tables.get(LINEAR, 4) & ~W);

        assertThat(ask(state, WRITE, CheckOrder.PER_LEVEL))
                .isEqualTo(new Fault(
                        Reason.PRIVILEGE_VIOLATION,
                        Detail.WRITE,
                        1,
                        4,
                        tables.entryAddress(LINEAR, 4),
                        tables.get(LINEAR, 4),
                        0,
                        3,
                        true));
        assertThat(ask(state, WRITE, CheckOrder.ARCHITECTURAL))
                .isEqualTo(new Fault(
                        Reason.NOT_PRESENT, Detail.NONE, 1, 1, tables.entryAddress(LINEAR, 1), 0x9000, 0, 2, true));
    }

    @Test
    void reservedBitsBelowWinOverAViolationAboveInTheArchitecturalOrder() {
        tables.map(LINEAR, 0x9000 | 1L << 51, 1, P | W);
        tables.set(LINEAR, 4, tables.get(LINEAR, 4) & ~U);

        assertThat(ask(state, USER | WRITE, CheckOrder.ARCHITECTURAL)).isInstanceOfSatisfying(Fault.class, fault -> {
            assertThat(fault.reason()).isEqualTo(Reason.RESERVED_BITS);
            assertThat(fault.level()).isEqualTo(1);
            assertThat(fault.pageFaultErrorCode()).isEqualTo(0b1111);
        });
        assertThat(ask(state, USER | WRITE, CheckOrder.PER_LEVEL))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.level()).isEqualTo(4));
    }

    /** T2-16, the half of CR0.WP. */
    @ParameterizedTest
    @CsvSource({
        // WP, access, permitted
        "true, 1, false",
        "false, 1, true",
        "true, 3, false",
        "false, 3, false",
    })
    void theSupervisorWritesReadOnlyPagesWithoutWriteProtection(boolean writeProtect, int access, boolean permitted) {
        tables.map(LINEAR, 0x9000, 1, P | U);
        PagingState with = States.withCr0(state, States.PG_PE | (writeProtect ? States.WP : 0));

        assertThat(ask(with, access) instanceof Translated).isEqualTo(permitted);
    }

    /** T2-16, the half of RFLAGS.AC; TR-09. */
    @ParameterizedTest
    @CsvSource({
        // access, page of the user, refused
        "0, true, SMAP",
        "1, true, SMAP",
        "8, true, SMAP",
        "16, true, ",
        "17, true, ",
        "24, true, SMAP",
        "4, true, ",
        "2, true, ",
        "3, true, ",
        "0, false, ",
        "8, false, ",
    })
    void smapKeepsTheSupervisorFromTheUsersDataUnlessAlignmentCheckExcusesIt(int access, boolean user, Detail refused) {
        assertThat(IMPLICIT | ALIGNMENT_CHECK).isEqualTo(24);
        tables.map(LINEAR, 0x9000, 1, P | W | (user ? U : 0));
        PagingState with = States.withCr4(state, state.cr4() | States.SMAP);

        if (refused == null) {
            assertThat(ask(with, access)).isInstanceOf(Translated.class);
        } else {
            assertRefused(ask(with, access), refused, 1 | (access & WRITE) << 1);
        }
    }

    @Test
    void smapAndSmepLookAtTheLeafEvenIfChecksAreMadePerLevel() {
        tables.map(LINEAR, 0x9000, 1, P | W);
        PagingState with = States.withCr4(state, state.cr4() | States.SMAP | States.SMEP);

        assertThat(ask(with, READ, CheckOrder.PER_LEVEL)).isInstanceOf(Translated.class);
        assertThat(ask(with, EXECUTE, CheckOrder.PER_LEVEL)).isInstanceOf(Translated.class);
    }

    @Test
    void smepKeepsTheSupervisorFromTheUsersCode() {
        tables.map(LINEAR, 0x9000, 1, P | U);
        PagingState with = States.withCr4(state, state.cr4() | States.SMEP);

        assertRefused(ask(with, EXECUTE), Detail.SMEP, 0x11);
        assertThat(ask(with, EXECUTE | USER)).isInstanceOf(Translated.class);
        assertThat(ask(with, READ)).isInstanceOf(Translated.class);
    }

    @Test
    void aFetchIsReportedAsOneOnlyIfExecutionIsARightOfItsOwn() {
        tables.map(LINEAR, 0x9000, 1, 0);
        PagingState plain = States.withEfer(state, States.LME_LMA);

        assertThat(((Fault) ask(state, EXECUTE)).pageFaultErrorCode()).isEqualTo(0x10);
        assertThat(((Fault) ask(plain, EXECUTE)).pageFaultErrorCode()).isZero();
    }

    @ParameterizedTest
    @CsvSource({
        // key, PKRU, WP, access, error code or nothing
        "0, 0x1, true, 0, 0x21",
        "0, 0x1, true, 2, 0x25",
        "0, 0x2, true, 0, ",
        "0, 0x2, true, 1, 0x23",
        "0, 0x2, false, 1, ",
        "0, 0x2, false, 3, 0x27",
        "0, 0x4, true, 0, ",
        "1, 0x4, true, 0, 0x21",
        "15, 0x40000000, true, 2, 0x25",
        "15, 0x80000000, true, 3, 0x27",
        "15, 0x80000000, true, 2, ",
        "1, 0xc, true, 6, ",
    })
    void protectionKeysRefuseDataOfUserPages(int key, String pkru, boolean writeProtect, int access, String expected) {
        tables.map(LINEAR, 0x9000, 1, P | W | U | (long) key << 59);
        PagingState keys = States.withCr4(state, state.cr4() | States.PKE);
        PagingState with = States.withCr0(
                States.withPkru(keys, Long.decode(pkru).intValue()), States.PG_PE | (writeProtect ? States.WP : 0));

        if (expected == null) {
            assertThat(ask(with, access)).isInstanceOf(Translated.class);
        } else {
            assertRefused(ask(with, access), Detail.KEY, Integer.decode(expected));
        }
        assertThat(ask(States.withPkru(state, -1), access))
                .as("without CR4.PKE")
                .isInstanceOf(Translated.class);
    }

    @Test
    void protectionKeysDoNotConcernSupervisorPages() {
        tables.map(LINEAR, 0x9000, 1, P | W);
        PagingState with = States.withPkru(States.withCr4(state, state.cr4() | States.PKE), -1);

        assertThat(ask(with, WRITE)).isInstanceOf(Translated.class);
    }

    /** Linux 7.2 mmu.h:permission_fault: the key's bit of the error code does not depend on what else is wrong. */
    @Test
    void aKeyThatRefusesIsReportedBesideAnotherViolation() {
        tables.map(LINEAR, 0x9000, 1, P | U);
        PagingState with = States.withPkru(States.withCr4(state, state.cr4() | States.PKE), 1);

        assertRefused(ask(with, WRITE | USER), Detail.WRITE, 0x27);
    }

    @Test
    void aWriteThatIsAFetchTooMustPassBothExceptThatTheSeriesAsksNoSmap() {
        tables.map(LINEAR, 0x9000, 1, P | W | U);
        PagingState with = States.withCr4(state, state.cr4() | States.SMAP);

        assertRefused(ask(with, WRITE | EXECUTE, CheckOrder.ARCHITECTURAL), Detail.SMAP, 0x13);
        assertThat(ask(with, WRITE | EXECUTE, CheckOrder.PER_LEVEL)).isInstanceOf(Translated.class);
    }
}
