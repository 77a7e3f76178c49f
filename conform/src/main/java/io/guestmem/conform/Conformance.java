package io.guestmem.conform;

import io.guestmem.abi.KernelException;
import io.guestmem.linux.LinuxException;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** The suite. */
public final class Conformance {
    /** The order of the specification. */
    private static final List<String> CHAPTERS = List.of(
            "SYS", "SLOT", "GMEM", "ATTR", "PF", "MM", "TR", "T2", "POP", "SNP", "SEV", "TDX", "MMU", "DIRTY", "STAT",
            "SREG");

    private static final List<Check> CHECKS = Stream.of(
                    SystemChecks.all(),
                    SlotChecks.all(),
                    GuestMemfdSlotChecks.all(),
                    GuestMemfdChecks.all(),
                    AttributeChecks.all(),
                    PreFaultChecks.all(),
                    PreFaultPageChecks.all(),
                    PreFaultRaceChecks.all(),
                    PreFaultContextChecks.all(),
                    TranslateChecks.all(),
                    LegacyTranslateChecks.all(),
                    Translate2Checks.all(),
                    RandomWalkChecks.all(),
                    MapMemoryChecks.all(),
                    PopulationChecks.all(),
                    SnpChecks.all(),
                    SevChecks.all(),
                    TdxChecks.all(),
                    ConfidentialChecks.all(),
                    MmuChecks.all(),
                    MmuModelChecks.all(),
                    DirtyChecks.all(),
                    StatisticsChecks.all(),
                    SregsChecks.all())
            .flatMap(List::stream)
            .sorted(Comparator.comparingInt(Conformance::chapter).thenComparing(Check::id))
            .toList();

    private Conformance() {}

    private static int chapter(Check check) {
        return CHAPTERS.indexOf(check.id().substring(0, check.id().indexOf('-')));
    }

    /** Every check, in the order of the specification. */
    public static List<Check> checks() {
        return CHECKS;
    }

    /**
     * Runs checks one after the other on the calling thread, which must be a platform thread.
     *
     * @param on the kernel
     * @param only ids of checks, or nothing for all
     * @param results gets the result of each check as soon as it is there
     * @throws IllegalArgumentException if an id is not one of a check; nothing ran
     * @throws io.guestmem.abi.KernelUnavailableException if the kernel has no KVM
     */
    public static void run(ConformanceKernel on, Set<String> only, Consumer<CheckResult> results) {
        for (String id : only) {
            if (CHECKS.stream().noneMatch(check -> check.id().equals(id))) {
                throw new IllegalArgumentException("no such check: " + id);
            }
        }
        try (Trial standing = new Trial(on)) {
            // The first VM and the first vCPU of a kernel switch branches on by patching its code, the last ones switch
            // them off.
            // With one of each standing that happens once, not at every check: it is slow, and QEMU's software CPU does
            // not always
            // survive it.
            standing.vm().vcpu(0);
            for (Check check : CHECKS) {
                if (only.isEmpty() || only.contains(check.id())) {
                    results.accept(run(check, on));
                }
            }
        }
    }

    private static CheckResult run(Check check, ConformanceKernel on) {
        try (Trial trial = new Trial(on)) {
            check.body().run(trial);
            return CheckResult.passed(check.id(), trial.seen());
        } catch (SkippedException skipped) {
            return CheckResult.skipped(check.id(), skipped.reason());
        } catch (MismatchException mismatch) {
            return CheckResult.failed(check.id(), mismatch.expected(), mismatch.actual(), mismatch.what());
        } catch (KernelException | LinuxException refused) {
            return CheckResult.failed(check.id(), "no errno", refused.toString(), "preparation");
        } catch (RuntimeException broken) {
            return CheckResult.failed(check.id(), "no exception", broken.toString(), "the check broke");
        }
    }
}
