package io.guestmem.vmm.demo;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.kvm.Memslot;
import io.guestmem.linux.LinuxException;
import io.guestmem.soft.GuardedMemory;
import io.guestmem.soft.SoftProcess;
import io.guestmem.vmm.Machine;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** As {@link UserfaultfdMemory}, in a software kernel: a thread stands for the second process. */
final class SoftGuardedMemory implements DemoMemory {
    private final SoftProcess process;
    private final GuestImage image;
    private final boolean before;
    private final GuardedMemory guarded;
    private final AtomicLong served = new AtomicLong();
    private final Thread server;

    /** Why the server could not read the file; the guest has gone on over zeroes since. */
    private volatile @Nullable RuntimeException failure;

    SoftGuardedMemory(SoftProcess process, GuestImage image, boolean before) {
        this.process = process;
        this.image = image;
        this.before = before;
        this.guarded = process.guarded(image.memory());
        this.server = Thread.ofPlatform().daemon().name("fault-server").start(this::serve);
    }

    @Override
    public Memslot slot() {
        return DemoMemory.slot(guarded.memory());
    }

    @Override
    public void populate(Machine machine) {
        if (before) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment page = arena.allocate(GuestPhysical.PAGE_SIZE);
                for (long at = 0; at < image.memory(); at += GuestPhysical.PAGE_SIZE) {
                    image.read(at, page.fill((byte) 0));
                    PopulationException.check("UFFDIO_COPY", guarded.resolve(at, page), at);
                }
            }
        }
    }

    private void serve() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment page = arena.allocate(GuestPhysical.PAGE_SIZE);
            while (true) {
                long at = guarded.awaitFault();
                read(at, page.fill((byte) 0));
                // Before the guest can go on, and be done.
                served.incrementAndGet();
                long result = guarded.resolve(at, page);
                if (result != -ErrorNumber.EEXIST.number()) {
                    PopulationException.check("UFFDIO_COPY", result, at);
                }
            }
        } catch (InterruptedException _) {
            // The run is over.
        } catch (PopulationException refused) {
            failure = refused;
        }
    }

    /** The guest must not wait for a page that will not come. */
    private void read(long at, MemorySegment page) {
        try {
            image.read(at, page);
        } catch (UnusableImageException | LinuxException failed) {
            failure = failed;
        }
    }

    @Override
    public long servedFaults() {
        RuntimeException failed = failure;
        if (failed != null) {
            throw failed;
        }
        return served.get();
    }

    @Override
    public BitSet presentPages() {
        return process.presentPages(guarded.memory());
    }

    @Override
    public void close() {
        server.interrupt();
        boolean interrupted = false;
        while (server.isAlive()) {
            try {
                server.join();
            } catch (InterruptedException _) {
                interrupted = true;
            }
        }
        guarded.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
