package io.guestmem.shell;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What the calls of a round work on: files by their kind, and memory of the host. Thread-safe; a lock guards the lists, and is
 * never held during a call.
 */
final class FuzzWorld implements AutoCloseable {
    /** The bytes of each of the memories. */
    static final long MEMORY_SIZE = 2 << 20;

    private static final int MEMORIES = 4;

    /** More files of a kind are closed as soon as they are made. */
    private static final int MOST_FILES = 6;

    private final Kernel kernel;
    private final HostMemory[] memories = new HostMemory[MEMORIES];
    private final Map<KvmFileKind, List<Held>> files = new EnumMap<>(KvmFileKind.class);
    private final Set<Integer> descriptors = ConcurrentHashMap.newKeySet();
    private final Map<KvmFileKind, Integer> numbers = new HashMap<>();

    /** A file, and whether somebody closes it: then a call that comes too late may say so. */
    static final class Held {
        final String name;
        final KvmFileKind kind;
        final KvmFile file;
        volatile boolean closing;

        Held(String name, KvmFileKind kind, KvmFile file) {
            this.name = name;
            this.kind = kind;
            this.file = file;
        }
    }

    FuzzWorld(Kernel kernel) {
        this.kernel = kernel;
        for (KvmFileKind kind : KvmFileKind.values()) {
            files.put(kind, new ArrayList<>());
        }
        try {
            for (int i = 0; i < MEMORIES; i++) {
                memories[i] = kernel.allocate(MEMORY_SIZE);
            }
            list(KvmFileKind.SYSTEM).add(new Held(Session.SYSTEM, KvmFileKind.SYSTEM, kernel.open()));
        } catch (RuntimeException failed) {
            close();
            throw failed;
        }
    }

    private List<Held> list(KvmFileKind kind) {
        return files.getOrDefault(kind, List.of());
    }

    Kernel kernel() {
        return kernel;
    }

    HostMemory memory(int index) {
        return memories[Math.floorMod(index, MEMORIES)];
    }

    /** The name of a memory in the shell. */
    static String memoryName(int index) {
        return "mem" + Math.floorMod(index, MEMORIES);
    }

    /** One of the files of a kind, counted around. */
    synchronized Optional<Held> file(KvmFileKind kind, int index) {
        List<Held> held = list(kind);
        return held.isEmpty() ? Optional.empty() : Optional.of(held.get(Math.floorMod(index, held.size())));
    }

    /** Keeps what a request has made, or closes it at once if there are enough. */
    void made(Held maker, int code, long result) {
        for (KvmIoctl request : KvmIoctl.values()) {
            Optional<KvmFileKind> kind = makes(request);
            if (result >= 0
                    && request.code() == code
                    && kind.isPresent()
                    && request.files().contains(maker.kind)) {
                keep(kind.get(), Math.toIntExact(result));
                return;
            }
        }
    }

    private static Optional<KvmFileKind> makes(KvmIoctl request) {
        return switch (request) {
            case CREATE_VM -> Optional.of(KvmFileKind.VM);
            case CREATE_VCPU -> Optional.of(KvmFileKind.VCPU);
            case CREATE_GUEST_MEMFD -> Optional.of(KvmFileKind.GUEST_MEMFD);
            case GET_STATS_FD -> Optional.of(KvmFileKind.STATS);
            default -> Optional.empty();
        };
    }

    private void keep(KvmFileKind kind, int descriptor) {
        if (!descriptors.add(descriptor)) {
            throw new FuzzFinding("descriptor " + descriptor + " was given away twice");
        }
        Held held;
        boolean enough;
        synchronized (this) {
            String name = Session.prefix(kind) + (numbers.merge(kind, 1, Integer::sum) - 1);
            held = new Held(name, kind, kernel.adopt(descriptor, name));
            enough = list(kind).size() >= MOST_FILES;
            if (!enough) {
                list(kind).add(held);
            }
        }
        if (enough) {
            close(held);
        }
    }

    /** Closes one of the files of a kind; the system's stays. */
    Optional<String> close(KvmFileKind kind, int index) {
        Held held;
        synchronized (this) {
            List<Held> all = list(kind);
            if (kind == KvmFileKind.SYSTEM || all.isEmpty()) {
                return Optional.empty();
            }
            held = all.remove(Math.floorMod(index, all.size()));
        }
        close(held);
        return Optional.of(held.name);
    }

    /** The number is free again as soon as the file is closed, so it is forgotten before. */
    private void close(Held held) {
        held.closing = true;
        descriptors.remove(held.file.descriptor());
        held.file.close();
    }

    @Override
    public void close() {
        for (KvmFileKind kind : List.of(
                KvmFileKind.STATS, KvmFileKind.GUEST_MEMFD, KvmFileKind.VCPU, KvmFileKind.VM, KvmFileKind.SYSTEM)) {
            list(kind).forEach(this::close);
            list(kind).clear();
        }
        Arrays.stream(memories).filter(memory -> memory != null).forEach(HostMemory::close);
    }
}
