package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.HUGE;
import static io.guestmem.soft.SoftHost.LOG;
import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ClearDirtyLogLayout;
import io.guestmem.abi.DirtyGfnLayout;
import io.guestmem.abi.DirtyLogLayout;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VmType;
import io.guestmem.soft.mmu.GuestAccess;
import io.guestmem.soft.mmu.NativeMemory;
import io.guestmem.soft.vm.VcpuCounter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** Dirty logging: the checks DIRTY-* and MMU-02 to MMU-05 of kernel.md 7.9. */
class DirtyLogTest {
    private static final long EINVAL = -ErrorNumber.EINVAL.number();
    private static final long EFAULT = -ErrorNumber.EFAULT.number();
    private static final long ENOENT = -ErrorNumber.ENOENT.number();
    private static final long ENXIO = -ErrorNumber.ENXIO.number();
    private static final long E2BIG = -ErrorNumber.E2BIG.number();
    private static final int MANUAL = Capability.MANUAL_DIRTY_LOG_PROTECT2.number();
    private static final int RING = Capability.DIRTY_LOG_RING_ACQ_REL.number();

    private static long get(SoftHost host, int slot, long bitmap) {
        MemorySegment struct = SoftHost.struct(DirtyLogLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_INT, DirtyLogLayout.SLOT, slot);
        struct.set(ValueLayout.JAVA_LONG, DirtyLogLayout.DIRTY_BITMAP, bitmap);
        return host.vmFile.ioctl(KvmIoctl.GET_DIRTY_LOG.code(), struct);
    }

