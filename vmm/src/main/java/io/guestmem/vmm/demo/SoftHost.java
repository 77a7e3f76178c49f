package io.guestmem.vmm.demo;

import io.guestmem.abi.HostMemory;
import io.guestmem.kvm.Vm;
import io.guestmem.linux.LinuxException;
import io.guestmem.soft.LaunchSnapshot;
import io.guestmem.soft.SevSession;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftProcess;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.Optional;

/** The first process of a software kernel. The file is a real one. */
final class SoftHost implements DemoHost {
    private static final long CHUNK = 1 << 20;

    private final SoftKernel kernel;
    private final SoftProcess process;

    SoftHost(SoftKernel kernel) {
        this.kernel = kernel;
        this.process = kernel.process();
    }

    @Override
    public boolean isSimulated() {
        return true;
    }

    @Override
    public HostMemory map(GuestImage image) {
        return process.map((offset, page) -> read(image, offset, page), image.content(), image.memory());
    }

    /** What fails under the simulated host is its bus error. */
    private static void read(GuestImage image, long offset, MemorySegment page) throws IOException {
        try {
            image.read(offset, page);
        } catch (UnusableImageException | LinuxException failed) {
            throw new IOException(failed);
        }
    }

    @Override
    public void read(GuestImage image, HostMemory into) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(CHUNK);
            for (long at = 0; at < image.content(); at += CHUNK) {
                MemorySegment chunk = buffer.asSlice(0, Math.min(CHUNK, image.content() - at));
                image.read(at, chunk);
                PopulationException.check("read", into.store(at, chunk), at);
            }
        }
    }

    @Override
    public Optional<String> lackingUserfaultfd() {
        return Optional.empty();
    }

    @Override
    public DemoMemory guard(GuestImage image, boolean before) {
        return new SoftGuardedMemory(process, image, before);
    }

    @Override
    public BitSet presentPages(HostMemory memory) {
        return process.presentPages(memory);
    }

    @Override
    public long pageFaults() {
        return process.pageFaults();
    }

    @Override
    public Optional<LaunchSnapshot> launch(Vm vm) {
        return kernel.inspect(vm.file()).launch();
    }

    @Override
    public Optional<SevSession> session(Vm vm) {
        return kernel.inspect(vm.file()).sevSession();
    }
}
