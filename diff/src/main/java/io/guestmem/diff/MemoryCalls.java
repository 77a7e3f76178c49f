package io.guestmem.diff;

import io.guestmem.abi.CreateGuestMemfdLayout;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** The calls about memory of the process and guest_memfds. */
final class MemoryCalls {
    private final World world;

    MemoryCalls(World world) {
        this.world = world;
    }

    long perform(Call call, Looks looks) {
        return switch (call) {
            case Call.CreateGuestMemfd create -> create(create);
            case Call.Allocate allocate -> {
                KvmFile file = World.at(world.files(), allocate.file());
                yield file == null
                        ? Outcome.NOTHING
                        : file.allocate((int) allocate.mode(), allocate.offset(), allocate.length());
            }
            case Call.CloseGuestMemfd close -> close(close.file());
            case Call.MapGuestMemfd map -> map(map, looks);
            case Call.Load load -> load(load, looks);
            case Call.Store store -> store(store);
            case Call.Advise advise -> {
                World.Mapped mapped = inside(advise.memory(), advise.offset(), advise.length());
                yield mapped == null
                        ? Outcome.NOTHING
                        : mapped.memory().advise(advise.advice(), mapped.start() + advise.offset(), advise.length());
            }
            case Call.Protect protect -> {
                World.Mapped mapped = inside(protect.memory(), protect.offset(), protect.length());
                yield mapped == null
                        ? Outcome.NOTHING
                        : mapped.memory()
                                .protect(protect.protection(), mapped.start() + protect.offset(), protect.length());
            }
            default -> throw new IllegalArgumentException(call.toString());
        };
    }

    /** Memory, if a range is inside what sequences use of it. */
    private World.@Nullable Mapped inside(long memory, long offset, long length) {
        long size = Backing.length(memory);
        boolean fits = offset >= 0 && length >= 0 && offset <= size && length <= size - offset;
        return fits ? world.memory(memory) : null;
    }

    private long create(Call.CreateGuestMemfd create) {
        KvmFile vm = world.vm();
        if (vm == null) {
            return Outcome.NOTHING;
        }
        MemorySegment struct = world.struct(CreateGuestMemfdLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, CreateGuestMemfdLayout.SIZE, create.size());
        struct.set(ValueLayout.JAVA_LONG, CreateGuestMemfdLayout.FLAGS, create.flags());
        long result = World.request(vm, KvmIoctl.CREATE_GUEST_MEMFD, struct);
        if (result < 0) {
            world.files().add(null);
            return result;
        }
        world.files().add(world.kernel().adopt((int) result, "guest_memfd").closeOnExec());
        return 0;
    }

    private long close(long number) {
        KvmFile file = World.at(world.files(), number);
        if (file == null) {
            return Outcome.NOTHING;
        }
        file.close();
        world.files().set((int) number, null);
        return 0;
    }

    private long map(Call.MapGuestMemfd map, Looks looks) {
        KvmFile file = World.at(world.files(), map.file());
        boolean fits = map.length() > 0 && map.offset() >= 0 && map.offset() <= map.length() - Long.BYTES;
        if (file == null || !fits) {
            return Outcome.NOTHING;
        }
        try (HostMemory memory = file.map(0, map.length())) {
            MemorySegment eight = world.struct(Long.BYTES);
            long result = ProcessPages.load(memory, map.offset(), eight);
            looks.add("load", result).add("found", eight.get(ValueLayout.JAVA_LONG, 0));
            if (map.value() != 0) {
                eight.set(ValueLayout.JAVA_LONG, 0, map.value());
                looks.add("store", ProcessPages.store(memory, map.offset(), eight));
            }
            return 0;
        } catch (KernelException refused) {
            return -refused.errno();
        }
    }

    private long load(Call.Load load, Looks looks) {
        World.Mapped mapped = inside(load.memory(), load.offset(), Long.BYTES);
        if (mapped == null) {
            return Outcome.NOTHING;
        }
        MemorySegment eight = world.struct(Long.BYTES);
        long result = ProcessPages.load(mapped.memory(), mapped.start() + load.offset(), eight);
        if (result == 0) {
            looks.add("found", eight.get(ValueLayout.JAVA_LONG, 0));
        }
        return result;
    }

    private long store(Call.Store store) {
        World.Mapped mapped = inside(store.memory(), store.offset(), Long.BYTES);
        if (mapped == null) {
            return Outcome.NOTHING;
        }
        MemorySegment eight = world.struct(Long.BYTES);
        eight.set(ValueLayout.JAVA_LONG, 0, store.value());
        return ProcessPages.store(mapped.memory(), mapped.start() + store.offset(), eight);
    }
}
