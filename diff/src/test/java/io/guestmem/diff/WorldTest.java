package io.guestmem.diff;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VcpuThread;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class WorldTest {
    private static final long GIBIBYTE = 1 << 30;

    /** A kernel that puts each memory of the process into a GiB of its own. */
    private record SpreadKernel(Kernel kernel, List<HostMemory> between) implements Kernel, AutoCloseable {
        SpreadKernel(Kernel kernel) {
            this(kernel, new ArrayList<>());
        }

        @Override
        public String name() {
            return kernel.name();
        }

        @Override
        public KvmFile open() {
            return kernel.open();
        }

        @Override
        public KvmFile adopt(int descriptor, String name) {
            return kernel.adopt(descriptor, name);
        }

        @Override
        public HostMemory allocate(HostMemoryKind kind, long length) {
            between.add(kernel.allocate(HostMemoryKind.PRIVATE_ANONYMOUS, GIBIBYTE));
            return kernel.allocate(kind, length);
        }

        @Override
        public UserMemory expose(MemorySegment memory) {
            return kernel.expose(memory);
        }

        @Override
        public VcpuThread currentThread() {
            return kernel.currentThread();
        }

        @Override
        public void close() {
            between.forEach(HostMemory::close);
        }
    }

    @Test
    void whereTheKernelPutsMemoryIsNotSeen() {
        Scope scope = new Scope(true, true, 3, 3, 46, false);
        try (SoftKernel dense = new SoftKernel(SoftKernelOptions.defaults());
                SoftKernel sparse = new SoftKernel(SoftKernelOptions.defaults());
                SpreadKernel spread = new SpreadKernel(sparse);
                Comparison comparison = new Comparison(dense, spread, scope)) {
            assertThat(Regressions.in(scope))
                    .isNotEmpty()
                    .allSatisfy(
                            sequence -> assertThat(comparison.compare(sequence)).isEmpty());
        }
    }
}
