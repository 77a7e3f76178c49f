package io.guestmem.house;

import static io.guestmem.conform.CheckClass.CONFIDENTIAL;
import static io.guestmem.conform.CheckClass.MODEL;
import static io.guestmem.conform.CheckClass.PRIVATE_MEMORY;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.conform.Check;
import io.guestmem.conform.CheckClass;
import io.guestmem.conform.Conformance;
import io.guestmem.conform.KernelRelease;
import io.guestmem.lab.LabKernel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The conformance suite on kernels that this host does not run: every check passes that such a kernel can show. */
@Tag("lab")
class LabConformanceTest {
    /** With TDP; with Java, which cannot fork; with memory that must not break; with a processor that needs no mitigation. */
    private static final Set<String> NEVER = Set.of("PF-05", "PF-06", "PF-18", "PF-41", "PF-42", "MMU-16", "MMU-17");

    @TempDir
    private Path directory;

    @ParameterizedTest
    @EnumSource
    void everyCheckPassesThatThisKernelCanShow(LabKernel kernel) throws Exception {
        Host.assumeLabReady(kernel);
        List<String> words = new ArrayList<>(List.of("lab"));
        words.addAll(kernel == LabKernel.PRIVATE ? List.of("--private") : List.of("--suite", kernel.text()));
        words.addAll(List.of("--", "conform", "--kernel", "linux", "--json"));

        ConformRun run = ConformRun.of(directory, words.toArray(String[]::new));

        assertThat(run.results()).hasSameSizeAs(Conformance.checks());
        assertThat(run.summary()).containsEntry("kernel", "linux").containsEntry("simulated", false);
        KernelRelease release = KernelRelease.parse(String.valueOf(run.summary().get("release")));
        assertThat(release.isAtLeast(7, 2)).isEqualTo(kernel != LabKernel.TRIXIE);
        assertThat(run.ids("pass")).containsAll(wanted(kernel));
    }

    private static Set<String> wanted(LabKernel kernel) {
        Set<CheckClass> hidden = EnumSet.of(MODEL, CONFIDENTIAL);
        if (kernel != LabKernel.PRIVATE) {
            hidden.add(PRIVATE_MEMORY);
        }
        Set<String> ids = new TreeSet<>();
        for (Check check : Conformance.checks()) {
            if (!hidden.containsAll(check.where())) {
                ids.add(check.id());
            }
        }
        ids.removeAll(NEVER);
        if (kernel == LabKernel.TRIXIE) {
            ids.removeIf(id -> id.startsWith("GMEM-") || needsGuestMemfdOrAFix(id));
        }
        return ids;
    }

    /** Plain VMs of 6.12 have no guest_memfd, and a pre-fault deadlocks there with the deletion of a memslot (PF-30). */
    private static boolean needsGuestMemfdOrAFix(String id) {
        return Stream.of("SYS-07", "SYS-12", "PF-30").anyMatch(id::equals) || id.matches("SLOT-(1[89]|2[0-5])");
    }
}
