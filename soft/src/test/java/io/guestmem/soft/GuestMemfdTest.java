package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.GMEM;
import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostMemoryKind;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmFile;
import io.guestmem.soft.mmu.GuestAccess;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** guest_memfd: the checks of kernel.md 7.3. */
class GuestMemfdTest {
    private static final long EINVAL = -ErrorNumber.EINVAL.number();
    private static final long EFAULT = -ErrorNumber.EFAULT.number();
    private static final long EOPNOTSUPP = -ErrorNumber.EOPNOTSUPP.number();
    private static final int KEEP = 1;
    private static final int PUNCH = 3;
    private static final long MMAP = 1;
    private static final long SHARED = 3;

    @Test
    void gmem01To04SizesAndFlags() {
        try (SoftHost host = new SoftHost();
                SoftHost hidden = SoftHost.swProtected()) {
            for (long size : new long[] {0, 4095, Long.MIN_VALUE}) {
                assertThat(host.createGuestMemfd(size, 0)).isEqualTo(EINVAL);
            }
            for (long flags : new long[] {1, 2, 3}) {
                assertThat(host.createGuestMemfd(PAGE, flags)).isNotNegative();
            }
            assertThat(host.createGuestMemfd(PAGE, 4)).isEqualTo(EINVAL);
            assertThat(host.createGuestMemfd(1, 4)).isEqualTo(EINVAL);
            assertThat(hidden.createGuestMemfd(PAGE, 1)).isNotNegative();
            assertThat(hidden.createGuestMemfd(PAGE, 2)).isEqualTo(EINVAL);
        }
        SoftKernelOptions old = SoftKernelOptions.defaults()
                .with()
                .kernelVersion(KernelVersion.V6_12)
                .build();
        try (SoftHost host = new SoftHost(old)) {
            assertThat(host.createGuestMemfd(PAGE, 0)).isNotNegative();
            assertThat(host.createGuestMemfd(PAGE, MMAP)).isEqualTo(EINVAL);
        }
    }

    @Test
    void gmem05AGuestMemfdIsNotReadByPosition() {
        try (SoftHost host = new SoftHost()) {
            assertThat(host.guestMemfd(PAGE, 0).readAt(0, SoftHost.struct(8))).isEqualTo(-ErrorNumber.ESPIPE.number());
        }
    }

    @Test
    void gmem07MappingNeedsTheFlag() {
        try (SoftHost host = new SoftHost()) {
            KvmFile memfd = host.guestMemfd(PAGE, 0);
            assertThatThrownBy(() -> memfd.map(0, PAGE))
                    .isInstanceOfSatisfying(
                            KernelException.class,
                            refused -> assertThat(refused.errno()).isEqualTo(ErrorNumber.ENODEV.number()));
        }
    }

    @Test
    void gmem09And10TouchingPages() {
        try (SoftHost host = new SoftHost();
                Arena arena = Arena.ofConfined()) {
            MemorySegment word = arena.allocate(8, 8);
            KvmFile memfd = host.guestMemfd(2 * PAGE, SHARED);
            try (HostMemory mapped = memfd.map(0, 4 * PAGE)) {
                assertThat(mapped.load(2 * PAGE, word)).as("beyond the end").isEqualTo(EFAULT);
                assertThat(mapped.load(0, word)).isZero();
                assertThat(word.get(ValueLayout.JAVA_LONG, 0)).isZero();
                word.set(ValueLayout.JAVA_LONG, 0, 77);
                assertThat(mapped.store(0, word)).isZero();
                assertThat(mapped.advise(HostAdvice.DONT_NEED, 0, PAGE)).isZero();
                assertThat(mapped.load(0, word)).isZero();
                assertThat(word.get(ValueLayout.JAVA_LONG, 0))
                        .as("content stays")
                        .isEqualTo(77);
                assertThat(memfd.allocate(PUNCH, 0, PAGE)).isZero();
                assertThat(mapped.load(0, word)).isZero();
                assertThat(word.get(ValueLayout.JAVA_LONG, 0)).isZero();
                assertThat(mapped.advise(HostAdvice.COLLAPSE, 0, PAGE))
                        .as("GMEM-20")
                        .isEqualTo(EINVAL);
            }
            try (HostMemory mapped = host.guestMemfd(PAGE, MMAP).map(0, PAGE)) {
                assertThat(mapped.load(0, word)).as("not shared with the host").isEqualTo(EFAULT);
            }
        }
    }

