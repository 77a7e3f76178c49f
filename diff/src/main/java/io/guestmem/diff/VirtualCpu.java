package io.guestmem.diff;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** A vCPU of a sequence. For one thread. */
final class VirtualCpu implements AutoCloseable {
    private final KvmFile file;
    private final HostMemory run;
    private final KvmFile statistics;
    private final @Nullable HostMemory ring;
    private long ringPosition;

    /** Whether the special registers are not those of 64-bit user mode any more. */
    private boolean changed = true;

    VirtualCpu(KvmFile file, HostMemory run, KvmFile statistics, @Nullable HostMemory ring) {
        this.file = file;
        this.run = run;
        this.statistics = statistics;
        this.ring = ring;
    }

    KvmFile file() {
        return file;
    }

    MemorySegment run() {
        return run.segment();
    }

    KvmFile statistics() {
        return statistics;
    }

    @Nullable
    HostMemory ring() {
        return ring;
    }

    long ringPosition() {
        return ringPosition;
    }

    void ringPosition(long position) {
        ringPosition = position;
    }

    boolean isChanged() {
        return changed;
    }

    void changed(boolean now) {
        changed = now;
    }

    @Override
    public void close() {
        if (ring != null) {
            ring.close();
        }
        statistics.close();
        run.close();
        file.close();
    }
}
