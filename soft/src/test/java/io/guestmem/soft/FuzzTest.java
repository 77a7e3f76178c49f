package io.guestmem.soft;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.Struct;
import io.guestmem.abi.UserMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Any request with any bytes in any order is answered with a result or an errno. {@code -Dguestmem.fuzz.calls} makes it longer. */
class FuzzTest {
    private static final int CALLS = Integer.getInteger("guestmem.fuzz.calls", 1_000_000);
    private static final int CALLS_OF_A_HOST = 20_000;
    private static final int MOST_FILES = 24;

    /** Manual protection, rings, quirks, no mitigation, and one that a vCPU knows. */
    private static final int[] CAPABILITIES = {168, 192, 223, 116, 213, 220, 190};

    /** Cannot be blocked: a guest that runs whatever is in its memory comes to an end. */
    private static final int SIGKILL = 9;

    private static final List<KvmIoctl> REQUESTS = List.of(KvmIoctl.values());
    private static final List<KernelVersion> VERSIONS = List.of(KernelVersion.values());

    /** Values at which rules begin and end. */
    private static final long[] EDGES = {
        0,
        1,
        2,
        3,
        4,
        8,
        16,
        63,
        64,
        65,
        4095,
        4096,
        4097,
        8192,
        1 << 20,
        2 << 20,
        1 << 30,
        1L << 32,
        1L << 46,
        1L << 47,
        (1L << 47) - 4096,
        1L << 51,
        1L << 62,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        -1,
        -4096,
        0xFFFF,
        0x1_0000
    };

    @Test
    void anyRequestIsAnswered() {
        long seed = Long.getLong("guestmem.seed", System.nanoTime());
        System.out.println("FuzzTest: -Dguestmem.seed=" + seed);
        Random random = new Random(seed);
        long made = 0;
        for (int done = 0; done < CALLS; done += CALLS_OF_A_HOST) {
            SoftKernelOptions options = SoftKernelOptions.defaults()
                    .with()
                    .preFaultRetries(1000)
                    .accessedDirtyBits(random.nextBoolean())
                    .kernelVersion(VERSIONS.get(random.nextInt(VERSIONS.size())))
                    .build();
            SoftKernel kernel = new SoftKernel(options);
            try (kernel;
                    Host host = new Host(kernel, random)) {
                for (int i = 0; i < CALLS_OF_A_HOST; i++) {
                    host.call();
                }
                kernel.inspect();
                made += host.calls;
            } catch (RuntimeException | Error failed) {
                throw new AssertionError("seed " + seed, failed);
            }
            assertThat(kernel.memoryUse()).as("left, seed %d", seed).isEqualTo(new MemoryUse(0, 0, 0, 0));
        }
        assertThat(made).isGreaterThanOrEqualTo(CALLS);
    }

    /** A kernel with files that the calls have opened. */
    private static final class Host implements AutoCloseable {
        private final SoftKernel kernel;
        private final Random random;
        private final Arena arena = Arena.ofShared();
        private final MemorySegment struct = arena.allocate(4096, 8);
        private final UserMemory shown;
        private final HostMemory memory;
        private final List<KvmFile> files = new ArrayList<>();
        private final List<KvmFileKind> kinds = new ArrayList<>();
        private long calls;

        Host(SoftKernel kernel, Random random) {
            this.kernel = kernel;
            this.random = random;
            this.shown = kernel.expose(struct);
            this.memory = kernel.allocate(64 * 4096);
            add(kernel.open(), KvmFileKind.SYSTEM);
        }

        private void add(KvmFile file, KvmFileKind kind) {
            files.add(file);
            kinds.add(kind);
        }

        void call() {
            calls++;
            int index = random.nextInt(files.size());
            KvmFile file = files.get(index);
            switch (random.nextInt(100)) {
                case 0 -> close(index);
                case 1 -> file.allocate(random.nextInt(6), small(), small());
                case 2 -> file.readAt(value(), struct);
                case 3 -> map(file);
                default -> request(file, kinds.get(index));
            }
        }

        private void close(int index) {
            if (index > 0) {
                files.remove(index).close();
                kinds.remove(index);
            }
        }

        private void map(KvmFile file) {
            try {
                file.map(random.nextInt(80) * 4096L, (1 + random.nextInt(4)) * 4096L)
                        .close();
            } catch (KernelException refused) {
                assertThat(refused.errno()).isBetween(1, 4095);
            }
        }

        private void request(KvmFile file, KvmFileKind kind) {
            KvmIoctl request = request(kind);
            boolean opens = request.code() == KvmIoctl.CREATE_VM.code()
                    || request.code() == KvmIoctl.CREATE_VCPU.code()
                    || request.code() == KvmIoctl.CREATE_GUEST_MEMFD.code()
                    || request.code() == KvmIoctl.GET_STATS_FD.code();
            int code = random.nextInt(50) == 0 ? random.nextInt() : request.code();
            if (opens && files.size() >= MOST_FILES) {
                close(files.size() - 1);
                return;
            }
            fill(request);
            boolean plain = random.nextInt(10) != 0;
            if (request == KvmIoctl.RUN) {
                kernel.currentThread().send(SIGKILL);
            }
            long value = plain ? random.nextInt(2) : value();
            long result = switch (request.struct().isEmpty() ? 0 : random.nextInt(4)) {
                case 0 -> file.ioctl(code, value);
                case 1 -> file.ioctl(code, shown.address());
                case 2 -> file.ioctl(code, struct.asSlice(0, random.nextInt(600)));
                default -> file.ioctl(code, struct);
            };
            assertThat(result).as("%s on %s", request, kind).isGreaterThanOrEqualTo(-4095);
            if (result >= 0 && opens && code == request.code()) {
                adopt(request, kind, (int) result);
            }
        }

