package io.guestmem.house;

import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.guestmem.kvm.KvmSupport;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.lab.Lab;
import io.guestmem.lab.LabAvailability;
import io.guestmem.lab.LabKernel;
import io.guestmem.lab.LabProgress;
import io.guestmem.lab.LabUnavailableException;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Userfaultfd;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** What this host offers; a test that needs more is skipped with the reason. */
final class Host {
    private Host() {}

    /** Why there is no KVM, if there is none. */
    static Optional<String> lacksKvm() {
        return KvmSupport.of(new LinuxKernel()) instanceof KvmSupport.Unavailable missing
                ? Optional.of("needs KVM: " + missing.reason())
                : Optional.empty();
    }

    static void assumeKvm() {
        lacksKvm().ifPresent(reason -> abort(reason));
    }

    /** Skips if this kernel, {@code linux} or {@code soft}, is not here. */
    static void assumeKernel(String kernel) {
        if (kernel.equals("linux")) {
            assumeKvm();
        }
    }

    static void assumeUserfaultfd() {
        try {
            Userfaultfd.open(FaultScope.USER_AND_KERNEL).close();
        } catch (LinuxException refused) {
            abort("needs a userfaultfd: " + refused.getMessage());
        }
    }

    /** Why no lab can boot this kernel; fetches what it needs otherwise. */
    static Optional<String> lacksLab(LabKernel kernel) throws IOException, InterruptedException {
        Lab lab = Lab.open(LabProgress.SILENT);
        LabAvailability availability = lab.availability(kernel);
        if (!availability.isAvailable()) {
            return Optional.of("needs the lab: " + availability.explanation());
        }
        try {
            lab.prepare(kernel);
            return Optional.empty();
        } catch (LabUnavailableException lacking) {
            return Optional.of("needs the lab: " + lacking.getMessage() + "; " + lacking.remedy());
        }
    }

    static void assumeLab(LabKernel kernel) throws IOException, InterruptedException {
        lacksLab(kernel).ifPresent(reason -> abort(reason));
    }

    /** The same, but the private kernel, which takes minutes to build, is used only where it is there already. */
    static void assumeLabReady(LabKernel kernel) throws IOException, InterruptedException {
        if (kernel == LabKernel.PRIVATE) {
            LabAvailability availability = Lab.open(LabProgress.SILENT).availability(kernel);
            assumeTrue(
                    availability.state() == LabAvailability.State.READY,
                    "no kernel with private memory is there, see GUESTMEM_LAB_KERNEL: " + availability.explanation());
        }
        assumeLab(kernel);
    }

    /** Skips unless this command succeeds; it tries whether something can be done here. */
    static void assumeSucceeds(Path directory, String... words) throws IOException, InterruptedException {
        try {
            Command.Outcome outcome = Command.of(directory, List.of(words)).run();
            if (outcome.status() != 0) {
                abort("needs " + String.join(" ", words) + ", which ended with " + outcome.status() + ": "
                        + outcome.err().strip());
            }
        } catch (IOException missing) {
            abort("needs " + words[0] + ": " + missing.getMessage());
        }
    }
}