    /** The first word of the bitmap. */
    private static long dirty(SoftHost host, int slot, int words) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bitmap = arena.allocate(words * 8L, 8);
            try (UserMemory shown = host.kernel.expose(bitmap)) {
                assertThat(get(host, slot, shown.address())).isZero();
            }
            return bitmap.get(ValueLayout.JAVA_LONG, 0);
        }
    }

    private static long clear(SoftHost host, int slot, long first, int pages, long word) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bitmap = arena.allocate(Math.max(8, (pages + 63L) / 64 * 8), 8);
            bitmap.set(ValueLayout.JAVA_LONG, 0, word);
            try (UserMemory shown = host.kernel.expose(bitmap)) {
                return clear(host, slot, first, pages, shown);
            }
        }
    }

    private static long clear(SoftHost host, int slot, long first, int pages, UserMemory bitmap) {
        MemorySegment struct = SoftHost.struct(ClearDirtyLogLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_INT, ClearDirtyLogLayout.SLOT, slot);
        struct.set(ValueLayout.JAVA_INT, ClearDirtyLogLayout.NUM_PAGES, pages);
        struct.set(ValueLayout.JAVA_LONG, ClearDirtyLogLayout.FIRST_PAGE, first);
        struct.set(ValueLayout.JAVA_LONG, ClearDirtyLogLayout.DIRTY_BITMAP, bitmap.address());
        return host.vmFile.ioctl(KvmIoctl.CLEAR_DIRTY_LOG.code(), struct);
    }

    @Test
    void dirty01WhatCannotBeRead() {
        try (SoftHost host = new SoftHost()) {
            host.slot(0, 0, 0, PAGE, 0);
            host.slot(1, LOG, PAGE, PAGE, 0);
            assertThat(get(host, 2, 0)).isEqualTo(ENOENT);
            assertThat(get(host, 0, 0)).isEqualTo(ENOENT);
            assertThat(get(host, 32764, 0)).isEqualTo(EINVAL);
            assertThat(get(host, 2 << 16, 0)).isEqualTo(EINVAL);
            assertThat(get(host, 1, 0)).isEqualTo(EFAULT);
        }
    }

    @Test
    void dirty02And03RangesToClear() {
        try (SoftHost host = new SoftHost()) {
            host.slot(0, LOG, 0, 130 * PAGE, 0);
            assertThat(clear(host, 0, 1, 64, 0)).isEqualTo(EINVAL);
            assertThat(clear(host, 0, 0, 63, 0)).isEqualTo(EINVAL);
            assertThat(clear(host, 0, 0, 131, 0)).isEqualTo(EINVAL);
            assertThat(clear(host, 0, 192, 1, 0)).isEqualTo(EINVAL);
            assertThat(clear(host, 0, 128, 2, 0)).as("to the end").isZero();
            assertThat(clear(host, 0, 0, 128, 0)).isZero();
            assertThat(clear(host, 1, 0, 64, 0)).isEqualTo(ENOENT);
            host.slot(1, LOG, 1 << 30, 64 * PAGE, 0);
            assertThat(clear(host, 1, 64, 0, 0)).as("DIRTY-03").isZero();
        }
    }

    @Test
    void dirty04ManualProtection() {
        try (SoftHost host = new SoftHost()) {
            for (long allowed : new long[] {1, 3, 0}) {
                assertThat(host.enable(MANUAL, allowed)).isZero();
            }
            for (long refused : new long[] {2, 4, 5}) {
                assertThat(host.enable(MANUAL, refused)).isEqualTo(EINVAL);
            }
        }
    }

    @Test
    void writesAreFoundOnceAndAgainAfterTheyWereFetched() {
        for (boolean pml : new boolean[] {false, true}) {
            SoftKernelOptions options = SoftKernelOptions.defaults()
                    .with()
                    .pageModificationLogging(pml)
                    .build();
            try (SoftHost host = new SoftHost(options);
                    HostMemory memory = host.kernel.allocate(8 * PAGE)) {
                SoftHost.touch(memory);
                host.slot(0, 0, 0, 8 * PAGE, memory.hva());
                for (int page = 0; page < 8; page++) {
                    assertThat(host.guestWrite(page * PAGE, 1)).isZero();
                }
                host.slot(0, LOG, 0, 8 * PAGE, memory.hva());
                assertThat(dirty(host, 0, 1)).isZero();
                host.guestWrite(3 * PAGE, 2);
                host.guestRead(4 * PAGE);
                assertThat(dirty(host, 0, 1)).as("PML %s", pml).isEqualTo(0b1000);
                assertThat(dirty(host, 0, 1)).isZero();
                long taken = host.counter(VcpuCounter.PF_TAKEN);
                host.guestWrite(3 * PAGE, 3);
                assertThat(dirty(host, 0, 1)).isEqualTo(0b1000);
                assertThat(host.counter(VcpuCounter.PF_TAKEN) - taken).isEqualTo(pml ? 0 : 1);
            }
        }
    }

    @Test
    void mmu18AWriteProtectedPageIsMadeWritableWithoutLock() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, PAGE, memory.hva());
            host.guestWrite(0, 1);
            host.slot(0, LOG, 0, PAGE, memory.hva());
            assertThat(host.guestWrite(0, 2)).isZero();
            assertThat(host.counter(VcpuCounter.PF_FAST)).isEqualTo(1);
            assertThat(dirty(host, 0, 1)).isEqualTo(1);
        }
    }

    @Test
    void dirty05InitiallySetProtectsOnlyWhatIsCleared() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.process().allocateHugePages(2, HUGE)) {
            assertThat(host.enable(MANUAL, 3)).isZero();
            host.slot(0, 0, 0, HUGE, memory.hva());
            host.guestWrite(0, 1);
            assertThat(host.pages()).containsExactly(0, 1, 0);
            host.slot(0, LOG, 0, HUGE, memory.hva());
            assertThat(host.pages()).as("MMU-04").containsExactly(0, 1, 0);
            assertThat(dirty(host, 0, 8)).isEqualTo(-1);
            assertThat(dirty(host, 0, 8)).as("reading does not clear").isEqualTo(-1);
            assertThat(clear(host, 0, 0, 64, -1)).isZero();
            assertThat(host.pages()).containsExactly(512, 0, 0);
            assertThat(dirty(host, 0, 8)).isZero();
            host.guestWrite(2 * PAGE, 1);
            assertThat(dirty(host, 0, 8)).isEqualTo(0b100);
        }
    }

    @Test
    void mmu05ReadOnlySlotsAreLeftAlone() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.process().allocateHugePages(2, HUGE)) {
            host.slot(0, SoftHost.READONLY, 0, HUGE, memory.hva());
            host.preFault(0, HUGE);
            host.slot(0, SoftHost.READONLY | LOG, 0, HUGE, memory.hva());
            assertThat(host.pages()).containsExactly(0, 1, 0);
        }
    }

    @Test
    void theBitmapMovesWithItsSlot() {
        try (SoftHost host = new SoftHost();
                HostMemory memory = host.kernel.allocate(2 * PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, LOG, 0, 2 * PAGE, memory.hva());
            host.guestWrite(PAGE, 1);
            host.slot(0, LOG, 1 << 30, 2 * PAGE, memory.hva());
            assertThat(dirty(host, 0, 1)).isEqualTo(0b10);
        }
    }

    @Test
    void dirty06And07SizesOfARing() {
        try (SoftHost host = new SoftHost()) {
            assertThat(host.enable(RING, 65536)).as("there is a vCPU").isEqualTo(EINVAL);
            long machine = host.system.ioctl(KvmIoctl.CREATE_VM.code(), VmType.DEFAULT.value());
            KvmFile vm = host.kernel.adopt((int) machine, "VM without vCPUs");
            for (long bytes : new long[] {0, 1024, 5000}) {
                assertThat(enable(vm, bytes)).isEqualTo(EINVAL);
            }
            assertThat(enable(vm, 2 << 20)).isEqualTo(E2BIG);
            assertThat(enable(vm, 65536)).isZero();
            assertThat(enable(vm, 65536)).isEqualTo(EINVAL);
            host.slot(vm, 0, LOG, 0, PAGE, 0);
            assertThat(vm.ioctl(KvmIoctl.GET_DIRTY_LOG.code(), SoftHost.struct(16)))
                    .isEqualTo(ENXIO);
            assertThat(vm.ioctl(KvmIoctl.CLEAR_DIRTY_LOG.code(), SoftHost.struct(24)))
                    .isEqualTo(ENXIO);
            assertThat(vm.ioctl(KvmIoctl.RESET_DIRTY_RINGS.code(), 0)).isZero();
            assertThat(host.vmFile.ioctl(KvmIoctl.RESET_DIRTY_RINGS.code(), 0)).isEqualTo(EINVAL);
        }
    }

    private static long enable(KvmFile vm, long bytes) {
        MemorySegment struct = SoftHost.struct(104);
        struct.set(ValueLayout.JAVA_INT, 0, RING);
        struct.set(ValueLayout.JAVA_LONG, 8, bytes);
        return vm.ioctl(KvmIoctl.ENABLE_CAP.code(), struct);
    }

    @Test
    void aRingFillsStopsTheGuestAndIsTakenBack() {
        SoftHost.Ring ring = new SoftHost.Ring(4096);
        try (SoftHost host = new SoftHost(SoftKernelOptions.defaults(), ring);
                HostMemory memory = host.kernel.allocate(512 * PAGE)) {
            SoftHost.touch(memory);
            host.slot(3, LOG, 0, 512 * PAGE, memory.hva());
            // 256 entries, of which 64 are kept in reserve.
            long outcome = host.guest(guest -> {
                for (long gpa = 0; gpa < 512 * PAGE; gpa += PAGE) {
                    long address = guest.write(gpa);
                    if (address < 0) {
                        return -1000 - gpa / PAGE * 10 + address;
                    }
                    NativeMemory.set(address, 1);
                }
                return 0;
            });
            assertThat(outcome).isEqualTo(-1000 - 191 * 10 + GuestAccess.RING_FULL);
            assertThat(host.vcpuFile.ioctl(KvmIoctl.RUN.code(), 0)).isZero();
            assertThat(host.exitReason()).isEqualTo(ExitReason.DIRTY_RING_FULL);
            try (HostMemory mapped = host.vcpuFile.map(64 * PAGE, 4096)) {
                MemorySegment entries = mapped.segment();
                for (int i = 0; i < 192; i++) {
                    MemorySegment entry = entries.asSlice(i * 16L, 16);
                    assertThat(entry.get(ValueLayout.JAVA_INT, DirtyGfnLayout.FLAGS))
                            .isEqualTo(1);
                    assertThat(entry.get(ValueLayout.JAVA_INT, DirtyGfnLayout.SLOT))
                            .isEqualTo(3);
                    assertThat(entry.get(ValueLayout.JAVA_LONG, DirtyGfnLayout.OFFSET))
                            .isEqualTo(i);
                    entry.set(ValueLayout.JAVA_INT, DirtyGfnLayout.FLAGS, DirtyGfnLayout.RESET);
                }
            }
            assertThat(host.vmFile.ioctl(KvmIoctl.RESET_DIRTY_RINGS.code(), 0)).isEqualTo(192);
            assertThat(host.guestWrite(0, 2)).isZero();
            assertThat(host.vmFile.ioctl(KvmIoctl.RESET_DIRTY_RINGS.code(), 0))
                    .as("not collected yet")
                    .isZero();
        }
    }
}