    @Test
    void gmem11To13Fallocate() {
        try (SoftHost host = new SoftHost()) {
            KvmFile memfd = host.guestMemfd(4 * PAGE, 0);
            for (int mode : new int[] {0, 2, 8, 16, 1 | 16}) {
                assertThat(memfd.allocate(mode, 0, PAGE)).as("mode %d", mode).isEqualTo(EOPNOTSUPP);
            }
            assertThat(memfd.allocate(KEEP, 0, 5 * PAGE)).isEqualTo(EINVAL);
            assertThat(memfd.allocate(PUNCH, 0, 5 * PAGE)).isZero();
            assertThat(memfd.allocate(PUNCH, 100 * PAGE, PAGE)).isZero();
            assertThat(memfd.allocate(KEEP, 1, PAGE)).isEqualTo(EINVAL);
            assertThat(memfd.allocate(KEEP, 0, 1)).isEqualTo(EINVAL);
            assertThat(memfd.allocate(KEEP, 0, 0)).isEqualTo(EINVAL);
            assertThat(memfd.allocate(KEEP, 0, 4 * PAGE)).isZero();
            assertThat(host.vmFile.allocate(KEEP, 0, PAGE)).isEqualTo(-ErrorNumber.ENODEV.number());
        }
    }

    @Test
    void gmem14OnlyTheVmsDescriptorIsClosedOnExec() {
        try (SoftHost host = new SoftHost()) {
            KvmFile memfd = host.guestMemfd(PAGE, 0);
            FileTable files = host.kernel.process().files();
            assertThat(files.descriptor(memfd.descriptor()))
                    .satisfies(each -> assertThat(each.closeOnExec()).isFalse());
            assertThat(files.descriptor(host.vmFile.descriptor()))
                    .satisfies(each -> assertThat(each.closeOnExec()).isTrue());
            memfd.closeOnExec();
            assertThat(files.descriptor(memfd.descriptor()))
                    .satisfies(each -> assertThat(each.closeOnExec()).isTrue());
        }
    }

    @Test
    void gmem15AClosedFileIsAMemoryFault() {
        try (SoftHost host = new SoftHost()) {
            KvmFile memfd = host.guestMemfd(PAGE, MMAP);
            assertThat(host.slot2(0, GMEM, 0, PAGE, 0, memfd.descriptor(), 0)).isZero();
            assertThat(host.guestRead(0)).isZero();
            assertThat(host.pages()).containsExactly(1, 0, 0);
            memfd.close();
            assertThat(host.pages()).containsExactly(0, 0, 0);
            host.setExitReason(0);
            assertThat(host.guestRead(0)).isEqualTo(GuestAccess.EFAULT);
            assertThat(host.exitReason()).isEqualTo(ExitReason.MEMORY_FAULT);
            assertThat(host.slot(0, 0, 0, 0, 0)).as("the slot can be deleted").isZero();
        }
    }

    @Test
    void gmem16TheFileOutlivesTheDescriptorOfTheVm() {
        try (SoftHost host = new SoftHost()) {
            KvmFile memfd = host.guestMemfd(PAGE, SHARED);
            host.vmFile.close();
            assertThat(memfd.allocate(KEEP, 0, PAGE)).isZero();
            assertThat(memfd.allocate(PUNCH, 0, PAGE)).isZero();
            memfd.map(0, PAGE).close();
        }
    }

    @Test
    void gmem17PunchingAHoleZapsWhatIsMappedThere() {
        try (SoftHost host = new SoftHost()) {
            KvmFile memfd = host.guestMemfd(16 * PAGE, MMAP);
            host.slot2(0, GMEM, PAGE, 16 * PAGE, 0, memfd.descriptor(), 0);
            assertThat(host.preFault(PAGE, 16 * PAGE).size()).isZero();
            assertThat(host.pages()).containsExactly(16, 0, 0);
            assertThat(memfd.allocate(PUNCH, 4 * PAGE, 5 * PAGE)).isZero();
            assertThat(host.pages()).containsExactly(11, 0, 0);
        }
    }

