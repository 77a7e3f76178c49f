package io.guestmem.diff;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ClearDirtyLogLayout;
import io.guestmem.abi.DirtyGfnLayout;
import io.guestmem.abi.DirtyLogLayout;
import io.guestmem.abi.EnableCapLayout;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MemoryAttributesLayout;
import io.guestmem.abi.UserspaceMemoryRegion2Layout;
import io.guestmem.abi.UserspaceMemoryRegionLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.OptionalInt;

/** The calls on the VM. */
final class VmCalls {
    /** Nothing of the process lies below: {@code vm.mmap_min_addr}. */
    private static final long NOWHERE = 1 << 16;

    private static final long MOST_ATTRIBUTES = 1 << 30;
    private static final long TOO_MANY_PAGES = 1L << 43;

    private final World world;
    private final VcpuSetup vcpus;

    VmCalls(World world) {
        this.world = world;
        this.vcpus = new VcpuSetup(world);
    }

    long perform(Call call, Looks looks) {
        if (call instanceof Call.CreateVm create) {
            return createVm(create.type());
        }
        KvmFile vm = world.vm();
        if (vm == null) {
            return Outcome.NOTHING;
        }
        return switch (call) {
            case Call.CreateVcpu create -> vcpus.create(vm, create.id());
            case Call.SetRegion region -> setRegion(vm, region);
            case Call.SetRegion2 region -> setRegion2(vm, region);
            case Call.SetAttributes attributes -> setAttributes(vm, attributes);
            case Call.GetDirtyLog get -> getDirtyLog(vm, get.slot(), looks);
            case Call.ClearDirtyLog clear -> clearDirtyLog(vm, clear);
            case Call.CollectRing collect -> collect(collect, looks);
            case Call.ResetRings _ -> World.request(vm, KvmIoctl.RESET_DIRTY_RINGS, 0);
            case Call.EnableCapability enable -> enable(vm, enable);
            case Call.CheckExtension check -> World.request(vm, KvmIoctl.CHECK_EXTENSION, check.capability());
            default -> throw new IllegalArgumentException(call.toString());
        };
    }

    private long createVm(long type) {
        if (world.vm() != null) {
            return Outcome.NOTHING;
        }
        long result = World.request(world.system(), KvmIoctl.CREATE_VM, type);
        if (result < 0) {
            return result;
        }
        world.adoptVm((int) result);
        return 0;
    }

    /** Whether a slot like that covers only memory that the sequence may use: a guest may write whatever lies there. */
    private static boolean harmless(Call.SetRegion region) {
        long size = region.size();
        long length = Backing.length(region.memory());
        if (length > 0) {
            return region.offset() >= 0 && region.offset() <= length && size >= 0 && size <= length - region.offset();
        }
        boolean nowhere = region.offset() >= 0 && region.offset() <= NOWHERE && size >= 0 && size <= NOWHERE;
        return (nowhere && region.offset() + size <= NOWHERE) || size < 0 || size >= TOO_MANY_PAGES;
    }

