package io.guestmem.diff;

import io.guestmem.abi.ExitReason;
import java.util.Arrays;
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
                    && exits(difference.first(), difference.second(), ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR));

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
    private static boolean exits(Outcome one, Outcome other, int exit, int otherExit) {
        return one.has("exit", exit) && other.has("exit", otherExit) || one.has("exit", otherExit) && other.has("exit", exit);
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
        return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
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
