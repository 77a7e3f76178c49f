package io.guestmem.soft.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.abi.TranslationLayout;
import io.guestmem.abi.UserspaceMemoryRegionLayout;
import io.guestmem.paging.FlatMemory;
import io.guestmem.paging.PageTableBuilder;
import io.guestmem.paging.PagingMode;
import io.guestmem.soft.Schedule;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Queue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A vCPU of the software kernel: the guest's tables over memslots over host memory, all through the seam. */
class BothStagesTest {
    private static final int SIZE = 2 << 20;
    private static final long ROOT = 0x1000;
    private static final long CODE = 0x10_0000;
    private static final long DATA = 0x11_0000;
    private static final long OTHER = 0x12_0000;
    private static final long LINEAR = 0x7F00_0000_0000L;
    private static final long PW = PageTableBuilder.PRESENT | PageTableBuilder.WRITABLE;

    private final Arena arena = Arena.ofConfined();
    private final Queue<Runnable> beforeUpdates = new ArrayDeque<>();
    private final SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults(), this::reached, null);
    private final KvmFile system = kernel.open();
    private final KvmFile vm = adopt(system.ioctl(KvmIoctl.CREATE_VM.code(), 0));
    private final HostMemory memory = kernel.allocate(SIZE);
    private final KvmFile vcpu = vcpu();
    private final HostMemory run = vcpu.map(0, 12288);
    private final PageTableBuilder tables =
            new PageTableBuilder(new FlatMemory(memory.segment()), PagingMode.LEVEL_4, ROOT, 64);

    @AfterEach
    void close() {
        run.close();
        vcpu.close();
        vm.close();
        system.close();
        memory.close();
        kernel.close();
        arena.close();
    }

    private void reached(Schedule.Point point) {
        if (point == Schedule.Point.GUEST_ENTRY && !beforeUpdates.isEmpty()) {
            beforeUpdates.remove().run();
        }
    }

    private KvmFile adopt(long descriptor) {
        return kernel.adopt(Math.toIntExact(descriptor), "file");
    }

    private KvmFile vcpu() {
        slot(0);
        KvmFile made = adopt(vm.ioctl(KvmIoctl.CREATE_VCPU.code(), 0));
        Cpuid cpuid = SupportedCpuid.of(CpuOptions.defaults(), 46);
        assertThat(made.ioctl(KvmIoctl.SET_CPUID2.code(), Structs.cpuid(arena, cpuid)))
                .isZero();
        return made;
    }

    /** All of the memory at gpa 0. */
    private void slot(int flags) {
        MemorySegment region = arena.allocate(UserspaceMemoryRegionLayout.STRUCT.size(), Long.BYTES);
        region.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.USERSPACE_ADDR, memory.hva());
        region.set(ValueLayout.JAVA_INT, UserspaceMemoryRegionLayout.FLAGS, flags);
        region.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.MEMORY_SIZE, SIZE);
        assertThat(vm.ioctl(KvmIoctl.SET_USER_MEMORY_REGION.code(), region)).isZero();
    }

    private void start(String code) {
        tables.map(CODE, CODE, 1, PW).map(LINEAR, DATA, 1, PW);
        byte[] bytes = TestMachine.bytes(code);
        MemorySegment.copy(bytes, 0, memory.segment(), ValueLayout.JAVA_BYTE, CODE, bytes.length);
        MemorySegment sregs = arena.allocate(SregsLayout.STRUCT.size(), Long.BYTES);
        Structs.longMode(new SystemRegisters(SystemRegisters.APIC_BASE_RESET), ROOT, 0)
                .writeCommon(sregs);
        assertThat(vcpu.ioctl(KvmIoctl.SET_SREGS.code(), sregs)).isZero();
        Registers registers = new Registers();
        registers.rip = CODE;
        registers.general[Registers.RSI] = LINEAR;
        MemorySegment regs = arena.allocate(RegsLayout.STRUCT.size(), Long.BYTES);
        registers.writeTo(regs);
        assertThat(vcpu.ioctl(KvmIoctl.SET_REGS.code(), regs)).isZero();
    }

    private int exitReason() {
        assertThat(vcpu.ioctl(KvmIoctl.RUN.code(), 0)).isZero();
        return run.segment().get(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON);
    }

    private long translate(long linear) {
        MemorySegment struct = arena.allocate(TranslationLayout.STRUCT.size(), Long.BYTES);
        struct.set(ValueLayout.JAVA_LONG, TranslationLayout.LINEAR_ADDRESS, linear);
        assertThat(vcpu.ioctl(KvmIoctl.TRANSLATE.code(), struct)).isZero();
        return struct.get(ValueLayout.JAVA_LONG, TranslationLayout.PHYSICAL_ADDRESS);
    }

    @Test
    void whatTheGuestWritesTheHostReads() {
        // mov dword [rsi], 42; hlt
        start("c7 06 2a 00 00 00 f4");

        assertThat(exitReason()).isEqualTo(ExitReason.HLT);

        assertThat(memory.segment().get(ValueLayout.JAVA_INT, DATA)).isEqualTo(42);
        assertThat(tables.get(LINEAR, 1) & 0x60).as("accessed and dirty").isEqualTo(0x60);
    }

    @Test
    void translateSetsAccessedInTheTables() {
        start("f4");

        assertThat(translate(LINEAR + 5)).isEqualTo(DATA + 5);
        assertThat(translate(LINEAR + 0x1000)).isEqualTo(-1);

        assertThat(tables.get(LINEAR, 1) & 0x60).isEqualTo(0x20);
    }

    @Test
    void t214AnEntryThatChangesBeforeItsBitsAreSetIsReadAgain() {
        start("f4");
        beforeUpdates.add(() -> tables.map(LINEAR, OTHER, 1, PW));

        assertThat(translate(LINEAR)).isEqualTo(OTHER);

        assertThat(tables.get(LINEAR, 1)).isEqualTo(OTHER | PW | 0x20);
    }

    @Test
    void t214AnEntryThatGoesBeforeItsBitsAreSetIsMissed() {
        start("f4");
        beforeUpdates.add(() -> tables.map(LINEAR, DATA, 1, 0));

        assertThat(translate(LINEAR)).isEqualTo(-1);

        assertThat(tables.get(LINEAR, 1)).as("no bit is set in it").isEqualTo(DATA);
    }

    /** TR-05, and the same for the guest's own walk. */
    @Test
    void tablesInAReadOnlySlotAreUsedAndKeepTheirBits() {
        start("8b 06 c7 06 2a 00 00 00 f4");
        memory.segment().set(ValueLayout.JAVA_INT, DATA, 7);
        assertThat(vm.ioctl(KvmIoctl.SET_USER_MEMORY_REGION.code(), deletion())).isZero();
        slot(UserspaceMemoryRegionLayout.READONLY);

        assertThat(translate(LINEAR)).isEqualTo(DATA);
        assertThat(exitReason()).as("a write to a read-only slot").isEqualTo(ExitReason.MMIO);

        assertThat(run.segment().get(ValueLayout.JAVA_LONG, RunLayout.MMIO_PHYS_ADDR))
                .isEqualTo(DATA);
        assertThat(tables.get(LINEAR, 1) & 0x60).isZero();
        assertThat(exitReason()).isEqualTo(ExitReason.HLT);
    }

    private MemorySegment deletion() {
        MemorySegment region = arena.allocate(UserspaceMemoryRegionLayout.STRUCT.size(), Long.BYTES);
        region.set(ValueLayout.JAVA_LONG, UserspaceMemoryRegionLayout.USERSPACE_ADDR, memory.hva());
        return region;
    }
}
