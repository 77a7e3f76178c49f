package io.guestmem.pager;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The diffs of one VM, one after the other: a thread asks, the event thread fixes the moment, the first one writes.
 *
 * <p>The event thread must not end before {@link #mayEnd} allows it: whoever reads the guest's memory may wait for it.
 */
final class Diffs {
    private final Guest guest;
    private final VmProcess process;
    private final Runnable wake;

    /** Written while this object is held, as are the others. */
    private volatile @Nullable Request asked;

    private @Nullable DiffWriter writer;
    private boolean serving;

    private record Request(Path file, CompletableFuture<Cut> answer) {}

    private record Cut(DirtyCut pages, DiffWriter writer, long micros) {}

    /**
     * Makes it.
     *
     * @param wake makes the event thread look at {@link #cutIfAsked} and {@link #mayEnd}
     */
    Diffs(Guest guest, VmProcess process, Runnable wake) {
        this.guest = guest;
        this.process = process;
        this.wake = wake;
    }

    /** The event thread runs. */
    synchronized void begin() {
        serving = true;
    }

    /** The event thread is about to end. */
    synchronized void end() {
        serving = false;
        Request request = asked;
        if (request != null) {
            asked = null;
            request.answer.completeExceptionally(new IOException("serving the VM has ended"));
        }
    }

    /** Whether nobody reads the guest's memory; whoever does is told to stop. */
    synchronized boolean mayEnd() {
        if (writer != null) {
            writer.stop();
        }
        return writer == null;
    }

    /** Fixes the moment, if somebody wants that; for the event thread. */
    void cutIfAsked(FaultLoop loop) {
        if (asked == null) {
            return;
        }
        long began = System.nanoTime();
        DirtyCut pages = loop.cut();
        long micros = TimeUnit.NANOSECONDS.toMicros(System.nanoTime() - began);
        synchronized (this) {
            Request request = asked;
            asked = null;
            if (request != null && pages != null) {
                writer = new DiffWriter(guest, process, pages, request.file);
                request.answer.complete(new Cut(pages, writer, micros));
            } else if (request != null) {
                request.answer.completeExceptionally(
                        new IOException("it has ended, or its address space does not stop changing"));
            }
        }
    }

    /**
     * Writes the pages that were written since the last diff came into its file, or since the VM was attached.
     *
     * @param file must not be there
     * @param whenCut is called when the moment is fixed, with the number of pages
     * @throws IOException if that cannot be; the pages are in the next diff then
     */
    DiffSnapshot write(Path file, Consumer<Long> whenCut) throws IOException {
        DirtyPages dirty = guest.dirty();
        if (dirty == null) {
            throw new IOException("its written pages are not tracked");
        }
        if (Files.exists(file)) {
            throw new IOException(file + " is there already");
        }
        Cut cut = await(ask(file));
        boolean done = false;
        try {
            whenCut.accept(cut.pages.pages());
            long zeroPages = cut.writer.write();
            done = true;
            return new DiffSnapshot(cut.pages.pages(), zeroPages, cut.micros);
        } finally {
            if (done) {
                dirty.finished(cut.pages);
            } else {
                dirty.failed(cut.pages);
            }
            cut.writer.wakeAsked();
            synchronized (this) {
                writer = null;
            }
            wake.run();
        }
    }

    private CompletableFuture<Cut> ask(Path file) throws IOException {
        CompletableFuture<Cut> answer = new CompletableFuture<>();
        synchronized (this) {
            if (!serving) {
                throw new IOException("it is not served");
            }
            if (asked != null || writer != null) {
                throw new IOException("another diff of it is being written");
            }
            asked = new Request(file, answer);
        }
        wake.run();
        return answer;
    }

    private static Cut await(CompletableFuture<Cut> answer) throws IOException {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return answer.get();
                } catch (InterruptedException _) {
                    interrupted = true;
                } catch (ExecutionException failed) {
                    throw new IOException(
                            failed.getCause() == null
                                    ? failed.getMessage()
                                    : failed.getCause().getMessage(),
                            failed);
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
