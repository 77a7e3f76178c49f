package io.guestmem.diff;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.KernelUnavailableException;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Writes down what a kernel answers, to be compared elsewhere: where the software kernel is faster. */
public final class Recorder {
    private Recorder() {}

    /**
     * Performs sequences on one kernel until there were enough calls or the time is up, and writes what it answers.
     *
     * @param kernel that answers
     * @param twin the software kernel that is most like it
     * @param scope what both can show
     * @param file is replaced
     * @return how many calls there were; nothing was compared
     * @throws KernelUnavailableException if it has no KVM
     * @throws IOException if the file cannot be written; it is refused as cut off then
     */
    public static DiffOutcome record(
            Kernel kernel, SoftKernelOptions twin, Scope scope, DiffSettings settings, Path file) throws IOException {
        Generator generator = new Generator(scope);
        int regressions = generator.regressions();
        int fingerprint = generator.fingerprint(regressions);
        RecordingHeader header =
                new RecordingHeader(release(kernel, twin), twin, scope, settings.seed(), regressions, fingerprint);
        Iterator<Sequence> sequences = generator.from(settings.seed(), regressions);
        long begin = System.nanoTime();
        long calls = 0;
        long count = 0;
        try (Standing _ = Standing.on(kernel);
                Performer performer = new Performer(kernel, scope);
                RecordingWriter writer =
                        new RecordingWriter(new BufferedOutputStream(Files.newOutputStream(file)), header)) {
            while (calls < settings.calls()
                    && System.nanoTime() - begin < settings.time().toNanos()) {
                Sequence sequence = sequences.next();
                record(performer, sequence, writer);
                count++;
                calls += sequence.calls().size();
            }
            writer.finish();
        }
        Duration time = Duration.ofNanos(System.nanoTime() - begin);
        return new DiffOutcome(calls, count, time, Map.of(), List.of(), Optional.empty());
    }

    private static void record(Performer performer, Sequence sequence, RecordingWriter writer) throws IOException {
        writer.begin(sequence.seed());
        sequence.calls().forEach(call -> writer.add(performer.perform(call)));
        if (sequence.comparesMemory()) {
            writer.add(performer.memory());
        }
        performer.reset();
        writer.end();
    }

    private static String release(Kernel kernel, SoftKernelOptions twin) {
        return kernel instanceof LinuxKernel
                ? Twin.release()
                : kernel.name() + " " + twin.kernelVersion().release();
    }
}
