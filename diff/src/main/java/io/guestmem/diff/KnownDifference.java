package io.guestmem.diff;

import io.guestmem.abi.ExitReason;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** The differences that are explained: what a kernel does that the other one cannot do or means not to do. */
public enum KnownDifference {
    /** A guest in user mode jumps to where no memory is. */
    SHADOW_FETCH_FROM_HOLE(
            Effect.ENDS,
            "A guest in user mode that jumps to where no memory is gets #UD, and without a table of interrupts that is"
                    + " KVM_EXIT_SHUTDOWN. kvm_pvm ends KVM_RUN with KVM_EXIT_INTERNAL_ERROR, as if it were privileged.",
            "arch/x86/kvm/x86.c:handle_emulation_failure; kvm_pvm is not in Linux",
            (difference, scope) -> !scope.tdp()
                    && isRun(difference, GuestAccess.FETCH)
                    && exits(difference, ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR)),

    /** A guest executes what it has written into a guest_memfd. */
    SHADOW_FETCH_FROM_GUEST_MEMFD(
            Effect.ENDS,
            "kvm_pvm emulates some instructions, and KVM's emulator fetches from the host address of a memslot, not from its"
                    + " guest_memfd: the guest executes zeroes there.",
            "virt/kvm/kvm_main.c:__kvm_read_guest_page; kvm_pvm is not in Linux",
            (difference, scope) -> !scope.tdp()
                    && isRun(difference, GuestAccess.FETCH)
                    && difference.sequence().calls().stream().anyMatch(Call.SetRegion2.class::isInstance)
                    && exits(difference, ExitReason.SHUTDOWN, ExitReason.IO));

    private final Effect effect;
    private final String text;
    private final String source;
    private final Rule rule;

    KnownDifference(Effect effect, String text, String source, Rule rule) {
        this.effect = effect;
        this.text = text;
        this.source = source;
        this.rule = rule;
    }

    /** What becomes of the sequence. */
    private enum Effect {
        /** Both kernels are in the same state. */
        GOES_ON,
        /** They are not any more. */
        ENDS
    }

    @FunctionalInterface
    private interface Rule {
        boolean explains(Difference difference, Scope scope);
    }

    private static boolean isRun(Difference difference, GuestAccess access) {
        return difference.call().orElse(null) instanceof Call.Run run && run.access() == access;
    }

    /** Whether one kernel ended with one exit and the other one with the other. */
    private static boolean exits(Difference difference, int exit, int otherExit) {
        Outcome one = difference.first();
        Outcome other = difference.second();
        return (one.has("exit", exit) && other.has("exit", otherExit))
                || (one.has("exit", otherExit) && other.has("exit", exit));
    }

    /** The rule that explains a difference. */
    public static Optional<KnownDifference> of(Difference difference, Scope scope) {
        return Arrays.stream(values())
                .filter(each -> each.rule.explains(difference, scope))
                .findFirst();
    }

    /** Whether the rest of the sequence cannot be compared. */
    public boolean endsSequence() {
        return effect == Effect.ENDS;
    }

    /** Its name in docs/differences.md. */
    public String id() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** What differs and why. */
    public String text() {
        return text;
    }

    /** Where the kernel's source says so. */
    public String source() {
        return source;
    }
}
