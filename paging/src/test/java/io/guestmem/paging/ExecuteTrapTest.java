package io.guestmem.paging;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.paging.Translation.Detail;
import io.guestmem.paging.Translation.Fault;
import io.guestmem.paging.Translation.Reason;
import io.guestmem.paging.Translation.Translated;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Nested paging with GMET. The guest's tables lie at 0x0 to 0x4000 of its physical memory, which the second stage maps to the
 * same addresses with all rights; the guest maps 0x7000 for its user mode and 0x8000 for its supervisor, both to its page 0x6000,
 * whose entry in the second stage the cases are about.
 */
class ExecuteTrapTest {
    private static final long HOST_ROOT = 0x1_0000;
    private static final long USER_LINEAR = 0x7000;
    private static final long SUPERVISOR_LINEAR = 0x8000;
    private static final long PAGE = 0x6000;
    private static final long PWU = 7;

    private final TestMemory memory = new TestMemory(32);
    private final PageTableBuilder host = new PageTableBuilder(memory, PagingMode.LEVEL_4, HOST_ROOT, 8);
    private final PageTableBuilder guest = new PageTableBuilder(memory, PagingMode.LEVEL_4, 0, 5);
    private final PagingState state = States.of(PagingMode.LEVEL_4, HOST_ROOT);

    private void map(String bits) {
        for (long page = 0; page < PAGE; page += 4096) {
            host.map(page, page, 1, PWU);
        }
        long flags = PageTableBuilder.PRESENT
                | (bits.contains("w") ? PageTableBuilder.WRITABLE : 0)
                | (bits.contains("u") ? PageTableBuilder.USER : 0)
                | (bits.contains("x") ? 0 : PageTableBuilder.NO_EXECUTE);
        host.map(PAGE, PAGE, 1, flags);
        guest.map(USER_LINEAR, PAGE, 1, PWU);
        guest.map(SUPERVISOR_LINEAR, PAGE, 1, PWU & ~PageTableBuilder.USER);
    }

    private Walker gmet() {
        return Walker.nested(
                WalkPlan.of(States.of(PagingMode.LEVEL_4, 0)),
                memory,
                SecondStage.nestedWithExecuteTrap(state, memory));
    }

    private Translation ask(Walker walker, int access) {
        long linear = (access & Access.USER) != 0 ? USER_LINEAR : SUPERVISOR_LINEAR;
        return walker.translate(linear, access, SetBits.NONE, CheckOrder.ARCHITECTURAL);
    }

    private static String outcome(Translation translation) {
        return translation instanceof Fault fault ? fault.detail().name() : "ok";
    }

    /** Rights of the page in the second stage; what becomes of the supervisor's and of user mode's accesses. */
    @ParameterizedTest
    @CsvSource({
        // page, supervisor: read, write, fetch, user: read, write, fetch
        "wxu, ok, ok, SMEP, ok, ok, ok",
        "wx, ok, ok, ok, ok, ok, ok",
        "wu, ok, ok, EXECUTE, ok, ok, EXECUTE",
        "w, ok, ok, EXECUTE, ok, ok, EXECUTE",
        "xu, ok, WRITE, SMEP, ok, WRITE, ok",
        "x, ok, WRITE, ok, ok, WRITE, ok",
    })
    void theUserBitDecidesWhatTheSupervisorExecutesAndNothingElse(
            String page, String read, String write, String fetch, String userRead, String userWrite, String userFetch) {
        map(page);

        assertThat(outcome(ask(gmet(), Access.READ))).isEqualTo(read);
        assertThat(outcome(ask(gmet(), Access.WRITE))).isEqualTo(write);
        assertThat(outcome(ask(gmet(), Access.EXECUTE))).isEqualTo(fetch);
        assertThat(outcome(ask(gmet(), Access.READ | Access.USER))).isEqualTo(userRead);
        assertThat(outcome(ask(gmet(), Access.WRITE | Access.USER))).isEqualTo(userWrite);
        assertThat(outcome(ask(gmet(), Access.EXECUTE | Access.USER))).isEqualTo(userFetch);
    }

    /** Without it, every access is one of user mode. */
    @ParameterizedTest
    @CsvSource({"wxu, ok, ok", "wx, USER, USER"})
    void withoutItTheUserBitDecidesEverything(String page, String read, String fetch) {
        map(page);
        Walker walker =
                Walker.nested(WalkPlan.of(States.of(PagingMode.LEVEL_4, 0)), memory, SecondStage.nested(state, memory));

        assertThat(outcome(ask(walker, Access.READ))).isEqualTo(read);
        assertThat(outcome(ask(walker, Access.EXECUTE))).isEqualTo(fetch);
    }

    /** P and I/D, and U only for user mode's fetch: errata 1218 of some processors is not followed. */
    @Test
    void theErrorCodeSaysWhoFetched() {
        map("wxu");
        assertThat(ask(gmet(), Access.EXECUTE)).isInstanceOfSatisfying(Fault.class, fault -> {
            assertThat(fault.stage()).isEqualTo(2);
            assertThat(fault.reason()).isEqualTo(Reason.PRIVILEGE_VIOLATION);
            assertThat(fault.guestPhysical()).isEqualTo(PAGE);
            assertThat(fault.pageFaultErrorCode()).isEqualTo(SecondStage.FAULT_FINAL | 0b1_0001);
        });
        map("wu");
        assertThat(ask(gmet(), Access.EXECUTE | Access.USER))
                .isInstanceOfSatisfying(
                        Fault.class,
                        fault -> assertThat(fault.pageFaultErrorCode()).isEqualTo(SecondStage.FAULT_FINAL | 0b1_0101));
    }

    /** The guest's tables are read and written as before: their user bits in the second stage do not count any more. */
    @Test
    void aGuestsTableNeedsNoUserBitButMustBeWritable() {
        map("wxu");
        long table = guest.entryAddress(USER_LINEAR, 1) & -4096;
        host.map(table, table, 1, PWU & ~PageTableBuilder.USER);
        assertThat(ask(gmet(), Access.READ | Access.USER)).isInstanceOf(Translated.class);

        host.map(table, table, 1, PWU & ~PageTableBuilder.WRITABLE);
        assertThat(ask(gmet(), Access.READ | Access.USER)).isInstanceOfSatisfying(Fault.class, fault -> {
            assertThat(fault.detail()).isEqualTo(Detail.WRITE);
            assertThat(fault.pageFaultErrorCode()).isEqualTo(SecondStage.FAULT_TABLE | 0b111);
        });
    }

    @Test
    void theExplanationNamesIt() {
        map("wxu");
        Walker walker = gmet();
        Fault fault = (Fault) ask(walker, Access.EXECUTE);

        List<String> lines =
                WalkExplanation.of(walker, SUPERVISOR_LINEAR, Access.EXECUTE, CheckOrder.ARCHITECTURAL, fault);

        assertThat(lines.getLast())
                .isEqualTo("second stage, for 0x6000: GMET: the supervisor does not execute user pages");
    }
}
