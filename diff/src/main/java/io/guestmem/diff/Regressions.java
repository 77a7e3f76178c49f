package io.guestmem.diff;

import io.guestmem.abi.Capability;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostProtection;
import java.util.List;
import java.util.stream.Stream;

/** The sequences in which two kernels once differed, as they were shrunk: every comparison begins with them. */
public final class Regressions {
    private static final List<Regression> ALL = List.of(
            new Regression(
                    "a guest in user mode fetches from where no memory is",
                    new Call.CreateVm(0),
                    new Call.CreateVcpu(0),
                    new Call.Run(GuestAccess.FETCH, 0, 0x10000L, 0, 1)),
            new Regression(
                    "a guest changes read-only memory that the process cannot read",
                    new Call.CreateVm(0),
                    new Call.Protect(HostProtection.NONE, 3, 0, 1),
                    new Call.CreateVcpu(0),
                    new Call.SetRegion(0, 2, 0x100000000L, 0x1000L, 3, 0),
                    new Call.Run(GuestAccess.ADD, 0, 0x100000000L, 0, 1)),
            new Regression(
                    "a read from a hole into logged memory maps nothing",
                    new Call.CreateVm(0),
                    new Call.CreateVcpu(0),
                    new Call.SetRegion(4, 1, 0x600000L, 0x1000L, 1, 0),
                    new Call.Run(GuestAccess.READ, 0, 0x5FFFFFL, 0, 1),
                    new Call.GetDirtyLog(4)),
            new Regression(
                    "a memslot at the end of what the kernel can map",
                    new Call.CreateVm(0),
                    new Call.SetRegion(0, 0, 0xFFFFFFFFF000L, 0x3000L, 0, 0)),
            new Regression(
                    "page tables with leaves of 1 GiB",
                    new Call.CreateVm(0),
                    new Call.CreateVcpu(0),
                    new Call.SetSregs(0, 2, 0x1000L),
                    new Call.Translate(0, 0)),
            new Regression(
                    "protecting the address range of a memslot of guest_memfd only",
                    new Call.CreateVm(0),
                    new Call.CreateGuestMemfd(0x8000L, 1),
                    new Call.SetRegion2(new Call.SetRegion(0, 4, 0x200000L, 0x5000L, 2, 0), 0, 0),
                    new Call.CreateVcpu(0),
                    new Call.Run(GuestAccess.FETCH, 0, 0x203000L, 0, 1),
                    new Call.Protect(HostProtection.READ, 2, 0x2000L, 0x2000L)),
            new Regression(
                    "a new border between mappings inside 2 MiB",
                    new Call.CreateVm(0),
                    new Call.CreateVcpu(0),
                    new Call.SetRegion(0, 0, 0x10000L, 0x20000L, 0, 0),
                    new Call.Advise(HostAdvice.NO_HUGE_PAGE, 0, 0, 0x400000L),
                    new Call.Run(GuestAccess.WRITE, 0, 0x20000L, 0, 1),
                    new Call.Protect(HostProtection.READ, 0, 0, 1)),
            new Regression(
                    "the process writes to a huge page of zeroes",
                    new Call.CreateVm(0),
                    new Call.CreateVcpu(0),
                    new Call.SetRegion(0, 0, 0xFED00000L, 0x10000L, 0, 0),
                    new Call.PreFault(0, 0xFED0F000L, 0x1000L, 0),
                    new Call.Store(0, 0, 0),
                    new Call.Run(GuestAccess.ADD, 0, 0xFED0D000L, 0, 1)),
            new Regression(
                    "a read of a file maps what is around it",
                    new Call.CreateVm(0),
                    new Call.CreateVcpu(0),
                    new Call.SetRegion(0, 0, 0x610000L, 0x10000L, 2, 0),
                    new Call.PreFault(0, 0x610000L, 0x1000L, 0),
                    new Call.Advise(HostAdvice.DONT_NEED, 2, 0, 1),
                    new Call.Run(GuestAccess.READ, 0, 0x61F000L, 0, 1),
                    new Call.Run(GuestAccess.WRITE, 0, 0x610000L, 0, 1)),
            new Regression(
                    "a write to read-only memory faults nothing in",
                    new Call.CreateVm(0),
                    new Call.SetRegion(0, 2, 0x100000000L, 0x1000L, 0, 0),
                    new Call.CreateVcpu(0),
                    new Call.Run(GuestAccess.WRITE, 0, 0x100000000L, 0, 1),
                    new Call.Advise(HostAdvice.DONT_NEED, 0, 0, 1),
                    new Call.Run(GuestAccess.ADD, 0, 0x100000000L, 0, 1),
                    new Call.Advise(HostAdvice.DONT_NEED, 0, 0x1000L, 1)),
            new Regression(
                    "an MMIO entry that is out of date where memory is private now",
                    new Call.CreateVm(1),
                    new Call.CreateVcpu(0),
                    new Call.PreFault(0, 0x60E000L, 0x1000L, 0),
                    new Call.SetAttributes(0x600000L, 0x10000L, 8, 0),
                    new Call.SetRegion(0, 0, 0x10000L, 0x1000L, 0, 0),
                    new Call.Run(GuestAccess.FETCH, 0, 0x60E000L, 0, 1)),
            new Regression(
                    "a run that a full dirty ring ends takes CR8 from the run page",
                    new Call.CreateVm(0),
                    new Call.EnableCapability(Capability.DIRTY_LOG_RING.number(), 0, 0x1000L),
                    new Call.CreateVcpu(0),
                    new Call.SetRegion(1, 1, 0x4000000L, 0x200000L, 0, 0),
                    new Call.PreFault(0, 0x4000000L, 0x200000L, 0),
                    new Call.SetSregs(0, 4, 15),
                    new Call.Run(GuestAccess.READ, 0, 0x4000000L, 0x1000L, 1),
                    new Call.SetSregs(0, 2, 0)));

    private Regressions() {}

    /**
     * One of them.
     *
     * @param name what it is about
     * @param calls of the sequence
     */
    public record Regression(String name, List<Call> calls) {
        /** Copies the list. */
        public Regression {
            calls = List.copyOf(calls);
        }

        private Regression(String name, Call... calls) {
            this(name, List.of(calls));
        }

        /** The sequence. */
        public Sequence sequence() {
            return new Sequence(0, calls);
        }

        /** Whether both kernels can show it. */
        public boolean isIn(Scope scope) {
            return calls.stream().allMatch(call -> switch (call) {
                case Call.PreFault _ -> scope.tdp();
                case Call.CreateVm create -> create.type() == 0 || scope.privateMemory();
                default -> true;
            });
        }
    }

    /** All of them, the oldest first. */
    public static List<Regression> all() {
        return ALL;
    }

    /** The sequences that two kernels can be compared in. */
    static Stream<Sequence> in(Scope scope) {
        return ALL.stream().filter(each -> each.isIn(scope)).map(Regression::sequence);
    }
}
