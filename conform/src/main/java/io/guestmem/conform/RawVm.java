package io.guestmem.conform;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ClearDirtyLogLayout;
import io.guestmem.abi.CreateGuestMemfdLayout;
import io.guestmem.abi.DirtyLogLayout;
import io.guestmem.abi.EnableCapLayout;
import io.guestmem.abi.GuestMemfdPopulateLayout;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MemoryAttributesLayout;
import io.guestmem.abi.UserspaceMemoryRegion2Layout;
import io.guestmem.abi.VmType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A VM by its raw requests: every method makes one and gives back what the kernel answered, a negated errno included.
 *
 * @param trial owns what it makes
 * @param file of the VM
 * @param type that it was made with
 */
record RawVm(Trial trial, KvmFile file, VmType type) {
    /** {@code KVM_SET_USER_MEMORY_REGION}. */
    long set(Region region) {
        return set(KvmIoctl.SET_USER_MEMORY_REGION, region);
    }

    /** {@code KVM_SET_USER_MEMORY_REGION2}. */
    long set2(Region region) {
        return set(KvmIoctl.SET_USER_MEMORY_REGION2, region);
    }

    private long set(KvmIoctl request, Region region) {
        MemorySegment struct = trial.struct(UserspaceMemoryRegion2Layout.STRUCT.size());
        region.write(struct);
        return Trial.request(file, request, struct);
    }

    /** Deletes a slot. */
    long delete(int slot) {
        return set(Region.of(slot, 0, 0, 0));
    }

    /** A slot of ordinary memory that must work. */
    HostMemory slot(int slot, long gpa, long size) {
        HostMemory memory = trial.memory(size);
        trial.must("memslot " + slot, set(Region.of(slot, gpa, memory)));
        return memory;
    }

    long capability(Capability capability) {
        return Trial.request(file, KvmIoctl.CHECK_EXTENSION, capability.number());
    }

    /** {@code KVM_ENABLE_CAP}. */
    long enable(Capability capability, int flags, long... arguments) {
        MemorySegment struct = trial.struct(EnableCapLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_INT, EnableCapLayout.CAP, capability.number());
        struct.set(ValueLayout.JAVA_INT, EnableCapLayout.FLAGS, flags);
        MemorySegment.copy(arguments, 0, struct, ValueLayout.JAVA_LONG, EnableCapLayout.ARGS, arguments.length);
        return Trial.request(file, KvmIoctl.ENABLE_CAP, struct);
    }

    /** {@code KVM_CREATE_GUEST_MEMFD}: a descriptor that nobody owns yet, or an errno. */
    long createGuestMemfd(long size, long flags) {
        MemorySegment struct = trial.struct(CreateGuestMemfdLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, CreateGuestMemfdLayout.SIZE, size);
        struct.set(ValueLayout.JAVA_LONG, CreateGuestMemfdLayout.FLAGS, flags);
        return Trial.request(file, KvmIoctl.CREATE_GUEST_MEMFD, struct);
    }

    /** A guest_memfd that must be made. */
    GuestMemfdFile guestMemfd(long size, long flags) {
        return new GuestMemfdFile(trial.adopt("KVM_CREATE_GUEST_MEMFD flags " + flags, createGuestMemfd(size, flags)));
    }

    /** A guest_memfd that the host may map and touch, or a skip. */
    GuestMemfdFile sharedGuestMemfd(long size) {
        long both = CreateGuestMemfdLayout.MMAP | CreateGuestMemfdLayout.INIT_SHARED;
        Trial.require(
                (capability(Capability.GUEST_MEMFD_FLAGS) & both) == both,
                "no guest_memfd that the host may map: KVM_CAP_GUEST_MEMFD_FLAGS is "
                        + capability(Capability.GUEST_MEMFD_FLAGS));
        return guestMemfd(size, both);
    }

    /** {@code KVM_SET_MEMORY_ATTRIBUTES}. */
    long attributes(long gpa, long size, long attributes, long flags) {
        MemorySegment struct = trial.struct(MemoryAttributesLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.ADDRESS, gpa);
        struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.SIZE, size);
        struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.ATTRIBUTES, attributes);
        struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.FLAGS, flags);
        return Trial.request(file, KvmIoctl.SET_MEMORY_ATTRIBUTES, struct);
    }

    /** Makes a range private; must work. */
    void makePrivate(long gpa, long size) {
        trial.must("make private", attributes(gpa, size, MemoryAttributesLayout.PRIVATE, 0));
    }

    /** Makes a range shared; must work. */
    void makeShared(long gpa, long size) {
        trial.must("make shared", attributes(gpa, size, 0, 0));
    }

    /** {@code KVM_GET_DIRTY_LOG}. */
    long dirtyLog(int slot, long bitmap) {
        MemorySegment struct = trial.struct(DirtyLogLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_INT, DirtyLogLayout.SLOT, slot);
        struct.set(ValueLayout.JAVA_LONG, DirtyLogLayout.DIRTY_BITMAP, bitmap);
        return Trial.request(file, KvmIoctl.GET_DIRTY_LOG, struct);
    }

    /** The first 64 bits of a dirty bitmap. */
    long dirtyWord(int slot, long pages) {
        MemorySegment bitmap = trial.struct(Math.ceilDiv(pages, 64L) * Long.BYTES);
        trial.must("KVM_GET_DIRTY_LOG", dirtyLog(slot, trial.pointer(bitmap)));
        return bitmap.get(ValueLayout.JAVA_LONG, 0);
    }

    /** {@code KVM_CLEAR_DIRTY_LOG}. */
    long clearDirtyLog(int slot, long firstPage, int pages, long bitmap) {
        MemorySegment struct = trial.struct(ClearDirtyLogLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_INT, ClearDirtyLogLayout.SLOT, slot);
        struct.set(ValueLayout.JAVA_INT, ClearDirtyLogLayout.NUM_PAGES, pages);
        struct.set(ValueLayout.JAVA_LONG, ClearDirtyLogLayout.FIRST_PAGE, firstPage);
        struct.set(ValueLayout.JAVA_LONG, ClearDirtyLogLayout.DIRTY_BITMAP, bitmap);
        return Trial.request(file, KvmIoctl.CLEAR_DIRTY_LOG, struct);
    }

    /** {@code KVM_GUEST_MEMFD_POPULATE}, made once: a kernel that has it may be interrupted. */
    long populate(long gpa, long size, long from) {
        MemorySegment struct = trial.struct(GuestMemfdPopulateLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, GuestMemfdPopulateLayout.GPA, gpa);
        struct.set(ValueLayout.JAVA_LONG, GuestMemfdPopulateLayout.SIZE, size);
        struct.set(ValueLayout.JAVA_LONG, GuestMemfdPopulateLayout.FROM, from);
        return Trial.request(file, KvmIoctl.GUEST_MEMFD_POPULATE, struct);
    }

    /** {@code KVM_CREATE_VCPU}, which must work, with its shared page mapped. */
    RawVcpu vcpu(int id) {
        KvmFile vcpu = trial.adopt("KVM_CREATE_VCPU " + id, Trial.request(file, KvmIoctl.CREATE_VCPU, id));
        long size = trial.must("KVM_GET_VCPU_MMAP_SIZE", Trial.request(trial.system(), KvmIoctl.GET_VCPU_MMAP_SIZE, 0));
        return new RawVcpu(trial, vcpu, trial.own(vcpu.map(0, size)).segment());
    }

    /** The statistics of the VM. */
    Statistics statistics() {
        return Statistics.open(trial, file);
    }
}
