package io.guestmem.soft.cpu;

import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.Sregs2Layout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.paging.PdpteRegisters;
import io.guestmem.soft.KernelVersion;
import io.guestmem.soft.SoftKernelOptions;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which control registers a vCPU takes: kernel.md 1.12, SREG-01 and SREG-02 of its section 7.9. */
class SregsTest {
    private static final long ROOT = 0x1000;
    private static final long PAE_MODE_CR0 = Structs.PG_PE_ET_NE_WP;

    private final TestMachine machine = new TestMachine(1 << 20);

    @AfterEach
    void close() {
        machine.close();
    }

    private long set(Consumer<SystemRegisters> change) {
        return set(machine, change);
    }

    private static long set(TestMachine on, Consumer<SystemRegisters> change) {
        SystemRegisters system = Structs.longMode(on.system(), ROOT, 0);
        change.accept(system);
        return on.setSystem(system);
    }

    @Test
    void afterResetAVcpuIsInRealModeSixteenBytesBelowFourGibibytes() {
        SystemRegisters system = machine.system();

        assertThat(system.cr0).isEqualTo(0x6000_0010L);
        assertThat(system.cr4).isZero();
        assertThat(system.efer).isZero();
        assertThat(system.apicBase).isEqualTo(0xFEE0_0900L);
        assertThat(system.segments[SegmentRegister.CS]).isEqualTo(SegmentRegister.resetCode());
        assertThat(machine.registers().rip).isEqualTo(0xFFF0);
        assertThat(machine.registers().rflags).isEqualTo(2);
    }

    @Test
    void whatIsSetCanBeReadBack() {
        SystemRegisters wanted = Structs.longMode(machine.system(), ROOT, 3);
        wanted.gdtBase = 0x1234;
        wanted.gdtLimit = 0xFFFF;
        wanted.idtBase = 0xFFFF_8000_0000_0000L;
        wanted.idtLimit = 0x7F;
        wanted.cr2 = -1;
        wanted.cr8 = 5;

        assertThat(machine.setSystem(wanted)).isZero();

        SystemRegisters found = machine.system();
        assertThat(found).usingRecursiveComparison().isEqualTo(wanted);
    }

    @Test
    void longModeIsAccepted() {
        assertThat(set(_ -> {})).isZero();
    }

    /** SREG-01; hexadecimal bits are turned round in what 64-bit mode has. */
    @ParameterizedTest
    @CsvSource({
        // what, register, bits
        "PG without PE, cr0, 1",
        "NW without CD, cr0, 20000000",
        "the upper half of CR0, cr0, 100000000",
        "long mode without PAE, cr4, 20",
        "LME and PG without LMA, efer, 400",
        "LMA without LME, efer, 100",
        "CR4 reserved, cr4, 8000",
        "CR4 upper half, cr4, 100000000",
        "VMXE without VMX, cr4, 2000",
        "OSXSAVE without XSAVE, cr4, 40000",
        "PCIDE without PCID, cr4, 20000",
        "FSGSBASE without it, cr4, 10000",
        "CR3 above MAXPHYADDR, cr3, 400000000000",
        "LAM in CR3 without LAM, cr3, 4000000000000000",
        "EFER reserved, efer, 2",
        "SVME without SVM, efer, 1000",
        "FFXSR without it, efer, 4000",
        "APIC base reserved, apic, 200",
        "APIC base above MAXPHYADDR, apic, 400000000000",
        "x2APIC without the APIC, apic, c00",
    })
    void contradictionsAreRefusedAndChangeNothing(String what, String register, String bits) {
        long changed = Long.parseUnsignedLong(bits, 16);
        SystemRegisters before = machine.system();

        long result = set(system -> {
            switch (register) {
                case "cr0" -> system.cr0 ^= changed;
                case "cr3" -> system.cr3 ^= changed;
                case "cr4" -> system.cr4 ^= changed;
                case "efer" -> system.efer ^= changed;
                default -> system.apicBase ^= changed;
            }
        });

        assertThat(result).as(what).isEqualTo(-EINVAL.number());
        assertThat(machine.system()).usingRecursiveComparison().isEqualTo(before);
    }

    @Test
    void a64BitCodeSegmentNeedsLongMode() {
        SystemRegisters system = Structs.protectedMode(machine.system(), 0);
        system.segments[SegmentRegister.CS] = Structs.code(64, 0);

        assertThat(machine.setSystem(system)).isEqualTo(-EINVAL.number());
    }

    @ParameterizedTest
    @ValueSource(longs = {1 << 20, 1 << 21, 1 << 22, 1 << 11, 1 << 12, 1 << 7})
    void whatCpuidHasIsAccepted(long cr4) {
        assertThat(set(system -> system.cr4 |= cr4)).isZero();
    }

    @Test
    void withoutCpuidThereAre36AddressBitsAndNoLongMode() {
        machine.request(KvmIoctl.SET_CPUID2, machine.allocate(8));

        assertThat(machine.processor.physicalAddressBits()).isEqualTo(36);
        assertThat(set(_ -> {})).isEqualTo(-EINVAL.number());
        assertThat(machine.setSystem(Structs.protectedMode(machine.system(), 0)))
                .isZero();
    }

