package io.guestmem.shell;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.soft.SeededSchedule;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What is open, by its name: files, and memory of the host. Closing it closes everything, the newest first. Names are thread-safe.
 */
final class Session implements AutoCloseable {
    /** The name of the system's file. */
    static final String SYSTEM = "kvm";

    private final Kernel kernel;
    private final Optional<SeededSchedule> schedule;
    private final Map<String, OpenFile> files = new LinkedHashMap<>();
    private final Map<String, HostMemory> memories = new LinkedHashMap<>();
    private final Map<String, Integer> numbers = new HashMap<>();
    private SplittableRandom random;

    /**
     * Opens the system's file.
     *
     * @throws io.guestmem.abi.KernelUnavailableException if there is none
     */
    Session(Kernel kernel, long seed, Optional<SeededSchedule> schedule) {
        this.kernel = kernel;
        this.schedule = schedule;
        this.random = new SplittableRandom(seed);
        files.put(SYSTEM, new OpenFile(SYSTEM, KvmFileKind.SYSTEM, kernel.open(), null));
    }

    Kernel kernel() {
        return kernel;
    }

    /** Who decides how races go; empty if nobody does. */
    Optional<SeededSchedule> schedule() {
        return schedule;
    }

    /** Where random content comes from. */
    SplittableRandom random() {
        return random;
    }

    void seed(long seed) {
        random = new SplittableRandom(seed);
        schedule.ifPresent(seeded -> seeded.reseed(seed));
    }

    /** Gives a new file a name and keeps it. */
    synchronized OpenFile opened(KvmFileKind kind, int descriptor, OpenFile maker) {
        String name = newName(prefix(kind));
        KvmFile file = kernel.adopt(descriptor, name).closeOnExec();
        OpenFile opened = new OpenFile(name, kind, file, maker);
        files.put(name, opened);
        return opened;
    }

    static String prefix(KvmFileKind kind) {
        return switch (kind) {
            case SYSTEM -> SYSTEM;
            case VM -> "vm";
            case VCPU -> "vcpu";
            case GUEST_MEMFD -> "gmem";
            case STATS -> "stats";
        };
    }

    /** Gives memory a name and keeps it. */
    synchronized String mapped(HostMemory memory, String prefix) {
        String name = newName(prefix);
        memories.put(name, memory);
        return name;
    }

    private String newName(String prefix) {
        return prefix + (numbers.merge(prefix, 1, Integer::sum) - 1);
    }

    synchronized Optional<OpenFile> file(String name) {
        return Optional.ofNullable(files.get(name));
    }

    /** The newest file that is of one of some kinds. */
    synchronized Optional<OpenFile> newest(Set<KvmFileKind> kinds) {
        return files.values().stream()
                .filter(file -> kinds.contains(file.kind()))
                .reduce((_, newer) -> newer);
    }

    synchronized Optional<HostMemory> memory(String name) {
        return Optional.ofNullable(memories.get(name));
    }

    /** The names of everything that is open, the oldest first, files before memory. */
    synchronized List<String> names() {
        return Stream.concat(files.keySet().stream(), memories.keySet().stream())
                .toList();
    }

    /** What a name stands for in a struct: the hva of memory, the descriptor of a file. */
    synchronized OptionalLong value(String name) {
        HostMemory memory = memories.get(name);
        if (memory != null) {
            return OptionalLong.of(memory.hva());
        }
        OpenFile file = files.get(name);
        return file == null ? OptionalLong.empty() : OptionalLong.of(file.file().descriptor());
    }

    /** An hva as people name it: {@code mem0+0x1000}, or the number if it is in no memory of this session. */
    synchronized String symbolic(long hva) {
        for (Map.Entry<String, HostMemory> each : memories.entrySet()) {
            long offset = hva - each.getValue().hva();
            if (offset >= 0 && offset < each.getValue().length()) {
                return each.getKey() + (offset == 0 ? "" : "+0x" + Long.toHexString(offset));
            }
        }
        return "0x" + Long.toHexString(hva);
    }

    /** Closes one thing; false if nothing has that name. */
    synchronized boolean close(String name) {
        OpenFile file = files.remove(name);
        if (file != null) {
            file.close();
            return true;
        }
        HostMemory memory = memories.remove(name);
        if (memory != null) {
            memory.close();
        }
        return memory != null;
    }

    /** Files first: while a VM is open, memory may still be in its slots. */
    @Override
    public void close() {
        List<AutoCloseable> all = new ArrayList<>(memories.values());
        all.addAll(files.values());
        Collections.reverse(all);
        memories.clear();
        files.clear();
        RuntimeException failure = null;
        for (AutoCloseable each : all) {
            failure = closed(each, failure);
        }
        if (failure != null) {
            throw failure;
        }
    }

    /** The rest is closed although one cannot be. */
    private static @Nullable RuntimeException closed(AutoCloseable each, @Nullable RuntimeException before) {
        try {
            each.close();
            return before;
        } catch (Exception failed) {
            RuntimeException failure = before == null ? new IllegalStateException("closing failed", failed) : before;
            if (before != null) {
                before.addSuppressed(failed);
            }
            return failure;
        }
    }
}
