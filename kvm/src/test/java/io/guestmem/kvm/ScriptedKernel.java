package io.guestmem.kvm;

import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.HostProtection;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VcpuThread;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A kernel that answers from a script: for each request the next answer in the queue, else a plain success. A request that has
 * neither is an error of the test. It logs what is opened, interrupted and closed.
 */
final class ScriptedKernel implements Kernel {
    static final long RUN_SIZE = 12288;

    final List<String> log = new CopyOnWriteArrayList<>();

    private final Map<KvmIoctl, Deque<Answer>> script = new EnumMap<>(KvmIoctl.class);
    private final Map<KvmIoctl, Answer> always = new EnumMap<>(KvmIoctl.class);
    private final Map<String, Reads> reads = new HashMap<>();
    private final AtomicInteger descriptors = new AtomicInteger(100);
    private final ThreadLocal<VcpuThread> threads = ThreadLocal.withInitial(Interruptible::new);

    /** What the vCPU's shared pages hold; the script changes them as KVM does. */
    final MemorySegment run = Arena.ofAuto().allocate(RUN_SIZE, Long.BYTES);

    /** One answer: changes the struct, if there is one, and gives the result or a negated errno. */
    interface Answer {
        long answer(MemorySegment struct);

        static Answer of(long result) {
            return _ -> result;
        }
    }

    /** What {@code pread(2)} gives. */
    interface Reads {
        long read(long offset, MemorySegment into);
    }

    /** The next answers to a request, in order. */
    ScriptedKernel on(KvmIoctl request, Answer... answers) {
        script.computeIfAbsent(request, _ -> new ArrayDeque<>()).addAll(List.of(answers));
        return this;
    }

    /** The answer to a request whenever the queue is empty. */
    ScriptedKernel otherwise(KvmIoctl request, Answer answer) {
        always.put(request, answer);
        return this;
    }

    /** What files of a name can be read for. */
    ScriptedKernel onRead(String file, Reads content) {
        reads.put(file, content);
        return this;
    }

    /** Answers that nobody has asked for. */
    int unused() {
        return script.values().stream().mapToInt(Deque::size).sum();
    }

    @Override
    public String name() {
        return "scripted";
    }

    @Override
    public KvmFile open() {
        return new File(3, "/dev/kvm");
    }

    @Override
    public KvmFile adopt(int descriptor, String name) {
        return new File(descriptor, name);
    }

    @Override
    public HostMemory allocate(HostMemoryKind kind, long length) {
        throw new AssertionError("not scripted: memory");
    }

    @Override
    public UserMemory expose(MemorySegment memory) {
        return new UserMemory() {
            @Override
            public long address() {
                return memory.address();
            }

            @Override
            public void close() {
                // The script's answers do not read it.
            }
        };
    }

    @Override
    public VcpuThread currentThread() {
        return threads.get();
    }

    private synchronized Answer next(int code) {
        for (KvmIoctl request : KvmIoctl.values()) {
            if (request.code() == code) {
                Deque<Answer> answers = script.get(request);
                if (answers != null && !answers.isEmpty()) {
                    return answers.pop();
                }
                Answer answer = always.get(request);
                return answer != null ? answer : success(request);
            }
        }
        throw new AssertionError("no such request: 0x" + Integer.toHexString(code));
    }

    private Answer success(KvmIoctl request) {
        return switch (request) {
            case GET_API_VERSION -> Answer.of(12);
            case GET_VCPU_MMAP_SIZE -> Answer.of(RUN_SIZE);
            case CREATE_VM, CREATE_VCPU, CREATE_GUEST_MEMFD, GET_STATS_FD -> Answer.of(descriptors.incrementAndGet());
            case SET_SIGNAL_MASK -> Answer.of(0);
            default -> throw new AssertionError("not scripted: " + request);
        };
    }

    private final class Interruptible implements VcpuThread {
        @Override
        public long maskWhileRunning() {
            return 0;
        }

        @Override
        public void interrupt() {
            log.add("interrupt");
        }

        @Override
        public void clearInterrupt() {
            log.add("clear interrupt");
        }
    }

    private final class File implements KvmFile {
        private final int descriptor;
        private final String name;
        private volatile boolean closed;

        File(int descriptor, String name) {
            this.descriptor = descriptor;
            this.name = name;
            log.add("open " + name);
        }

        private void checkOpen() {
            if (closed) {
                throw new IllegalStateException(name + " is closed");
            }
        }

        @Override
        public int descriptor() {
            checkOpen();
            return descriptor;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public long ioctl(int request, long argument) {
            checkOpen();
            return next(request).answer(MemorySegment.NULL);
        }

        @Override
        public long ioctl(int request, MemorySegment argument) {
            checkOpen();
            return next(request).answer(argument);
        }

        @Override
        public long readAt(long offset, MemorySegment into) {
            checkOpen();
            Reads content = reads.get(name);
            if (content == null) {
                throw new AssertionError("not scripted: reading " + name);
            }
            return content.read(offset, into);
        }

        @Override
        public long allocate(int mode, long offset, long length) {
            throw new AssertionError("not scripted: fallocate");
        }

        @Override
        public HostMemory map(long offset, long length) {
            checkOpen();
            log.add("map " + name);
            return new Mapped(name);
        }

        @Override
        public KvmFile closeOnExec() {
            return this;
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                log.add("close " + name);
            }
        }
    }

    private final class Mapped implements HostMemory {
        private final String name;

        Mapped(String name) {
            this.name = name;
        }

        @Override
        public long hva() {
            return run.address();
        }

        @Override
        public long length() {
            return RUN_SIZE;
        }

        @Override
        public MemorySegment segment() {
            return run;
        }

        @Override
        public long load(long offset, MemorySegment into) {
            throw new AssertionError("not scripted: load");
        }

        @Override
        public long store(long offset, MemorySegment from) {
            throw new AssertionError("not scripted: store");
        }

        @Override
        public long advise(HostAdvice advice, long offset, long length) {
            throw new AssertionError("not scripted: madvise");
        }

        @Override
        public long protect(HostProtection protection, long offset, long length) {
            throw new AssertionError("not scripted: mprotect");
        }

        @Override
        public long unmap(long offset, long length) {
            throw new AssertionError("not scripted: munmap");
        }

        @Override
        public void close() {
            log.add("unmap " + name);
        }
    }
}