    /** SREG-02. */
    @ParameterizedTest
    @CsvSource({"V7_2, false", "V6_18, true", "V6_12, true"})
    void olderKernelsTakeAnyEfer(KernelVersion version, boolean accepted) {
        SoftKernelOptions options =
                SoftKernelOptions.defaults().with().kernelVersion(version).build();
        try (TestMachine older = new TestMachine(1 << 20, CpuOptions.defaults(), options)) {
            assertThat(set(older, system -> system.efer |= 2)).isEqualTo(accepted ? 0 : -EINVAL.number());
        }
    }

    @Test
    void aStructThatCannotBeReadOrWrittenIsAFault() {
        for (KvmIoctl request :
                new KvmIoctl[] {KvmIoctl.GET_SREGS, KvmIoctl.SET_SREGS, KvmIoctl.GET_SREGS2, KvmIoctl.SET_SREGS2}) {
            assertThat(machine.requestNowhere(request)).as(request.name()).isEqualTo(-EFAULT.number());
        }
    }

    private static void paeMode(SystemRegisters system) {
        Structs.protectedMode(system, 0);
        system.cr0 = PAE_MODE_CR0;
        system.cr3 = ROOT;
        system.cr4 = ControlBits.CR4_PAE;
        system.efer = 0;
    }

    private MemorySegment sregs2() {
        MemorySegment sregs2 = machine.struct(Sregs2Layout.STRUCT);
        assertThat(machine.request(KvmIoctl.GET_SREGS2, sregs2)).isZero();
        return sregs2;
    }

    private PdpteRegisters pdptes() {
        MemorySegment sregs2 = sregs2();
        return new PdpteRegisters(
                sregs2.get(ValueLayout.JAVA_LONG, Sregs2Layout.PDPTRS),
                sregs2.get(ValueLayout.JAVA_LONG, Sregs2Layout.PDPTRS + 8),
                sregs2.get(ValueLayout.JAVA_LONG, Sregs2Layout.PDPTRS + 16),
                sregs2.get(ValueLayout.JAVA_LONG, Sregs2Layout.PDPTRS + 24));
    }

    @Test
    void inPaePagingTheFourRegistersAreReadFromMemory() {
        machine.poke(ROOT, 0x2001);
        machine.poke(ROOT + 24, 0x3001);

        assertThat(set(SregsTest::paeMode)).isZero();

        assertThat(sregs2().get(ValueLayout.JAVA_LONG, Sregs2Layout.FLAGS)).isEqualTo(1);
        assertThat(pdptes()).isEqualTo(new PdpteRegisters(0x2001, 0, 0, 0x3001));
    }

    @Test
    void aLoadWithReservedBitsIsNotReportedAndKeepsTheOldRegisters() {
        machine.poke(ROOT, 0x2001);
        assertThat(set(SregsTest::paeMode)).isZero();
        machine.poke(ROOT, 0x4007);

        assertThat(set(SregsTest::paeMode)).isZero();

        assertThat(pdptes()).isEqualTo(new PdpteRegisters(0x2001, 0, 0, 0));
    }

    @Test
    void sregs2CanBringTheRegisters() {
        machine.poke(ROOT, 0x2001);
        assertThat(set(SregsTest::paeMode)).isZero();
        MemorySegment sregs2 = sregs2();
        sregs2.set(ValueLayout.JAVA_LONG, Sregs2Layout.PDPTRS + 8, 0x7001);

        assertThat(machine.request(KvmIoctl.SET_SREGS2, sregs2)).isZero();
        assertThat(pdptes()).isEqualTo(new PdpteRegisters(0x2001, 0x7001, 0, 0));

        sregs2.set(ValueLayout.JAVA_LONG, Sregs2Layout.FLAGS, 0);
        assertThat(machine.request(KvmIoctl.SET_SREGS2, sregs2)).isZero();
        assertThat(pdptes()).as("read from memory").isEqualTo(new PdpteRegisters(0x2001, 0, 0, 0));
    }

    @ParameterizedTest
    @CsvSource({"1", "2", "3"})
    void sregs2TakesNoRegistersOutsidePaePagingAndNoOtherFlag(long flags) {
        assertThat(set(_ -> {})).isZero();
        MemorySegment sregs2 = sregs2();
        assertThat(sregs2.get(ValueLayout.JAVA_LONG, Sregs2Layout.FLAGS)).isZero();
        sregs2.set(ValueLayout.JAVA_LONG, Sregs2Layout.FLAGS, flags);

        assertThat(machine.request(KvmIoctl.SET_SREGS2, sregs2)).isEqualTo(-EINVAL.number());
    }

    @Test
    void aPendingInterruptIsReadBack() {
        MemorySegment sregs = machine.struct(SregsLayout.STRUCT);
        machine.request(KvmIoctl.GET_SREGS, sregs);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.INTERRUPT_BITMAP + 8, 1L << 5);

        assertThat(machine.request(KvmIoctl.SET_SREGS, sregs)).isZero();

        machine.request(KvmIoctl.GET_SREGS, sregs);
        assertThat(sregs.get(ValueLayout.JAVA_LONG, SregsLayout.INTERRUPT_BITMAP + 8))
                .isEqualTo(1L << 5);
    }

    @Test
    void aReservedBitInCr8IsIgnored() {
        assertThat(set(system -> system.cr8 = 7)).isZero();
        assertThat(set(system -> system.cr8 = 0x17)).isZero();

        assertThat(machine.system().cr8).isEqualTo(7);
    }
}