    private void write(MemorySegment struct, Call.SetRegion region) {
        struct.set(ValueLayout.JAVA_INT, UserspaceMemoryRegionLayout.SLOT, (int) region.slot());
        struct.set(ValueLayout.JAVA_INT, UserspaceMemoryRegionLayout.FLAGS, (int) region.flags());
        struct.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.GUEST_PHYS_ADDR, region.gpa());
        struct.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.MEMORY_SIZE, region.size());
        struct.set(
                ValueLayout.JAVA_LONG,
                UserspaceMemoryRegionLayout.USERSPACE_ADDR,
                world.hva(region.memory(), region.offset()));
    }

    private static boolean isBoot(Call.SetRegion region) {
        return (region.slot() & 0xFFFF) == GuestCode.BOOT_SLOT;
    }

    private long setRegion(KvmFile vm, Call.SetRegion region) {
        if (!harmless(region) || isBoot(region)) {
            return Outcome.NOTHING;
        }
        MemorySegment struct = world.struct(UserspaceMemoryRegionLayout.STRUCT.size());
        write(struct, region);
        return World.request(vm, KvmIoctl.SET_USER_MEMORY_REGION, struct);
    }

    private long setRegion2(KvmFile vm, Call.SetRegion2 call) {
        OptionalInt descriptor = world.descriptor(call.file());
        if (!harmless(call.region()) || isBoot(call.region()) || descriptor.isEmpty()) {
            return Outcome.NOTHING;
        }
        MemorySegment struct = world.struct(UserspaceMemoryRegion2Layout.STRUCT.size());
        write(struct, call.region());
        struct.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegion2Layout.GUEST_MEMFD_OFFSET, call.fileOffset());
        struct.set(ValueLayout.JAVA_INT, UserspaceMemoryRegion2Layout.GUEST_MEMFD, descriptor.getAsInt());
        return World.request(vm, KvmIoctl.SET_USER_MEMORY_REGION2, struct);
    }

    private long setAttributes(KvmFile vm, Call.SetAttributes call) {
        boolean wraps = Long.compareUnsigned(call.gpa() + call.size(), call.gpa()) < 0;
        if (!wraps && Long.compareUnsigned(call.size(), MOST_ATTRIBUTES) > 0) {
            return Outcome.NOTHING; // the kernel would store an attribute for each page
        }
        MemorySegment struct = world.struct(MemoryAttributesLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.ADDRESS, call.gpa());
        struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.SIZE, call.size());
        struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.ATTRIBUTES, call.attributes());
        struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.FLAGS, call.flags());
        return World.request(vm, KvmIoctl.SET_MEMORY_ATTRIBUTES, struct);
    }

    private long getDirtyLog(KvmFile vm, long slot, Looks looks) {
        MemorySegment bitmap = world.bitmap().fill((byte) 0);
        MemorySegment struct = world.struct(DirtyLogLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_INT, DirtyLogLayout.SLOT, (int) slot);
        struct.set(ValueLayout.JAVA_LONG, DirtyLogLayout.DIRTY_BITMAP, world.bitmapAddress());
        long result = World.request(vm, KvmIoctl.GET_DIRTY_LOG, struct);
        if (result == 0) {
            for (long at = 0; at < bitmap.byteSize(); at += Long.BYTES) {
                long word = bitmap.get(ValueLayout.JAVA_LONG, at);
                if (word != 0) {
                    looks.add("dirty[" + at / Long.BYTES + "]", word);
                }
            }
        }
        return result;
    }

    private long clearDirtyLog(KvmFile vm, Call.ClearDirtyLog call) {
        MemorySegment bitmap = world.bitmap();
        for (long at = 0; at < bitmap.byteSize(); at += Long.BYTES) {
            bitmap.set(ValueLayout.JAVA_LONG, at, call.pattern());
        }
        MemorySegment struct = world.struct(ClearDirtyLogLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_INT, ClearDirtyLogLayout.SLOT, (int) call.slot());
        struct.set(ValueLayout.JAVA_INT, ClearDirtyLogLayout.NUM_PAGES, (int) call.pages());
        struct.set(ValueLayout.JAVA_LONG, ClearDirtyLogLayout.FIRST_PAGE, call.firstPage());
        struct.set(ValueLayout.JAVA_LONG, ClearDirtyLogLayout.DIRTY_BITMAP, world.bitmapAddress());
        return World.request(vm, KvmIoctl.CLEAR_DIRTY_LOG, struct);
    }

    private long collect(Call.CollectRing call, Looks looks) {
        VirtualCpu vcpu = World.at(world.vcpus(), call.vcpu());
        HostMemory ring = vcpu == null ? null : vcpu.ring();
        if (vcpu == null || ring == null) {
            return Outcome.NOTHING;
        }
        MemorySegment entries = ring.segment();
        long count = entries.byteSize() / DirtyGfnLayout.STRUCT.size();
        long taken = 0;
        while (taken < call.most()) {
            MemorySegment entry = entries.asSlice(
                    (vcpu.ringPosition() + taken) % count * DirtyGfnLayout.STRUCT.size(), DirtyGfnLayout.STRUCT.size());
            if (entry.get(ValueLayout.JAVA_INT, DirtyGfnLayout.FLAGS) != DirtyGfnLayout.DIRTY) {
                break;
            }
            looks.add("slot", entry.get(ValueLayout.JAVA_INT, DirtyGfnLayout.SLOT))
                    .add("page", entry.get(ValueLayout.JAVA_LONG, DirtyGfnLayout.OFFSET));
            entry.set(ValueLayout.JAVA_INT, DirtyGfnLayout.FLAGS, DirtyGfnLayout.RESET);
            taken++;
        }
        vcpu.ringPosition(vcpu.ringPosition() + taken);
        return taken;
    }

    private long enable(KvmFile vm, Call.EnableCapability call) {
        MemorySegment struct = world.struct(EnableCapLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_INT, EnableCapLayout.CAP, (int) call.capability());
        struct.set(ValueLayout.JAVA_INT, EnableCapLayout.FLAGS, (int) call.flags());
        struct.set(ValueLayout.JAVA_LONG, EnableCapLayout.ARGS, call.argument());
        long result = World.request(vm, KvmIoctl.ENABLE_CAP, struct);
        boolean ring = call.capability() == Capability.DIRTY_LOG_RING.number()
                || call.capability() == Capability.DIRTY_LOG_RING_ACQ_REL.number();
        if (ring && result == 0) {
            world.ringBytes(call.argument());
        }
        return result;
    }
}