        /** Mostly one that the file knows, and more often one that opens files while there are few. */
        private KvmIoctl request(KvmFileKind kind) {
            if (kind == KvmFileKind.SYSTEM) {
                return random.nextInt(3) == 0 ? KvmIoctl.CREATE_VM : any();
            }
            for (int tries = 0; tries < 20; tries++) {
                KvmIoctl request = any();
                if (request.files().contains(kind)) {
                    return request;
                }
            }
            return any();
        }

        private KvmIoctl any() {
            return REQUESTS.get(random.nextInt(REQUESTS.size()));
        }

        private void adopt(KvmIoctl request, KvmFileKind kind, int descriptor) {
            if (request == KvmIoctl.CREATE_VM && kind == KvmFileKind.SYSTEM) {
                add(kernel.adopt(descriptor, "VM"), KvmFileKind.VM);
            } else if (request == KvmIoctl.CREATE_VCPU && kind == KvmFileKind.VM) {
                add(kernel.adopt(descriptor, "vCPU"), KvmFileKind.VCPU);
            } else if (request == KvmIoctl.CREATE_GUEST_MEMFD && kind == KvmFileKind.VM) {
                add(kernel.adopt(descriptor, "guest_memfd"), KvmFileKind.GUEST_MEMFD);
            } else if (request == KvmIoctl.GET_STATS_FD) {
                add(kernel.adopt(descriptor, "statistics"), KvmFileKind.STATS);
            }
        }

        /** Fields get what their name promises, edges, pointers, descriptors, or anything. */
        private void fill(KvmIoctl request) {
            struct.fill((byte) (random.nextInt(20) == 0 ? -1 : 0));
            request.struct().ifPresent(layout -> {
                for (Struct.Field field : layout.fields()) {
                    if (field.offset() + 8 <= struct.byteSize() && field.count() == 1) {
                        set(field, random.nextInt(6) == 0 ? value() : plausible(field.name()));
                    }
                }
                if (request == KvmIoctl.ENABLE_CAP) {
                    struct.set(ValueLayout.JAVA_INT, 0, CAPABILITIES[random.nextInt(CAPABILITIES.length)]);
                    struct.set(ValueLayout.JAVA_LONG, 8, random.nextInt(4));
                }
            });
        }

        private long plausible(String field) {
            return switch (field) {
                case "slot" -> random.nextInt(3) | (random.nextInt(8) == 0 ? 1 << 16 : 0);
                case "flags" -> random.nextInt(4) == 0 ? random.nextInt(8) : 0;
                case "guest_phys_addr", "gpa", "address", "base_address" -> random.nextInt(64) * 4096L;
                case "memory_size", "size" -> random.nextInt(32) * 4096L;
                case "base_gfn", "first_page" -> random.nextInt(64);
                case "nr_pages", "num_pages" -> random.nextInt(3) * 64L;
                case "userspace_addr" -> memory.hva() + random.nextInt(32) * 4096L;
                case "dirty_bitmap", "from" -> shown.address() + 2048;
                case "guest_memfd" -> files.get(random.nextInt(files.size())).descriptor();
                case "attributes" -> random.nextInt(2) * 8L;
                case "padding", "pad", "pad1", "pad2", "source", "guest_memfd_offset" -> 0;
                case "nent", "nmsrs" -> random.nextInt(12);
                default -> value();
            };
        }

        private void set(Struct.Field field, long value) {
            switch (field.width()) {
                case 1 -> struct.set(ValueLayout.JAVA_BYTE, field.offset(), (byte) value);
                case 2 -> struct.set(ValueLayout.JAVA_SHORT_UNALIGNED, field.offset(), (short) value);
                case 4 -> struct.set(ValueLayout.JAVA_INT_UNALIGNED, field.offset(), (int) value);
                default -> struct.set(ValueLayout.JAVA_LONG_UNALIGNED, field.offset(), value);
            }
        }

        /** A size that does not take for ever to walk. */
        private long small() {
            return random.nextInt(4) == 0 ? random.nextInt(300) * 4096L : EDGES[random.nextInt(14)];
        }

        private long value() {
            return switch (random.nextInt(8)) {
                case 0 -> random.nextLong();
                case 1 -> memory.hva() + random.nextInt(64) * 4096L;
                case 2 -> shown.address();
                case 3 -> files.get(random.nextInt(files.size())).descriptor();
                case 4 -> random.nextInt(256) * 4096L;
                case 5 -> random.nextInt(32);
                default -> EDGES[random.nextInt(EDGES.length)];
            };
        }

        @Override
        public void close() {
            shown.close();
            memory.close();
            files.forEach(KvmFile::close);
            arena.close();
        }
    }
}
