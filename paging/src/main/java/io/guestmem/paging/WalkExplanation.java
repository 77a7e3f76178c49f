package io.guestmem.paging;

import io.guestmem.paging.Translation.Detail;
import io.guestmem.paging.Translation.Fault;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A fault in words: each entry that the walk read, with its bits, and which rule refused. */
public final class WalkExplanation {
    private static final String[] NAMES = {"", "PTE", "PDE", "PDPTE", "PML4E", "PML5E"};
    private static final int PDPTE_LEVEL = 3;

    private WalkExplanation() {}

    /**
     * Explains.
     *
     * @param walker that found the fault; it walks once more, without changing anything
     * @return lines: an entry each, the root's first, then the rule
     */
    public static List<String> of(Walker walker, long linear, int access, CheckOrder order, Fault fault) {
        List<String> lines = new ArrayList<>();
        for (Walker.Step step : walker.explain(linear, access, order)) {
            boolean atFault = step.address() == fault.entryAddress() && step.level() == fault.level();
            lines.add(String.format(
                    Locale.ROOT,
                    "%-5s at 0x%x = 0x%016x  %s%s",
                    NAMES[step.level()],
                    step.address(),
                    step.value(),
                    bits(step.value(), walker.plan().mode()),
                    atFault ? "  <- here" : ""));
        }
        lines.add(rule(walker.plan(), fault));
        return lines;
    }

    private static String bits(long entry, PagingMode mode) {
        StringBuilder bits = new StringBuilder();
        bits.append((entry & PageTableBuilder.PRESENT) != 0 ? "P" : "-");
        bits.append((entry & PageTableBuilder.WRITABLE) != 0 ? "W" : "-");
        bits.append((entry & PageTableBuilder.USER) != 0 ? "U" : "-");
        bits.append((entry & PageTableBuilder.ACCESSED) != 0 ? "A" : "-");
        bits.append((entry & PageTableBuilder.DIRTY) != 0 ? "D" : "-");
        bits.append((entry & PageTableBuilder.LARGE) != 0 ? "S" : "-");
        if (mode != PagingMode.BITS_32) {
            bits.append((entry & PageTableBuilder.NO_EXECUTE) != 0 ? "X" : "-");
        }
        return bits.toString();
    }

    private static String rule(WalkPlan plan, Fault fault) {
        boolean register = plan.mode() == PagingMode.PAE && fault.level() == PDPTE_LEVEL;
        String what = register ? "register PDPTE" : NAMES[fault.level()];
        String stage =
                fault.stage() == 2 ? "second stage, for 0x" + Long.toHexString(fault.guestPhysical()) + ": " : "";
        return stage
                + switch (fault.reason()) {
                    case NOT_PRESENT -> what + " is not present (bit 0 is clear)";
                    case RESERVED_BITS -> what + " has reserved bits" + reserved(plan, fault);
                    case INVALID_GPA ->
                        "the " + what + " at 0x" + Long.toHexString(fault.entryAddress()) + " "
                                + unreadable(fault.detail());
                    case INVALID_GVA -> "the address is none of this mode";
                    case PRIVILEGE_VIOLATION -> refusal(fault, what);
                };
    }

    private static String reserved(WalkPlan plan, Fault fault) {
        if (fault.detail() != Detail.NONE || fault.stage() == 2) {
            return fault.detail() == Detail.NONE ? "" : ": " + fault.detail();
        }
        long bits = plan.format().reservedBits(fault.entry(), fault.level());
        int most = plan.state().features().maxPhysicalAddressBits();
        return ": 0x" + Long.toHexString(bits) + " (MAXPHYADDR is " + most + ")";
    }

    private static String unreadable(Detail detail) {
        return switch (detail) {
            case EXCLUDED -> "was left out of the dump, or is damaged";
            case UNBACKED -> "has no memory behind it";
            default -> "lies where there is no memory";
        };
    }

    private static String refusal(Fault fault, String what) {
        return switch (fault.detail()) {
            case USER -> what + " does not permit user mode (U is clear)";
            case WRITE -> what + " does not permit writing (W is clear)";
            case EXECUTE -> what + " does not permit execution (NX is set, with EFER.NXE)";
            case SMEP ->
                fault.stage() == 2
                        ? "GMET: the supervisor does not execute user pages"
                        : "CR4.SMEP: the supervisor does not execute user pages";
            case SMAP -> "CR4.SMAP: the supervisor does not touch user pages while RFLAGS.AC is clear";
            case KEY -> "the protection key of the " + what + " refuses";
            case SHADOW_STACK -> what + " maps no shadow stack of this mode";
            case READ -> what + " does not permit reading";
            default -> fault.detail().toString();
        };
    }
}
