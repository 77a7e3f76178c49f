package io.guestmem.kvm;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ClearDirtyLogLayout;
import io.guestmem.abi.CreateGuestMemfdLayout;
import io.guestmem.abi.DirtyLogLayout;
import io.guestmem.abi.EnableCapLayout;
import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MemoryAttributesLayout;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.UserspaceMemoryRegion2Layout;
import io.guestmem.abi.UserspaceMemoryRegionLayout;
import io.guestmem.abi.VmType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A virtual machine. Thread-safe; bound to this process: in any other, every request is EIO.
 *
 * <p>Closing it closes its vCPUs, statistics and guest_memfds first.
 */
public final class Vm implements OwnedFiles.AutoCloseableFile {
    /** {@code args[4]} of {@code struct kvm_enable_cap}. */
    private static final int MOST_ARGUMENTS = 4;

    private final Kvm kvm;
    private final KvmFile file;
    private final VmType type;
    private final OwnedFiles children = new OwnedFiles();
    private final PrivateRanges privateRanges = new PrivateRanges();

    /** The pages of each memslot, by its number with the address space: the kernel writes bitmaps of that size. */
    private final Map<Integer, Long> pages = new ConcurrentHashMap<>();

    Vm(Kvm kvm, KvmFile file, VmType type) {
        this.kvm = kvm;
        this.file = file;
        this.type = type;
    }

    /** The type it was made with. */
    public VmType type() {
        return type;
    }

    /** The kernel below. */
    public Kernel kernel() {
        return kvm.kernel();
    }

    /** KVM as a system. */
    public Kvm kvm() {
        return kvm;
    }

    /** The file behind it, for requests that have no method here. It is closed with the VM. */
    public KvmFile file() {
        return file;
    }

    /** {@code KVM_CHECK_EXTENSION} of this VM: 0 if it does not have it. */
    public int capability(Capability capability) {
        return (int) Call.value(file, KvmIoctl.CHECK_EXTENSION, capability.number());
    }

    /**
     * {@code KVM_ENABLE_CAP} of this VM.
     *
     * @param arguments up to four values, as the capability defines them
     * @throws IllegalArgumentException if there are more than four
     * @throws io.guestmem.abi.KernelException with EINVAL if the VM does not have it or refuses the arguments
     */
    public void enable(Capability capability, long... arguments) {
        if (arguments.length > MOST_ARGUMENTS) {
            throw new IllegalArgumentException("KVM_ENABLE_CAP takes four arguments, not " + arguments.length);
        }
        MemorySegment struct = Call.buffer(EnableCapLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_INT, EnableCapLayout.CAP, capability.number());
        MemorySegment.copy(arguments, 0, struct, ValueLayout.JAVA_LONG, EnableCapLayout.ARGS, arguments.length);
        Call.struct(file, KvmIoctl.ENABLE_CAP, struct, capability);
    }

