package io.guestmem.bench;

import com.sun.management.ThreadMXBean;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Exit;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.Memslot;
import io.guestmem.soft.JavaGuest;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.vmm.Machine;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;

/**
 * A guest in long mode that reads its memory, eight bytes an access, page after page; and the same reads of plain memory.
 *
 * <p>Every address goes through the guest's page tables and through stage 2. Both translations are found in the vCPU's caches
 * as long as the guest has few pages; with many, both tables are walked for each access.
 */
final class SoftAccess implements AutoCloseable {
    private static final long PAGE = 4096;
    private static final long NEXT = PAGE + Long.BYTES;
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private final SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults());
    private final MemorySegment bare;
    private final Reader reader;
    private final Machine machine;

    /** The guest: one step makes all accesses, and halts. */
    private static final class Reader implements JavaGuest {
        private final long mask;
        private int times;
        private long sum;
        private long allocated;

        private Reader(long bytes) {
            mask = bytes - 1 & -Long.BYTES;
        }

        @Override
        public void step(Cpu cpu) {
            cpu.read(0, Long.BYTES); // the first of a KVM_RUN looks at the registers that translations depend on
            long before = THREADS.getCurrentThreadAllocatedBytes();
            sum = read(cpu);
            allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
            cpu.halt();
        }

        private long read(Cpu cpu) {
            long total = 0;
            long at = 0;
            for (int i = 0; i < times; i++) {
                total += cpu.read(at, Long.BYTES);
                at = at + NEXT & mask;
            }
            return total;
        }
    }

    /**
     * Makes the guest and its memory.
     *
     * @param pages a power of two
     */
    SoftAccess(int pages) {
        long bytes = pages * PAGE;
        bare = Arena.ofAuto().allocate(bytes, PAGE);
        for (long at = 0; at < bytes; at += Long.BYTES) {
            bare.set(ValueLayout.JAVA_LONG, at, at * at);
        }
        reader = new Reader(bytes);
        try {
            WatchedKernel watched = new WatchedKernel(kernel);
            machine = Machine.create(Kvm.open(watched), VmType.DEFAULT, bytes);
            kernel.runs(watched.newest(), reader);
            HostMemory memory = kernel.allocate(bytes);
            if (memory.store(0, bare) != 0) {
                throw new BenchmarkException("the guest's memory cannot be written");
            }
            machine.vm().set(Memslot.of(Machine.MEMORY_SLOT, machine.memory().start(), memory));
        } catch (RuntimeException failed) {
            kernel.close();
            throw failed;
        }
    }

    /** The sum of so many reads of the guest, in one {@code KVM_RUN}. */
    long guest(int times) {
        reader.times = times;
        Exit exit = machine.vcpu().run();
        if (!(exit instanceof Exit.Halt)) {
            throw new BenchmarkException("the guest does not halt: " + exit);
        }
        return reader.sum;
    }

    /** The sum of the same reads of plain memory. */
    long bare(int times) {
        long total = 0;
        long at = 0;
        for (int i = 0; i < times; i++) {
            total += bare.get(ValueLayout.JAVA_LONG, at);
            at = at + NEXT & reader.mask;
        }
        return total;
    }

    /** The bytes of heap that the last {@link #guest} allocated while it read. */
    long allocated() {
        return reader.allocated;
    }

    @Override
    public void close() {
        kernel.close();
    }
}
