package io.guestmem.diff.translate;

import io.guestmem.abi.Kernel;
import io.guestmem.kvm.Registers;
import io.guestmem.kvm.Registers.Register;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.PdpteRegisters;
import io.guestmem.vmm.RunLoop;
import io.guestmem.vmm.RunOutcome;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A guest that makes the accesses itself: reads, writes and fetches, of the supervisor and of the user.
 *
 * <p>Compared are what it read, which word it executed, the vector, error code and CR2 of the exception, and all tables and data
 * afterwards. In entries above one at fault the accessed bit may be set or not: processors differ.
 */
final class AccessOracle implements Oracle {
    private static final int STATES = 4;
    private static final int CASES = Monitor.MOST_CASES;
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final OracleGuest guest;
    private final Processor processor;
    /** Words of data that the guest has overwritten in this round. */
    private final BitSet overwritten = new BitSet();

    AccessOracle(Kernel kernel) {
        this(kernel, Processor.of(kernel));
    }

    AccessOracle(Kernel kernel, Processor processor) {
        this.guest = new OracleGuest(kernel, false);
        this.processor = processor;
    }

    @Override
    public String name() {
        return "access";
    }

    @Override
    public void round(PagingMode mode, long seed, OracleTally tally) {
        SplittableRandom random = new SplittableRandom(seed);
        GuestRam ram = guest.ram();
        overwritten.stream().forEach(word -> ram.store((long) word * Long.BYTES, DataWord.of(word)));
        overwritten.clear();
        RandomTables tables = new RandomTables(ram, mode, true);
        tables.fill(random);
        int most = guest.features().paging().maxPhysicalAddressBits();
        for (int i = 0; i < STATES && tally.difference().isEmpty(); i++) {
            long cr3 = tables.root(random, most);
            PdpteRegisters pdptes = mode == PagingMode.PAE
                    ? PdpteRegisters.load(ram.ranges(), cr3, most).orElseThrow()
                    : PdpteRegisters.NONE;
            PagingState state = guest.features().state(random, mode, cr3, pdptes);
            if (!batch(random, seed, state, tally)) {
                tally.missing("this kernel's vCPUs do not take the registers of this mode");
                return;
            }
        }
    }

    private boolean batch(SplittableRandom random, long seed, PagingState state, OracleTally tally) {
        GuestRam ram = guest.ram();
        AccessProgram program = new AccessProgram(state.mode().isLong(), CpuFeatures.hasKeys(state));
        Monitor.write(ram, state.mode(), program);
        ram.show();
        if (!guest.enter(state)) {
            return false;
        }
        AccessModel model = new AccessModel(ram, state, processor, random, overwritten);
        List<AccessModel.Expected> cases = new ArrayList<>(CASES);
        for (int i = 0; i < CASES; i++) {
            AccessModel.Expected expected = model.next();
            AccessRecord.write(ram.real(), at(i), expected.question(), program);
            cases.add(expected);
        }
        guest.vcpu()
                .setRegisters(Registers.initial()
                        .with(Register.RBX, Monitor.CASES)
                        .with(Register.RBP, at(CASES))
                        .with(Register.RSP, Monitor.STACK_END)
                        .with(Register.RIP, program.entry()));
        RunOutcome outcome = new RunLoop(guest.vcpu()).run(LIMIT);
        compare(cases, outcome, seed, model, tally);
        return true;
    }

    private static long at(int index) {
        return Monitor.CASES + (long) index * AccessRecord.SIZE;
    }

    private void compare(
            List<AccessModel.Expected> cases, RunOutcome outcome, long seed, AccessModel model, OracleTally tally) {
        GuestRam ram = guest.ram();
        for (int i = 0; i < CASES; i++) {
            AccessModel.Expected expected = cases.get(i);
            AccessAnswer answer = AccessRecord.read(ram.real(), at(i));
            tally.counted(expected.answer().vector() != AccessAnswer.NONE);
            expected.deviations().forEach(tally::explained);
            if (!expected.matches(answer)) {
                String oracle = outcome instanceof RunOutcome.Finished ? answer.toString() : answer + ", " + outcome;
                tally.differs(model.difference(seed, expected, oracle));
                return;
            }
        }
        if (!(outcome instanceof RunOutcome.Finished)) {
            tally.differs(model.difference(seed, cases.getLast(), "after all cases: " + outcome));
            return;
        }
        long at = ram.firstDifference(model.undecided());
        if (at >= 0) {
            MemorySegment real = ram.real();
            String oracle = "in the end the word at offset " + at + ", page 0x"
                    + Long.toHexString(ram.gpa((int) (at / GuestRam.PAGE))) + ", is 0x"
                    + Integer.toHexString(real.get(ValueLayout.JAVA_INT, at)) + ", not 0x"
                    + Integer.toHexString(ram.load32(at));
            tally.differs(model.difference(seed, model.lastAt(at, cases), oracle));
        }
    }

    @Override
    public void close() {
        guest.close();
    }
}
