package io.guestmem.diff;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.UserspaceMemoryRegionLayout;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * The differences that are explained: what a kernel does that the other one cannot do or means not to do. Such a difference ends
 * its sequence, for the kernels are in different states then.
 */
public enum KnownDifference {
    /** A guest in user mode jumps to where no memory is. */
    SHADOW_FETCH_FROM_HOLE(
            "A guest in user mode that jumps to where no memory is gets #UD, and without a table of interrupts that is"
                    + " KVM_EXIT_SHUTDOWN. kvm_pvm ends KVM_RUN with KVM_EXIT_INTERNAL_ERROR, as if it were privileged.",
            "arch/x86/kvm/x86.c:handle_emulation_failure; kvm_pvm is not in Linux",
            (difference, scope) -> !scope.tdp()
                    && isRun(difference, GuestAccess.FETCH)
                    && exits(difference, ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR)),

    /** A guest uses a guest_memfd that lies over host memory as well. */
    SHADOW_EMULATES_GUEST_MEMFD(
            "kvm_pvm emulates some instructions, and KVM's emulator reads, writes and fetches at the host address of a memslot,"
                    + " not in its guest_memfd.",
            "virt/kvm/kvm_main.c:__kvm_read_guest_page, __kvm_write_guest_page; kvm_pvm is not in Linux",
            (difference, scope) -> !scope.tdp()
                    && difference.sequence().calls().stream().anyMatch(KnownDifference::bindsGuestMemfd)
                    && difference.call().map(KnownDifference::looksAtMemory).orElse(true)),

    /** A read marks a page dirty, or finds an entry that is there already. */
    SHADOW_PREFETCH(
            "An entry that a read makes writable marks its page dirty. A shadow MMU has made entries for up to seven neighbours of"
                    + " a page that faulted earlier, so a later read may make none.",
            "arch/x86/kvm/mmu/mmu.c:direct_pte_prefetch, spte.c:make_spte",
            (difference, scope) -> !scope.tdp()
                    && difference.first().result() == difference.second().result()
                    && difference.call().orElse(null) instanceof Call.GetDirtyLog);

    private final String text;
    private final String source;

    @SuppressWarnings("ImmutableEnumChecker") // a function without state
    private final Rule rule;

    KnownDifference(String text, String source, Rule rule) {
        this.text = text;
        this.source = source;
        this.rule = rule;
    }

    @FunctionalInterface
    private interface Rule {
        boolean explains(Difference difference, Scope scope);
    }

    private static boolean looksAtMemory(Call call) {
        return call instanceof Call.Run || call instanceof Call.Load || call instanceof Call.MapGuestMemfd;
    }

    private static boolean bindsGuestMemfd(Call call) {
        return call instanceof Call.SetRegion2 set
                && (set.region().flags() & UserspaceMemoryRegionLayout.GUEST_MEMFD) != 0;
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
