package io.guestmem.kvm.translate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KernelUnavailableException;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.TranslationLayout;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Cpuid;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Registers;
import io.guestmem.kvm.Registers.Register;
import io.guestmem.kvm.Segment;
import io.guestmem.kvm.SystemRegisters;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import io.guestmem.kvm.translate.Translate2Result.Answered;
import io.guestmem.kvm.translate.Translate2Result.Invalid;
import io.guestmem.paging.Access;
import io.guestmem.paging.PageTableBuilder;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.PhysicalRanges;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.Translate2;
import io.guestmem.paging.Translate2.Answer;
import io.guestmem.paging.WalkResult;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A vCPU in long mode that never runs, with tables at 0x1000, asked on this host's KVM. */
class Translate2RequestsTest {
    private static final long SIZE = 1 << 20;
    private static final long ROOT = 0x1000;
    private static final long LINEAR = 0x7F00_1234_5000L;
    private static final int QUESTIONS = 2000;

    private Kvm kvm;
    private HostMemory memory;
    private Vcpu vcpu;
    private PhysicalRanges ranges;
    private PageTableBuilder tables;
    private Translate2Requests requests;

    @BeforeEach
    void start() {
        try {
            kvm = Kvm.open(new LinuxKernel());
        } catch (KernelUnavailableException unavailable) {
            abort("no KVM here: " + unavailable.getMessage());
            return;
        }
        memory = kvm.kernel().allocate(SIZE);
        memory.segment().fill((byte) 0);
        Vm vm = kvm.createVm(VmType.DEFAULT);
        Memslot slot = Memslot.of(0, new GuestPhysical(0), memory);
        vm.set(slot);
        vcpu = vm.createVcpu(0);
        Cpuid cpuid = kvm.supportedCpuid();
        vcpu.setCpuid(cpuid);
        SystemRegisters start = vcpu.systemRegisters();
        vcpu.setSystemRegisters(start.withSegments(start.segments()
                        .flat(Segment.longModeCode(8, 0), Segment.flatData(16, 0), Segment.task(24, 0, 103)))
                .withPaging(0x8001_0033L, ROOT, 0x20, 0xD00));
        ranges = SlotMemory.of(Map.of(slot, memory));
        tables = new PageTableBuilder(ranges, PagingMode.LEVEL_4, ROOT, 16);
        requests = new Translate2Requests(vcpu, cpuid, ranges, Translate2.DOCUMENTED);
    }

    @AfterEach
    void close() {
        if (kvm != null) {
            kvm.close();
        }
        if (memory != null) {
            memory.close();
        }
    }

    private Answer ask(long linear, int flags, int access) {
        assertThat(requests.translate(linear, flags, access)).isInstanceOf(Answered.class);
        return ((Answered) requests.translate(linear, flags, access)).answer();
    }

    @Test
    void aMappedAddressTranslatesAndTheTouchedTablesAreNamed() {
        tables.map(LINEAR, 0x9000, 1, PageTableBuilder.PRESENT | PageTableBuilder.WRITABLE);

        Translate2Result result = requests.translate(LINEAR + 5, SetBits.ACCESSED | SetBits.DIRTY, Access.WRITE);

        assertThat(result).isInstanceOfSatisfying(Answered.class, answered -> {
            assertThat(answered.answer()).isEqualTo(new Answer(true, 0x9005, 0, true, true, true, true));
            assertThat(answered.writtenPages()).containsExactlyInAnyOrder(0x1000L, 0x2000L, 0x3000L, 0x4000L);
        });
        assertThat(tables.get(LINEAR, 1) & 0x60).isEqualTo(0x60);
    }

    @Test
    void faultsHaveTheProposalsCodes() {
        tables.map(LINEAR, 0x9000, 1, PageTableBuilder.PRESENT);

        assertThat(ask(LINEAR, 0, Access.WRITE).errorCode()).isEqualTo(WalkResult.PRIVILEGE_VIOLATION);
        assertThat(ask(LINEAR ^ (1 << 21), 0, 0).errorCode()).isEqualTo(WalkResult.NOT_PRESENT);
        assertThat(ask(5L << 60, 0, 0).errorCode()).isEqualTo(WalkResult.INVALID_GVA);
        assertThat(requests.translate(LINEAR, SetBits.DIRTY, 0)).isEqualTo(new Invalid());
    }

    /** SMAP holds unless RFLAGS.AC is set: both are registers of the vCPU. */
    @Test
    void theVcpusRegistersDecide() {
        tables.map(LINEAR, 0x9000, 1, 7);
        SystemRegisters registers = vcpu.systemRegisters();
        vcpu.setSystemRegisters(
                registers.withPaging(registers.cr0(), registers.cr3(), registers.cr4() | 1 << 21, registers.efer()));

        assertThat(ask(LINEAR, 0, 0).valid()).isFalse();
        vcpu.setRegisters(Registers.initial().with(Register.RFLAGS, (1 << 18) | 2));
        assertThat(ask(LINEAR, 0, 0).valid()).isTrue();
    }

    /** The kernel's own walk for a read by the supervisor, over random tables. */
    @Test
    void itAgreesWithKvmTranslate() {
        long seed = System.nanoTime();
        System.out.println("Translate2RequestsTest seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        MemorySegment segment = memory.segment();
        for (long at = ROOT; at < 0x1_1000; at += Long.BYTES) {
            long entry =
                    (1 + random.nextLong(16)) << 12 | 0x20 | random.nextLong(32) | (random.nextInt(8) == 0 ? 0 : 1);
            segment.set(ValueLayout.JAVA_LONG, at, random.nextInt(40) == 0 ? entry | 1L << random.nextInt(63) : entry);
        }
        int valid = 0;
        for (int i = 0; i < QUESTIONS; i++) {
            long linear = (random.nextLong() << 16) >> 16;
            Answer ours = ask(linear, 0, 0);
            Answer kernels = kvmTranslate(linear);
            assertThat(ours.valid())
                    .as("seed " + seed + ", 0x" + Long.toHexString(linear))
                    .isEqualTo(kernels.valid());
            if (ours.valid()) {
                assertThat(ours.address()).isEqualTo(kernels.address());
                valid++;
            }
        }
        assertThat(valid).isPositive();
    }

    private Answer kvmTranslate(long linear) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment struct = arena.allocate(TranslationLayout.STRUCT.size(), Long.BYTES);
            struct.set(ValueLayout.JAVA_LONG, TranslationLayout.LINEAR_ADDRESS, linear);
            assertThat(vcpu.file().ioctl(KvmIoctl.TRANSLATE.code(), struct)).isZero();
            boolean valid = struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.VALID) != 0;
            long address = struct.get(ValueLayout.JAVA_LONG, TranslationLayout.PHYSICAL_ADDRESS);
            return new Answer(valid, address, 0, false, true, true, true);
        }
    }
}
