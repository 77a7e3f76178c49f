package io.guestmem.conform;

import io.guestmem.abi.Kernel;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.soft.Schedule;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A kernel under test, and what is known of it. Closing it ends a software kernel.
 *
 * @param kernel answers the requests
 * @param release of Linux that it is, or that it models
 * @param host what its host can be made to do beside KVM
 * @param model a look inside, if it is a model
 */
public record ConformanceKernel(Kernel kernel, KernelRelease release, HostActions host, Optional<ModelInspection> model)
        implements AutoCloseable {
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

    /** A new software kernel. */
    public static ConformanceKernel soft(SoftKernelOptions options) {
        return soft(options, Schedule.FREE);
    }

    /**
     * A new software kernel.
     *
     * @param schedule of its threads, where no check stops one
     */
    public static ConformanceKernel soft(SoftKernelOptions options, Schedule schedule) {
        SoftPauses pauses = new SoftPauses(schedule);
        AtomicLong changedFrames = new AtomicLong();
        SoftKernel kernel = new SoftKernel(options, pauses, event -> {
            if (event.changesFrame()) {
                changedFrames.incrementAndGet();
            }
        });
        return new ConformanceKernel(
                kernel,
                KernelRelease.parse(options.kernelVersion().release()),
                new SoftHostActions(kernel),
                Optional.of(new SoftInspection(kernel, pauses, changedFrames)));
    }

    /** Whether it is a model of a kernel. */
    public boolean isSimulated() {
        return model.isPresent();
    }

    /** {@code linux 6.12} or {@code soft 7.2}. */
    @Override
    public String toString() {
        return kernel.name() + " " + release;
    }

    @Override
    public void close() {
        if (kernel instanceof SoftKernel soft) {
            soft.close();
        }
    }
}
