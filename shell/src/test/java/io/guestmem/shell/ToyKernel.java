package io.guestmem.shell;

import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.HostProtection;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VcpuThread;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A kernel that knows descriptors, and answers every other request from a script, on the files that know it; what is not scripted is {@code EINVAL}. It
 * logs what is closed. Thread-safe as far as the tests use threads.
 */
final class ToyKernel implements Kernel {
    private static final int EINVAL = -22;
    private static final int FIRST_DESCRIPTOR = 3;

    final List<String> log = new ArrayList<>();
    final AtomicInteger memories = new AtomicInteger();

    private final Map<KvmIoctl, Answer> answers = new EnumMap<>(KvmIoctl.class);
    private final TreeSet<Integer> open = new TreeSet<>();

    /** How a request is answered; the struct is null for a plain value. */
    interface Answer {
        long answer(MemorySegment struct, long value);
    }

    ToyKernel() {
        answers.put(KvmIoctl.CREATE_VM, (_, _) -> descriptor());
        answers.put(KvmIoctl.CREATE_VCPU, (_, _) -> descriptor());
        answers.put(KvmIoctl.GET_STATS_FD, (_, _) -> descriptor());
        answers.put(KvmIoctl.CREATE_GUEST_MEMFD, (_, _) -> descriptor());
        answers.put(KvmIoctl.SET_USER_MEMORY_REGION, (_, _) -> 0);
    }

    ToyKernel on(KvmIoctl request, Answer answer) {
        answers.put(request, answer);
        return this;
    }

    synchronized int openFiles() {
        return open.size();
    }

    synchronized int descriptor() {
        int number = FIRST_DESCRIPTOR;
        while (!open.add(number)) {
            number++;
        }
        return number;
    }

    @Override
    public String name() {
        return "toy";
    }

    @Override
    public KvmFile open() {
        return new File(descriptor(), "/dev/kvm");
    }

    @Override
    public KvmFile adopt(int descriptor, String name) {
        return new File(descriptor, name);
    }

    @Override
    public HostMemory allocate(HostMemoryKind kind, long length) {
        memories.incrementAndGet();
        return new Memory(length);
    }

    @Override
    public UserMemory expose(MemorySegment memory) {
        return new UserMemory() {
            @Override
            public long address() {
                return memory.address();
            }

            @Override
            public void close() {}
        };
    }

    @Override
    public VcpuThread currentThread() {
        throw new AssertionError("no guest runs here");
    }

    private long answer(File file, int code, MemorySegment struct, long value) {
        for (Map.Entry<KvmIoctl, Answer> each : answers.entrySet()) {
            if (each.getKey().code() == code && each.getKey().files().contains(file.kind)) {
                return each.getValue().answer(struct, value);
            }
        }
        return EINVAL;
    }

    private final class File implements KvmFile {
        private final int descriptor;
        private final String name;
        private final KvmFileKind kind;
        private boolean closed;

        File(int descriptor, String name) {
            this.descriptor = descriptor;
            this.name = name;
            this.kind = Arrays.stream(KvmFileKind.values())
                    .filter(each -> name.startsWith(Session.prefix(each)))
                    .findFirst()
                    .orElse(KvmFileKind.SYSTEM);
        }

        @Override
        public int descriptor() {
            return descriptor;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public long ioctl(int request, long argument) {
            return answer(this, request, MemorySegment.NULL, argument);
        }

        @Override
        public long ioctl(int request, MemorySegment argument) {
            return answer(this, request, argument, 0);
        }

        @Override
        public long readAt(long offset, MemorySegment into) {
            return EINVAL;
        }

        @Override
        public long allocate(int mode, long offset, long length) {
            return EINVAL;
        }

        @Override
        public HostMemory map(long offset, long length) {
            return ToyKernel.this.allocate(length);
        }

        @Override
        public KvmFile closeOnExec() {
            return this;
        }

        @Override
        public void close() {
            synchronized (ToyKernel.this) {
                if (!closed) {
                    closed = true;
                    open.remove(descriptor);
                    log.add("close " + name);
                }
            }
        }
    }

    private final class Memory implements HostMemory {
        private final Arena arena = Arena.ofShared();
        private final MemorySegment bytes;
        private boolean closed;

        Memory(long length) {
            this.bytes = arena.allocate(length, 4096);
        }

        @Override
        public long hva() {
            return bytes.address();
        }

        @Override
        public long length() {
            return bytes.byteSize();
        }

        @Override
        public MemorySegment segment() {
            return bytes;
        }

        @Override
        public long load(long offset, MemorySegment into) {
            into.copyFrom(bytes.asSlice(offset, into.byteSize()));
            return 0;
        }

        @Override
        public long store(long offset, MemorySegment from) {
            bytes.asSlice(offset, from.byteSize()).copyFrom(from);
            return 0;
        }

        @Override
        public long advise(HostAdvice advice, long offset, long length) {
            return 0;
        }

        @Override
        public long protect(HostProtection protection, long offset, long length) {
            return 0;
        }

        @Override
        public long unmap(long offset, long length) {
            return 0;
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                arena.close();
                memories.decrementAndGet();
                log.add("unmap");
            }
        }
    }
}
