package io.guestmem.conform;

import io.guestmem.abi.Kernel;
import io.guestmem.kvm.LinuxKernel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A kernel under test, and what is known of it.
 *
 * @param kernel answers the requests
 * @param release of Linux that it is, or that it models
 * @param host what its host can be made to do beside KVM
 * @param model a look inside, if it is a model
 */
public record ConformanceKernel(
        Kernel kernel, KernelRelease release, HostActions host, Optional<ModelInspection> model) {
    private static final Path RELEASE = Path.of("/proc/sys/kernel/osrelease");

    /** The real kernel of this machine. */
    public static ConformanceKernel linux() {
        return new ConformanceKernel(
                new LinuxKernel(), KernelRelease.parse(runningRelease()), new LinuxHostActions(), Optional.empty());
    }

    private static String runningRelease() {
        try {
            return Files.readString(RELEASE);
        } catch (IOException failed) {
            throw new UncheckedIOException("cannot read " + RELEASE, failed);
        }
    }

    /** {@code linux 6.12} or {@code soft 7.2}. */
    @Override
    public String toString() {
        return kernel.name() + " " + release;
    }
}