    /**
     * Creates, moves, changes or (size 0) deletes a memslot: {@code KVM_SET_USER_MEMORY_REGION}, or {@code …_REGION2} if a
     * guest_memfd is behind it.
     *
     * <p>Source: Linux 7.2 {@code kvm_main.c:kvm_set_memory_region}.
     *
     * @throws io.guestmem.abi.KernelException with EEXIST if it overlaps another slot, or a range of the guest_memfd that is
     *     bound already; EINVAL for everything that KVM refuses about addresses, sizes, flags and changes
     * @throws IllegalStateException if the guest_memfd behind it is closed
     */
    public void set(Memslot slot) {
        int flags = 0;
        flags |= slot.flags().contains(Memslot.Flag.LOG_DIRTY_PAGES) ? UserspaceMemoryRegionLayout.LOG_DIRTY_PAGES : 0;
        flags |= slot.flags().contains(Memslot.Flag.READONLY) ? UserspaceMemoryRegionLayout.READONLY : 0;
        MemorySegment struct = Call.buffer(UserspaceMemoryRegion2Layout.STRUCT.size());
        KvmIoctl request = KvmIoctl.SET_USER_MEMORY_REGION;
        if (slot.backing().isPresent()) {
            Memslot.Backing backing = slot.backing().get();
            request = KvmIoctl.SET_USER_MEMORY_REGION2;
            flags |= UserspaceMemoryRegionLayout.GUEST_MEMFD;
            struct.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegion2Layout.GUEST_MEMFD_OFFSET, backing.offset());
            struct.set(
                    ValueLayout.JAVA_INT,
                    UserspaceMemoryRegion2Layout.GUEST_MEMFD,
                    backing.file().descriptor());
        }
        // The first 32 bytes of both structs are the same.
        struct.set(ValueLayout.JAVA_INT, UserspaceMemoryRegionLayout.SLOT, slot.slot());
        struct.set(ValueLayout.JAVA_INT, UserspaceMemoryRegionLayout.FLAGS, flags);
        struct.set(
                ValueLayout.JAVA_LONG,
                UserspaceMemoryRegionLayout.GUEST_PHYS_ADDR,
                slot.range().start().value());
        struct.set(
                ValueLayout.JAVA_LONG,
                UserspaceMemoryRegionLayout.MEMORY_SIZE,
                slot.range().size());
        struct.set(
                ValueLayout.JAVA_LONG,
                UserspaceMemoryRegionLayout.USERSPACE_ADDR,
                slot.hva().value());
        Call.struct(file, request, struct, slot);
        if (slot.pages() == 0) {
            pages.remove(slot.slot());
        } else {
            pages.put(slot.slot(), slot.pages());
        }
    }

    /**
     * Deletes a memslot.
     *
     * @throws io.guestmem.abi.KernelException with EINVAL if there is none with this number
     */
    public void delete(Memslot slot) {
        GuestRange nothing = new GuestRange(slot.range().start(), 0);
        set(new Memslot(slot.id(), slot.addressSpace(), nothing, slot.hva(), Set.of(), Optional.empty()));
    }

    /**
     * {@code KVM_CREATE_GUEST_MEMFD}.
     *
     * @param size in bytes, a positive multiple of 4096
     * @throws io.guestmem.abi.KernelException with EINVAL for a size or a flag that the kernel refuses, ENOTTY if it has no
     *     guest_memfd
     */
    public GuestMemfd createGuestMemfd(long size, Set<GuestMemfd.Flag> flags) {
        long bits = flags.contains(GuestMemfd.Flag.MMAP) ? CreateGuestMemfdLayout.MMAP : 0;
        bits |= flags.contains(GuestMemfd.Flag.INIT_SHARED) ? CreateGuestMemfdLayout.INIT_SHARED : 0;
        MemorySegment struct = Call.buffer(CreateGuestMemfdLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, CreateGuestMemfdLayout.SIZE, size);
        struct.set(ValueLayout.JAVA_LONG, CreateGuestMemfdLayout.FLAGS, bits);
        long descriptor = Call.struct(file, KvmIoctl.CREATE_GUEST_MEMFD, struct, "size " + size + " flags " + flags);
        KvmFile memory = kernel().adopt((int) descriptor, "guest_memfd");
        try {
            memory.closeOnExec();
        } catch (RuntimeException failed) {
            memory.close();
            throw failed;
        }
        return children.add(new GuestMemfd(this, memory, size, flags), file.name());
    }

    /**
     * {@code KVM_SET_MEMORY_ATTRIBUTES}: makes a range private or shared. All or nothing.
     *
     * @param range multiples of 4096, not empty; needs no memslot
     * @throws io.guestmem.abi.KernelException with EINVAL for a VM without private memory or a range that KVM refuses
     */
    public void setPrivate(GuestRange range, boolean isPrivate) {
        MemorySegment struct = Call.buffer(MemoryAttributesLayout.STRUCT.size());
        struct.set(
                ValueLayout.JAVA_LONG,
                MemoryAttributesLayout.ADDRESS,
                range.start().value());
        struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.SIZE, range.size());
        struct.set(
                ValueLayout.JAVA_LONG,
                MemoryAttributesLayout.ATTRIBUTES,
                isPrivate ? MemoryAttributesLayout.PRIVATE : 0);
        Call.struct(file, KvmIoctl.SET_MEMORY_ATTRIBUTES, struct, range);
        privateRanges.set(range, isPrivate);
    }

    /**
     * How many bytes from an address on have one flavour, as far as {@link #setPrivate} has set it.
     *
     * @param isPrivate which flavour
     * @return in bytes, at most the size of the range; 0 if its first page has the other flavour
     */
    public long uniform(GuestRange range, boolean isPrivate) {
        return privateRanges.uniform(range, isPrivate);
    }

    /** {@code KVM_GUEST_MEMFD_POPULATE} on this VM, whether its kernel knows it or not. */
    public GuestMemfdPopulate guestMemfdPopulate() {
        return new GuestMemfdPopulate(kernel(), file);
    }

    /**
     * {@code KVM_GET_DIRTY_LOG}: the pages dirtied since the last call, and (without manual protection) forgets them.
     *
     * @param slot names the memslot; the bitmap has the size that the slot was last set with
     * @throws io.guestmem.abi.KernelException with ENOENT if the slot does not log
     */
    public DirtyBitmap dirtyLog(Memslot slot) {
        long[] words = new long[Math.toIntExact(Math.ceilDiv(pages.getOrDefault(slot.slot(), 0L), 64))];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bitmap = arena.allocate(ValueLayout.JAVA_LONG, words.length);
            MemorySegment struct = Call.buffer(DirtyLogLayout.STRUCT.size());
            struct.set(ValueLayout.JAVA_INT, DirtyLogLayout.SLOT, slot.slot());
            try (UserMemory exposed = kernel().expose(bitmap)) {
                struct.set(ValueLayout.JAVA_LONG, DirtyLogLayout.DIRTY_BITMAP, exposed.address());
                Call.struct(file, KvmIoctl.GET_DIRTY_LOG, struct, slot);
            }
            MemorySegment.copy(bitmap, ValueLayout.JAVA_LONG, 0, words, 0, words.length);
        }
        return new DirtyBitmap(words);
    }

    /**
     * {@code KVM_CLEAR_DIRTY_LOG}: forgets, and protects again, every page of a part of a slot.
     *
     * @param firstPage in the slot, a multiple of 64
     * @param pages a multiple of 64, or up to the end of the slot
     */
    public void clearDirtyLog(Memslot slot, long firstPage, int pages) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bitmap = arena.allocate(ValueLayout.JAVA_LONG, (pages + 63L) / 64);
            bitmap.fill((byte) -1);
            MemorySegment struct = Call.buffer(ClearDirtyLogLayout.STRUCT.size());
            struct.set(ValueLayout.JAVA_INT, ClearDirtyLogLayout.SLOT, slot.slot());
            struct.set(ValueLayout.JAVA_INT, ClearDirtyLogLayout.NUM_PAGES, pages);
            struct.set(ValueLayout.JAVA_LONG, ClearDirtyLogLayout.FIRST_PAGE, firstPage);
            try (UserMemory exposed = kernel().expose(bitmap)) {
                struct.set(ValueLayout.JAVA_LONG, ClearDirtyLogLayout.DIRTY_BITMAP, exposed.address());
                Call.struct(file, KvmIoctl.CLEAR_DIRTY_LOG, struct, slot + " from page " + firstPage);
            }
        }
    }

    /**
     * {@code KVM_CREATE_VCPU}.
     *
     * @param id 0 or more, not in use
     * @throws io.guestmem.abi.KernelException with EEXIST if the number is taken, EINVAL if it is too large
     */
    public Vcpu createVcpu(int id) {
        long descriptor = Call.value(file, KvmIoctl.CREATE_VCPU, id);
        KvmFile vcpu = kernel().adopt((int) descriptor, "vCPU " + id);
        HostMemory run;
        try {
            run = vcpu.map(0, kvm.vcpuMapSize());
        } catch (RuntimeException failed) {
            vcpu.close();
            throw failed;
        }
        return children.add(new Vcpu(this, vcpu, run, id), file.name());
    }

    /** {@code KVM_GET_STATS_FD} of this VM. */
    public Statistics statistics() {
        return children.add(Statistics.open(this, file), file.name());
    }

    Statistics statistics(KvmFile vcpu) {
        return children.add(Statistics.open(this, vcpu), file.name());
    }

    void closed(OwnedFiles.AutoCloseableFile child) {
        children.remove(child);
    }

    @Override
    public void close() {
        children.closeAll(() -> {
            kvm.closed(this);
            file.close();
        });
    }
}
