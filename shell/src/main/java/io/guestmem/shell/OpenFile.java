package io.guestmem.shell;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmFileKind;
import java.util.SortedMap;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;

/** A file of KVM that the session has given a name: {@code vm0}. */
final class OpenFile implements AutoCloseable {
    private final String name;
    private final KvmFileKind kind;
    private final KvmFile file;

    /** The file whose request made this one; none for the system's. */
    private final @Nullable OpenFile maker;

    /** Of a VM: its memslots as they were set here, by id with the address space in the high 16 bits. */
    private final SortedMap<Integer, Slot> slots = new ConcurrentSkipListMap<>();

    /** Of a vCPU: {@code kvm_run} and what follows it, once it is needed. */
    private @Nullable HostMemory runPages;

    private volatile boolean hasRun;

    /**
     * A memslot as it was set.
     *
     * @param pages of 4096 bytes
     */
    record Slot(long gpa, long pages, int flags, long hva) {}

    OpenFile(String name, KvmFileKind kind, KvmFile file, @Nullable OpenFile maker) {
        this.name = name;
        this.kind = kind;
        this.file = file;
        this.maker = maker;
    }

    String name() {
        return name;
    }

    KvmFileKind kind() {
        return kind;
    }

    KvmFile file() {
        return file;
    }

    /** The VM that a vCPU belongs to. */
    OpenFile vm() {
        if (kind != KvmFileKind.VCPU || maker == null) {
            throw new CommandException(name + " is not a vCPU");
        }
        return maker;
    }

    SortedMap<Integer, Slot> slots() {
        return slots;
    }

    /** Whether a vCPU was run here. */
    boolean hasRun() {
        return hasRun;
    }

    void runs() {
        hasRun = true;
    }

    /**
     * The shared pages of a vCPU, mapped by the first call.
     *
     * @param size what {@code KVM_GET_VCPU_MMAP_SIZE} says
     */
    synchronized HostMemory runPages(long size) {
        if (runPages == null) {
            runPages = file.map(0, size);
        }
        return runPages;
    }

    @Override
    public void close() {
        try (file) {
            if (runPages != null) {
                runPages.close();
            }
        }
    }
}
