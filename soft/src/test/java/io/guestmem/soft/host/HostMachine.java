package io.guestmem.soft.host;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A host with one process, for tests; closing it checks that no frame is lost. */
final class HostMachine implements AutoCloseable {
    static final long PAGE = 4096;
    static final long HUGE = 2L << 20;
    static final long GIGANTIC = 1L << 30;

    final FrameTable frames = new FrameTable();
    final AddressSpace space;
    private final List<AutoCloseable> opened = new ArrayList<>();

    HostMachine(ThpPolicy thp) {
        space = open(new AddressSpace(frames, thp));
    }

    HostMachine() {
        this(ThpPolicy.NEVER);
    }

    <T extends AutoCloseable> T open(T resource) {
        opened.add(resource);
        return resource;
    }

    long map(MapRequest request) {
        long hva = space.map(request);
        if (hva < 0) {
            throw new AssertionError("mmap: " + hva);
        }
        return hva;
    }

    SharedFile memfd(long size) {
        return open(SharedFile.memfd(frames, size));
    }

    /** A file whose page n is filled with n + 1. */
    SharedFile file(long size) {
        return open(new SharedFile(frames, size, 1, (offset, page) -> page.fill((byte) (offset / PAGE + 1))));
    }

    void store(AddressSpace into, long hva, int value) {
        long stored = into.store(hva, MemorySegment.ofArray(new byte[] {(byte) value}));
        if (stored != 1) {
            throw new AssertionError("store: " + stored);
        }
    }

    void store(long hva, int value) {
        store(space, hva, value);
    }

    int load(AddressSpace from, long hva) {
        byte[] into = new byte[1];
        long loaded = from.load(hva, MemorySegment.ofArray(into));
        if (loaded != 1) {
            throw new AssertionError("load: " + loaded);
        }
        return into[0];
    }

    int load(long hva) {
        return load(space, hva);
    }

    /** A page as a guest would read it: from the frame. */
    int guestLoad(AddressSpace from, long hva) {
        long pfn = HostFault.pfn(from.faultIn(hva, false));
        return NativeMemory.ALL.get(java.lang.foreign.ValueLayout.JAVA_BYTE, frames.address(pfn) + (hva & (PAGE - 1)));
    }

    /** A range as lines: pages from its start, entry size, state. */
    static List<String> table(AddressSpace space, long hva, long length) {
        return space.describe(hva, length).stream()
                .map(run -> "[" + (run.start() - hva) / PAGE + "," + (run.end() - hva) / PAGE + ") "
                        + (run.level() == 1 ? "4K" : run.level() == 2 ? "2M" : "1G") + " " + run.state())
                .toList();
    }

    List<String> table(long hva, long length) {
        return table(space, hva, length);
    }

    /** A fault as text. */
    static String text(long fault) {
        if (!HostFault.isPage(fault)) {
            return io.guestmem.abi.ErrorNumber.symbol((int) -fault).replaceAll(" .*", "");
        }
        long pfn = HostFault.pfn(fault);
        String zero = pfn == Frames.ZERO_PFN
                ? "zero "
                : pfn >= Frames.HUGE_ZERO_PFN && pfn < Frames.HUGE_ZERO_PFN + 512 ? "huge-zero " : "";
        return zero + (HostFault.isWritable(fault) ? "rw" : "ro") + " "
                + Arrays.asList("4K", "2M", "1G").get(HostFault.level(fault) - 1);
    }

    /** An operation's answer as text. */
    static String answer(long result) {
        return result == 0
                ? "0"
                : result == -13
                        ? "EACCES"
                        : io.guestmem.abi.ErrorNumber.symbol((int) -result).replaceAll(" .*", "");
    }

    @Override
    public void close() {
        try {
            for (AutoCloseable each : opened.reversed()) {
                each.close();
            }
            if (frames.inUse() != frames.poisoned()) {
                throw new AssertionError(frames.inUse() + " frames in use, " + frames.poisoned() + " poisoned");
            }
            if (frames.host.swap.size() != 0) {
                throw new AssertionError(frames.host.swap.size() + " swap slots in use");
            }
        } catch (Exception e) {
            throw new AssertionError(e);
        } finally {
            frames.close();
        }
        if (frames.nativeBytes() != 0) {
            throw new AssertionError(frames.nativeBytes() + " bytes of native memory");
        }
    }
}
