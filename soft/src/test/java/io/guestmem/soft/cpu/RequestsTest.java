package io.guestmem.soft.cpu;

import static io.guestmem.abi.ErrorNumber.E2BIG;
import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.EINTR;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.EnableCapLayout;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MpStateLayout;
import io.guestmem.abi.MsrsLayout;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.SignalMaskLayout;
import io.guestmem.paging.CheckOrder;
import io.guestmem.soft.SoftKernelOptions;
import io.guestmem.soft.vm.VirtualCpu;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The other requests of a vCPU: registers, MSRs, CPUID, MP state, signal mask. */
class RequestsTest {
    private static final int EFER = 0xC000_0080;
    private static final int TSC = 0x10;
    private static final int APIC_BASE = 0x1B;
    private static final int LSTAR = 0xC000_0082;
    private static final int UNKNOWN = 0x1234_5678;

    private final TestMachine machine = new TestMachine(1 << 20);

    @AfterEach
    void close() {
        machine.close();
    }

    @ParameterizedTest
    @EnumSource(
            value = KvmIoctl.class,
            names = {
                "GET_REGS",
                "SET_REGS",
                "GET_MSRS",
                "SET_MSRS",
                "SET_CPUID2",
                "GET_MP_STATE",
                "SET_MP_STATE",
                "SET_SIGNAL_MASK",
                "ENABLE_CAP",
                "TRANSLATE",
                "TRANSLATE2"
            })
    void aStructThatCannotBeReadOrWrittenIsAFault(KvmIoctl request) {
        assertThat(machine.requestNowhere(request)).isEqualTo(-EFAULT.number());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 0xAE80, 0x7FFF_FFFF, 0xC018AE87})
    void anotherRequestIsUnknown(int code) {
        assertThat(machine.requestCode(code)).isEqualTo(VirtualCpu.UNKNOWN_REQUEST);
    }

    @Test
    void registersAreReadBackWithTheBitThatIsAlwaysSet() {
        Registers wanted = new Registers();
        for (int i = 0; i < Registers.COUNT; i++) {
            wanted.general[i] = 0x1111_1111_1111_1111L * i;
        }
        wanted.rip = -3;
        wanted.rflags = 0;

        machine.setRegisters(wanted);

        Registers found = machine.registers();
        assertThat(found.general).isEqualTo(wanted.general);
        assertThat(found.rip).isEqualTo(-3);
        assertThat(found.rflags).isEqualTo(2);
    }

    private MemorySegment msrs(long... indexesAndValues) {
        int count = indexesAndValues.length / 2;
        MemorySegment msrs = machine.allocate(MsrsLayout.ENTRIES + 16L * count);
        msrs.set(ValueLayout.JAVA_INT, MsrsLayout.NMSRS, count);
        for (int i = 0; i < count; i++) {
            long at = MsrsLayout.ENTRIES + 16L * i;
            msrs.set(ValueLayout.JAVA_INT, at + MsrsLayout.ENTRY_INDEX, (int) indexesAndValues[2 * i]);
            msrs.set(ValueLayout.JAVA_LONG, at + MsrsLayout.ENTRY_DATA, indexesAndValues[2 * i + 1]);
        }
        return msrs;
    }

    private static long data(MemorySegment msrs, int index) {
        return msrs.get(ValueLayout.JAVA_LONG, MsrsLayout.ENTRIES + 16L * index + MsrsLayout.ENTRY_DATA);
    }

    @Test
    void msrsAreDoneUpToTheFirstThatCannotBe() {
        assertThat(machine.request(KvmIoctl.SET_MSRS, msrs(LSTAR, 7, UNKNOWN, 8, EFER, 1)))
                .isEqualTo(1);
        MemorySegment read = msrs(LSTAR, 0, EFER, 99, UNKNOWN, 55, LSTAR, 66);

        assertThat(machine.request(KvmIoctl.GET_MSRS, read)).isEqualTo(2);

        assertThat(data(read, 0)).isEqualTo(7);
        assertThat(data(read, 1)).isZero();
        assertThat(data(read, 2)).isEqualTo(55);
        assertThat(data(read, 3)).isEqualTo(66);
    }

    @Test
    void msrValuesThatAreNotAllowedEndTheList() {
        assertThat(machine.request(KvmIoctl.SET_MSRS, msrs(EFER, 2))).isZero();
        assertThat(machine.request(KvmIoctl.SET_MSRS, msrs(APIC_BASE, 0xFEE0_0B00L)))
                .isZero();
        assertThat(machine.request(KvmIoctl.SET_MSRS, msrs(EFER, 0x901, APIC_BASE, 0xFEE0_0000L)))
                .isEqualTo(2);
        assertThat(machine.system().efer).isEqualTo(0x901);
        assertThat(machine.system().apicBase).isEqualTo(0xFEE0_0000L);
    }

    @Test
    void longModeActiveIsNotForMsrsToChange() {
        Structs.enterLongMode(machine, 0x1000, 1, 0);

        assertThat(machine.request(KvmIoctl.SET_MSRS, msrs(EFER, 0x101))).isEqualTo(1);

        assertThat(machine.system().efer).isEqualTo(0x501);
    }

    @Test
    void theTimeStampCounterGoesOnFromWhatWasWritten() {
        assertThat(machine.request(KvmIoctl.SET_MSRS, msrs(TSC, 1000))).isEqualTo(1);
        MemorySegment read = msrs(TSC, 0);

        assertThat(machine.request(KvmIoctl.GET_MSRS, read)).isEqualTo(1);
        assertThat(data(read, 0)).isEqualTo(1000);
    }

    @Test
    void tooManyMsrsAreTooBig() {
        MemorySegment header = machine.allocate(8);
        header.set(ValueLayout.JAVA_INT, 0, 256);
        assertThat(machine.request(KvmIoctl.GET_MSRS, header)).isEqualTo(-E2BIG.number());
        header.set(ValueLayout.JAVA_INT, 0, -1);
        assertThat(machine.request(KvmIoctl.SET_MSRS, header)).isEqualTo(-E2BIG.number());
        header.set(ValueLayout.JAVA_INT, 0, 255);
        assertThat(machine.request(KvmIoctl.SET_MSRS, header)).isEqualTo(-EFAULT.number());
    }

    @ParameterizedTest
    @CsvSource({"0x2e, 0", "0x3030, 0", "0x3930, 0", "0x3130, -22", "0x4030, -22", "0xff30, -22"})
    void linearAddressesHave48Or57Bits(String eax, long expected) {
        Cpuid cpuid = new Cpuid(List.of(
                Cpuid.Entry.leaf(0x8000_0000, 0x8000_0008, 0, 0, 0),
                Cpuid.Entry.leaf(0x8000_0008, Integer.decode(eax), 0, 0, 0)));

        assertThat(machine.request(KvmIoctl.SET_CPUID2, Structs.cpuid(Arena.ofAuto(), cpuid)))
                .isEqualTo(expected);
    }

    @Test
    void cpuidCannotChangeOnceTheVcpuHasRun() {
        CpuOptions options = CpuOptions.defaults();
        Cpuid same = SupportedCpuid.of(options, 46);
        assertThat(machine.run(1)).isZero();

        assertThat(machine.request(KvmIoctl.SET_CPUID2, Structs.cpuid(Arena.ofAuto(), same)))
                .isZero();
        assertThat(machine.request(KvmIoctl.SET_CPUID2, Structs.cpuid(Arena.ofAuto(), Cpuid.NONE)))
                .isEqualTo(-EINVAL.number());
    }

    @Test
    void aRunThatNeverEnteredTheGuestLeavesCpuidFree() {
        machine.signal(true);
        assertThat(machine.run(1)).isEqualTo(-EINTR.number());
        machine.signal(false);
        machine.run().set(ValueLayout.JAVA_BYTE, RunLayout.IMMEDIATE_EXIT, (byte) 1);
        assertThat(machine.run(1)).isEqualTo(-EINTR.number());

        assertThat(machine.request(KvmIoctl.SET_CPUID2, Structs.cpuid(Arena.ofAuto(), Cpuid.NONE)))
                .isZero();
    }

    @Test
    void moreThan256CpuidEntriesAreTooBig() {
        MemorySegment header = machine.allocate(8);
        header.set(ValueLayout.JAVA_INT, CpuidLayout.NENT, 257);

        assertThat(machine.request(KvmIoctl.SET_CPUID2, header)).isEqualTo(-E2BIG.number());
    }

    @Test
    void theSupportedCpuidSaysWhatTheHostIs() {
        Cpuid amd = SupportedCpuid.of(CpuOptions.defaults(), 46);
        Cpuid intel = SupportedCpuid.of(
                new CpuOptions(Vendor.INTEL, false, CpuOptions.Translate2Rules.DOCUMENTED, CheckOrder.PER_LEVEL), 39);

        assertThat(amd.physicalAddressBits()).isEqualTo(46);
        assertThat(amd.isAmdCompatible()).isTrue();
        assertThat(intel.physicalAddressBits()).isEqualTo(39);
        assertThat(intel.isAmdCompatible()).isFalse();
        for (Cpuid.Feature feature : new Cpuid.Feature[] {
            Cpuid.Feature.LONG_MODE,
            Cpuid.Feature.NO_EXECUTE,
            Cpuid.Feature.SMEP,
            Cpuid.Feature.SMAP,
            Cpuid.Feature.PKU,
            Cpuid.Feature.LA57
        }) {
            assertThat(amd.has(feature)).as(feature.name()).isTrue();
        }
        assertThat(amd.has(Cpuid.Feature.XSAVE)).isFalse();
    }

    @ParameterizedTest
    @CsvSource({"7, -7", "8, 0", "100, 0"})
    void theSupportedCpuidNeedsRoom(int room, long expected) {
        MemorySegment struct = machine.allocate(CpuidLayout.ENTRIES + 40L * 100);
        struct.set(ValueLayout.JAVA_INT, CpuidLayout.NENT, room);

        long result = machine.supportedCpuid(struct, SoftKernelOptions.defaults());

        assertThat(result).isEqualTo(expected);
        assertThat(struct.get(ValueLayout.JAVA_INT, CpuidLayout.NENT)).isEqualTo(expected == 0 ? 8 : room);
    }

    @Test
    void aVcpuIsRunnableAndNothingElse() {
        MemorySegment state = machine.struct(MpStateLayout.STRUCT);
        state.set(ValueLayout.JAVA_INT, 0, 77);
        assertThat(machine.request(KvmIoctl.GET_MP_STATE, state)).isZero();
        assertThat(state.get(ValueLayout.JAVA_INT, 0)).isEqualTo(MpStateLayout.RUNNABLE);
        assertThat(machine.request(KvmIoctl.SET_MP_STATE, state)).isZero();
        for (int other : new int[] {1, 2, 3, 4, 9, 100}) {
            state.set(ValueLayout.JAVA_INT, 0, other);
            assertThat(machine.request(KvmIoctl.SET_MP_STATE, state)).isEqualTo(-EINVAL.number());
        }
    }

    @Test
    void theSignalMaskHoldsWhileTheVcpuRuns() {
        MemorySegment mask = machine.allocate(12);
        mask.set(ValueLayout.JAVA_INT, SignalMaskLayout.LEN, 8);
        mask.set(ValueLayout.JAVA_LONG_UNALIGNED, SignalMaskLayout.SIGSET, -1);
        machine.signal(true);

        machine.run(1);
        assertThat(machine.signalMaskSeen()).as("the thread's own").isEqualTo(0x1234);

        assertThat(machine.request(KvmIoctl.SET_SIGNAL_MASK, mask)).isZero();
        machine.run(1);
        assertThat(machine.signalMaskSeen()).as("all but KILL and STOP").isEqualTo(~(1L << 8 | 1L << 18));

        assertThat(machine.requestNull(KvmIoctl.SET_SIGNAL_MASK)).isZero();
        machine.run(1);
        assertThat(machine.signalMaskSeen()).as("taken away").isEqualTo(0x1234);
    }

    @Test
    void aSignalMaskHasEightBytes() {
        MemorySegment mask = machine.allocate(12);
        mask.set(ValueLayout.JAVA_INT, SignalMaskLayout.LEN, 4);
        assertThat(machine.request(KvmIoctl.SET_SIGNAL_MASK, mask)).isEqualTo(-EINVAL.number());
        mask.set(ValueLayout.JAVA_INT, SignalMaskLayout.LEN, 8);
        assertThat(machine.request(KvmIoctl.SET_SIGNAL_MASK, mask.asSlice(0, 8)))
                .isEqualTo(-EFAULT.number());
    }

    @ParameterizedTest
    @CsvSource({"190, 0, 0", "190, 1, -22", "123, 0, -22"})
    void oneCapabilityCanBeEnabled(int capability, int flags, long expected) {
        MemorySegment enable = machine.struct(EnableCapLayout.STRUCT);
        enable.set(ValueLayout.JAVA_INT, EnableCapLayout.CAP, capability);
        enable.set(ValueLayout.JAVA_INT, EnableCapLayout.FLAGS, flags);

        assertThat(machine.request(KvmIoctl.ENABLE_CAP, enable)).isEqualTo(expected);
    }
}