    @Test
    void gmem18TheHostWritesAndTheGuestReads() {
        try (SoftHost host = new SoftHost()) {
            KvmFile memfd = host.guestMemfd(PAGE, SHARED);
            host.slot2(0, GMEM, 0, PAGE, 0, memfd.descriptor(), 0);
            try (HostMemory mapped = memfd.map(0, PAGE);
                    Arena arena = Arena.ofConfined()) {
                MemorySegment word = arena.allocate(8, 8);
                word.set(ValueLayout.JAVA_LONG, 0, 123);
                mapped.store(0, word);
                assertThat(host.guestRead(0)).isEqualTo(123);
                assertThat(host.guestWrite(8, 456)).isZero();
                mapped.load(8, word);
                assertThat(word.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(456);
            }
        }
    }

    @Test
    void gmem18TheHostsSegmentIsTheGuestsMemory() {
        try (SoftHost host = new SoftHost()) {
            KvmFile memfd = host.guestMemfd(4 * PAGE, SHARED);
            host.slot2(0, GMEM, 0, 4 * PAGE, 0, memfd.descriptor(), 0);
            assertThat(host.guestWrite(PAGE, 5)).isZero();
            try (HostMemory mapped = memfd.map(0, 4 * PAGE)) {
                MemorySegment segment = mapped.segment();
                assertThat(segment.get(ValueLayout.JAVA_LONG, PAGE)).isEqualTo(5);
                segment.set(ValueLayout.JAVA_LONG, PAGE, 6);
                assertThat(host.guestRead(PAGE)).isEqualTo(6);
                assertThat(host.guestWrite(2 * PAGE, 7)).isZero();
                assertThat(segment.get(ValueLayout.JAVA_LONG, 2 * PAGE)).isEqualTo(7);
            }
        }
    }

    @Test
    void gmem19PagesThatWereOnlyAllocatedReadAsZeroes() {
        try (SoftHost host = new SoftHost()) {
            KvmFile memfd = host.guestMemfd(PAGE, MMAP);
            host.slot2(0, GMEM, 0, PAGE, 0, memfd.descriptor(), 0);
            assertThat(memfd.allocate(KEEP, 0, PAGE)).isZero();
            assertThat(host.guestRead(0)).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource
    void gmem22NoUserfaultfdGuardsIt(UserfaultfdMode mode) {
        try (SoftHost host = new SoftHost();
                KvmFile shared = host.guestMemfd(PAGE, 3);
                KvmFile unshared = host.guestMemfd(PAGE, 1);
                HostMemory mapped = shared.map(0, PAGE);
                HostMemory untouchable = unshared.map(0, PAGE);
                HostMemory memfd = host.kernel.allocate(HostMemoryKind.SHARED_MEMFD, PAGE);
                HostMemory anonymous = host.kernel.allocate(PAGE)) {
            SoftProcess process = host.kernel.process();
            assertThat(process.registerUserfaultfd(mapped, mode)).isEqualTo(EINVAL);
            assertThat(process.registerUserfaultfd(untouchable, mode)).isEqualTo(EINVAL);
            assertThat(process.registerUserfaultfd(memfd, mode)).isZero();
            assertThat(process.registerUserfaultfd(anonymous, mode))
                    .isEqualTo(mode == UserfaultfdMode.MINOR ? EINVAL : 0);
        }
    }

    @Test
    void sys07AForkedChildCanStillUseTheFile() {
        try (SoftHost host = new SoftHost()) {
            KvmFile memfd = host.guestMemfd(2 * PAGE, SHARED);
            host.slot2(0, GMEM, 0, 2 * PAGE, 0, memfd.descriptor(), 0);
            assertThat(host.guestWrite(0, 1)).isZero();
            SoftProcess child = host.kernel.process().fork();
            KvmFile inherited = child.adopt(memfd.descriptor(), "guest_memfd of the parent");
            try (HostMemory mapped = inherited.map(0, 2 * PAGE);
                    Arena arena = Arena.ofConfined()) {
                MemorySegment word = arena.allocate(8, 8);
                word.set(ValueLayout.JAVA_LONG, 0, 9);
                assertThat(mapped.store(PAGE, word)).isZero();
                assertThat(host.guestRead(PAGE)).isEqualTo(9);
                assertThat(inherited.allocate(PUNCH, 0, PAGE)).isZero();
                assertThat(host.guestRead(0)).isZero();
            }
        }
    }
}
