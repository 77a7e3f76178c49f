package io.guestmem.diff;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.HostProtection;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.UserspaceMemoryRegionLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * One kernel's side: what a sequence has made there, and room for structs. {@link #reset} makes it fresh for the next sequence.
 * For one thread.
 */
final class World implements AutoCloseable {
    private static final long ALIGNMENT = 2 << 20;
    private static final long PAGE = 4096;

    /** Bytes of a dirty bitmap: twice what the largest memslot needs. */
    private static final int BITMAP = 256;

    private static final int STRUCTS = 4096;

    private final Kernel kernel;
    private final KvmFile system;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment struct = arena.allocate(STRUCTS, Long.BYTES);
    private final MemorySegment bitmap = arena.allocate(BITMAP, Long.BYTES);
    private final MemorySegment boot = arena.allocate(GuestCode.BOOT_SIZE, Long.BYTES);
    private final UserMemory bitmapPointer;
    private final Map<Backing, Mapped> memories = new EnumMap<>(Backing.class);
    private final List<@Nullable VirtualCpu> vcpus = new ArrayList<>();
    private final List<@Nullable KvmFile> files = new ArrayList<>();
    private @Nullable KvmFile vm;
    private @Nullable Mapped bootMemory;
    private long ringBytes;

    World(Kernel kernel) {
        this.kernel = kernel;
        this.system = kernel.open();
        this.bitmapPointer = kernel.expose(bitmap);
        GuestCode.write(boot);
    }

    /**
     * Memory of the process.
     *
     * @param memory with room for the alignment
     * @param start where the aligned part begins, in bytes
     */
    record Mapped(HostMemory memory, long start) {
        long hva() {
            return memory.hva() + start;
        }
    }

    Kernel kernel() {
        return kernel;
    }

    KvmFile system() {
        return system;
    }

    Arena arena() {
        return arena;
    }

    /** Zeroed room for a struct of the next request. */
    MemorySegment struct(long size) {
        return struct.asSlice(0, size).fill((byte) 0);
    }

    MemorySegment bitmap() {
        return bitmap;
    }

    long bitmapAddress() {
        return bitmapPointer.address();
    }

    @Nullable
    KvmFile vm() {
        return vm;
    }

    List<@Nullable VirtualCpu> vcpus() {
        return vcpus;
    }

    List<@Nullable KvmFile> files() {
        return files;
    }

    long ringBytes() {
        return ringBytes;
    }

    void ringBytes(long bytes) {
        ringBytes = bytes;
    }

    /** The thing of a number, or null. */
    static <T> @Nullable T at(List<@Nullable T> things, long number) {
        return number >= 0 && number < things.size() ? things.get((int) number) : null;
    }

    /** The memories that the sequence has used. */
    Map<Backing, Mapped> memories() {
        return memories;
    }

    /** A memory by position; null if there is none. */
    @Nullable
    Mapped memory(long position) {
        Backing backing = Backing.at(position);
        return backing == null ? null : memories.computeIfAbsent(backing, this::map);
    }

    private Mapped map(Backing backing) {
        return fenced(backing.kind(), backing.length());
    }

    /**
     * Memory between pages that nobody may touch: the kernel must not join it with its neighbours, for then a huge page could
     * cover both. The page on either side is there. So each GiB in which some of the memory lies has a table, wherever the
     * kernel put it: without one, {@code mprotect} does not tell KVM (Linux 7.2 {@code mm/mprotect.c:change_pud_range}).
     */
    private Mapped fenced(HostMemoryKind kind, long length) {
        HostMemory memory = kernel.allocate(kind, length + ALIGNMENT + 2 * PAGE);
        long start = (-(memory.hva() + PAGE) & (ALIGNMENT - 1)) + PAGE;
        long end = start + length;
        must("fence below", memory.protect(HostProtection.NONE, 0, start - PAGE));
        must("fence above", memory.protect(HostProtection.NONE, end + PAGE, memory.length() - end - PAGE));
        for (long beside : new long[] {start - PAGE, end}) {
            must("page beside", memory.advise(HostAdvice.POPULATE_WRITE, beside, PAGE));
            must("fence beside", memory.protect(HostProtection.NONE, beside, PAGE));
        }
        return new Mapped(memory, start);
    }

    /** An hva: in a memory, or as it is. */
    long hva(long memory, long offset) {
        Mapped mapped = memory(memory);
        return mapped == null ? offset : mapped.hva() + offset;
    }

    /** The descriptor of a guest_memfd of a sequence; empty if it is not there. */
    OptionalInt descriptor(long file) {
        if (file == -1) {
            return OptionalInt.of(-1);
        }
        KvmFile found = file == -2 ? vm : at(files, file);
        return found == null ? OptionalInt.empty() : OptionalInt.of(found.descriptor());
    }

    /** A fresh VM with its boot slot. */
    void adoptVm(int descriptor) {
        KvmFile made = kernel.adopt(descriptor, "vm");
        vm = made;
        Mapped memory = fenced(HostMemoryKind.PRIVATE_ANONYMOUS, GuestCode.BOOT_SIZE);
        bootMemory = memory;
        if (ProcessPages.store(memory.memory(), memory.start(), boot) != 0) {
            throw new IllegalStateException("the boot slot's memory cannot be written");
        }
        MemorySegment region = struct(UserspaceMemoryRegionLayout.STRUCT.size());
        region.set(ValueLayout.JAVA_INT, UserspaceMemoryRegionLayout.SLOT, GuestCode.BOOT_SLOT);
        region.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.MEMORY_SIZE, GuestCode.BOOT_SIZE);
        region.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.USERSPACE_ADDR, memory.hva());
        must("boot slot", request(made, KvmIoctl.SET_USER_MEMORY_REGION, region));
    }

    /** A request with a struct; a signal to this process is no answer. */
    static long request(KvmFile file, KvmIoctl request, MemorySegment argument) {
        long result;
        do {
            result = file.ioctl(request.code(), argument);
        } while (result == -ErrorNumber.EINTR.number());
        return result;
    }

    static long request(KvmFile file, KvmIoctl request, long argument) {
        long result;
        do {
            result = file.ioctl(request.code(), argument);
        } while (result == -ErrorNumber.EINTR.number());
        return result;
    }

    /** What only prepares must work on every kernel. */
    static long must(String what, long result) {
        if (result < 0) {
            throw new IllegalStateException(what + ": " + new Outcome(result, List.of()).answer());
        }
        return result;
    }

    /** Ends the sequence: everything that it made is gone. */
    void reset() {
        vcpus.forEach(World::close);
        vcpus.clear();
        files.forEach(World::close);
        files.clear();
        close(vm);
        vm = null;
        if (bootMemory != null) {
            bootMemory.memory().close();
            bootMemory = null;
        }
        memories.values().forEach(mapped -> mapped.memory().close());
        memories.clear();
        ringBytes = 0;
    }

    private static void close(@Nullable KvmFile file) {
        if (file != null) {
            file.close();
        }
    }

    private static void close(@Nullable VirtualCpu vcpu) {
        if (vcpu != null) {
            vcpu.close();
        }
    }

    @Override
    public void close() {
        reset();
        bitmapPointer.close();
        system.close();
        arena.close();
    }
}
