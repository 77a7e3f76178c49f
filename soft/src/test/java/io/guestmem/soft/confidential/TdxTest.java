package io.guestmem.soft.confidential;

import static io.guestmem.soft.confidential.LaunchHost.PAGE;
import static io.guestmem.soft.confidential.LaunchHost.U32;
import static io.guestmem.soft.confidential.LaunchHost.U64;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MemoryMappingV1Layout;
import io.guestmem.abi.RegsLayout;
import io.guestmem.abi.TdxCapabilitiesLayout;
import io.guestmem.abi.TdxCommandLayout;
import io.guestmem.abi.TdxInitMemRegionLayout;
import io.guestmem.abi.TdxInitVmLayout;
import io.guestmem.abi.VmType;
import io.guestmem.measure.LaunchStep.TdxPages;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.TdxLaunch;
import io.guestmem.measure.launch.TdxSettings;
import io.guestmem.soft.LaunchSnapshot.Page;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

/** TDX: the errnos and the progress of kernel.md 5.5 and measure.md 3.2, states of pages, the digest. */
class TdxTest {
    private static final long GPA = 0x800000;
    private static final int PAGES = 4;
    private static final long SHARED = 1L << 47;

    private final LaunchHost host = new LaunchHost(EnumSet.of(VmType.DEFAULT, VmType.TDX), VmType.TDX);

    private long command(KvmFile file, int id, int flags, long data) {
        return command(file, id, flags, data, 0);
    }

    private long command(KvmFile file, int id, int flags, long data, long error) {
        MemorySegment command = LaunchHost.struct(TdxCommandLayout.STRUCT);
        command.set(U32, TdxCommandLayout.ID, id);
        command.set(U32, TdxCommandLayout.FLAGS, flags);
        command.set(U64, TdxCommandLayout.DATA, data);
        command.set(U64, TdxCommandLayout.HW_ERROR, error);
        return file.ioctl(KvmIoctl.MEMORY_ENCRYPT_OP.code(), command);
    }

    private MemorySegment settings() {
        MemorySegment init = LaunchHost.struct(TdxInitVmLayout.STRUCT.size() + CpuidLayout.ENTRY.size());
        init.set(U64, TdxInitVmLayout.XFAM, 3);
        init.set(U32, TdxInitVmLayout.CPUID + CpuidLayout.NENT, 1);
        init.set(U32, TdxInitVmLayout.STRUCT.size() + CpuidLayout.ENTRY_FUNCTION, 0x8000_0008);
        init.set(U32, TdxInitVmLayout.STRUCT.size() + CpuidLayout.ENTRY_EAX, 48 << 16);
        return init;
    }

    private long initVm(MemorySegment init) {
        return command(host.vm, TdxCommandLayout.INIT_VM, 0, host.put(62 * PAGE, init));
    }

    private long initVcpu(int vcpu) {
        return command(host.vcpus.get(vcpu), TdxCommandLayout.INIT_VCPU, 0, 0);
    }

    private long finish() {
        return command(host.vm, TdxCommandLayout.FINALIZE_VM, 0, 0);
    }

    /** How a population ended, and what it left. */
    private record Added(long result, long source, long gpa, long pages) {}

    private Added add(long source, long gpa, long pages, int flags) {
        MemorySegment region = LaunchHost.struct(TdxInitMemRegionLayout.STRUCT);
        region.set(U64, TdxInitMemRegionLayout.SOURCE_ADDR, source);
        region.set(U64, TdxInitMemRegionLayout.GPA, gpa);
        region.set(U64, TdxInitMemRegionLayout.NR_PAGES, pages);
        long pointer = host.put(63 * PAGE, region);
        long result = command(host.vcpus.getFirst(), TdxCommandLayout.INIT_MEM_REGION, flags, pointer);
        assertThat(host.user.load(63 * PAGE, region)).isZero();
        return new Added(
                result,
                region.get(U64, TdxInitMemRegionLayout.SOURCE_ADDR),
                region.get(U64, TdxInitMemRegionLayout.GPA),
                region.get(U64, TdxInitMemRegionLayout.NR_PAGES));
    }

    private long source(int pages) {
        byte[] bytes = new byte[pages * PAGE];
        Arrays.fill(bytes, (byte) 7);
        return host.put(0, MemorySegment.ofArray(bytes));
    }

    private KvmFile launching() {
        assertThat(initVm(settings())).isZero();
        host.vcpu();
        assertThat(initVcpu(0)).isZero();
        return host.privateSlot(GPA, PAGES * PAGE);
    }

    @Test
    void tdx01TheStatusMustBeZeroOnEntry() {
        try (host) {
            assertThat(command(host.vm, TdxCommandLayout.FINALIZE_VM, 0, 0, 1)).isEqualTo(Failure.EINVAL);
            assertThat(host.vm.ioctl(KvmIoctl.MEMORY_ENCRYPT_OP.code(), 0))
                    .as("no probe")
                    .isEqualTo(Failure.EFAULT);
            assertThat(command(host.vm, TdxCommandLayout.INIT_VCPU, 0, 0))
                    .as("a vCPU's command")
                    .isEqualTo(Failure.EINVAL);
        }
    }

    @Test
    void capabilitiesSayWhatInitVmAccepts() {
        try (host) {
            MemorySegment all = LaunchHost.struct(TdxCapabilitiesLayout.STRUCT.size() + 64L * CpuidLayout.ENTRY.size());
            long pointer = host.put(0, all);
            assertThat(command(host.vm, TdxCommandLayout.CAPABILITIES, 0, pointer))
                    .as("no room")
                    .isEqualTo(Failure.E2BIG);
            all.set(U32, TdxCapabilitiesLayout.CPUID + CpuidLayout.NENT, 64);
            host.put(0, all);
            assertThat(command(host.vm, TdxCommandLayout.CAPABILITIES, 0, pointer))
                    .isZero();
            assertThat(host.user.load(0, all)).isZero();
            assertThat(all.get(U64, TdxCapabilitiesLayout.SUPPORTED_ATTRS)).isEqualTo(1 << 28);
            assertThat(all.get(U32, TdxCapabilitiesLayout.CPUID + CpuidLayout.NENT))
                    .isPositive();
        }
    }

    @Test
    void initVmChecksItsSettings() {
        try (host) {
            MemorySegment init = settings();
            init.set(U64, TdxInitVmLayout.ATTRIBUTES, 1);
            assertThat(initVm(init)).as("attributes").isEqualTo(Failure.EINVAL);
            init = settings();
            init.set(U64, TdxInitVmLayout.RESERVED, 1);
            assertThat(initVm(init)).as("reserved").isEqualTo(Failure.EINVAL);
            init = settings();
            init.set(U32, TdxInitVmLayout.CPUID + CpuidLayout.NENT, 257);
            assertThat(initVm(init)).as("257 entries").isEqualTo(Failure.E2BIG);
            init = settings();
            init.set(U32, TdxInitVmLayout.STRUCT.size() + CpuidLayout.ENTRY_EAX, 46 << 16);
            assertThat(initVm(init)).as("46 bits").isEqualTo(Failure.EINVAL);
            init = settings();
            init.set(U64, TdxInitVmLayout.XFAM, 1);
            assertThat(initVm(init)).as("the module wants SSE").isEqualTo(Failure.EIO);
            assertThat(host.vm.ioctl(KvmIoctl.CREATE_VCPU.code(), 0))
                    .as("no vCPU yet")
                    .isEqualTo(Failure.EIO);
            assertThat(initVm(settings())).isZero();
            assertThat(initVm(settings())).as("twice").isEqualTo(Failure.EINVAL);
        }
    }

    @Test
    void tdx02And03RangesAndSources() {
        try (host) {
            launching();
            long source = source(1);
            assertThat(add(source, GPA, 1, 2).result()).as("flags").isEqualTo(Failure.EINVAL);
            assertThat(add(source, GPA, 0, 1).result()).as("no pages").isEqualTo(Failure.EINVAL);
            assertThat(add(source + 8, GPA, 1, 1).result()).as("source").isEqualTo(Failure.EINVAL);
            assertThat(add(source, GPA + 8, 1, 1).result()).as("gpa").isEqualTo(Failure.EINVAL);
            assertThat(add(source, GPA | SHARED, 1, 1).result()).as("shared").isEqualTo(Failure.EINVAL);
            assertThat(add(source, SHARED - PAGE, 2, 1).result())
                    .as("reaches it")
                    .isEqualTo(Failure.EINVAL);
            assertThat(add(source, GPA + PAGES * PAGE, 1, 1).result())
                    .as("no slot")
                    .isEqualTo(Failure.EINVAL);
            assertThat(add(0, GPA, 1, 1)).as("no source").isEqualTo(new Added(Failure.EOPNOTSUPP, 0, GPA, 1));
            assertThat(add(8 * PAGE, GPA, 1, 1).result()).as("unmapped source").isEqualTo(Failure.EFAULT);
            assertThat(host.launch().steps()).isZero();
        }
    }

    @Test
    void tdx04And05AnErrorComesWithTheProgress() {
        try (host) {
            launching();
            long source = source(PAGES);
            assertThat(host.attributes(GPA + 2 * PAGE, PAGE, 0)).isZero();
            assertThat(add(source, GPA, PAGES, 1))
                    .as("the third page is shared")
                    .isEqualTo(new Added(Failure.EINVAL, source + 2 * PAGE, GPA + 2 * PAGE, 2));
            assertThat(add(source, GPA, 1, 1)).as("twice").isEqualTo(new Added(Failure.EIO, source, GPA, 1));
        }
    }

    @Test
    void tdx06And07FinalizeEndsPopulation() {
        try (host) {
            KvmFile memfd = launching();
            KvmFile vcpu = host.vcpus.getFirst();
            assertThat(initVcpu(0)).as("twice").isEqualTo(Failure.EINVAL);
            assertThat(vcpu.ioctl(KvmIoctl.GET_REGS.code(), LaunchHost.struct(RegsLayout.STRUCT)))
                    .isEqualTo(Failure.EINVAL);
            String empty = host.launch().digest();
            add(source(1), GPA, 1, 0);
            String added = host.launch().digest();
            add(source(1), GPA + PAGE, 1, 1);
            assertThat(host.launch().digest()).isNotEqualTo(added).isNotEqualTo(empty);
            assertThat(vcpu.ioctl(KvmIoctl.RUN.code(), 0)).as("too early").isEqualTo(Failure.EINVAL);
            assertThat(host.preFault(0, GPA, PAGE)).as("PF-39").isEqualTo(Failure.EOPNOTSUPP);
            assertThat(finish()).isZero();
            assertThat(finish()).as("twice").isEqualTo(Failure.EINVAL);
            assertThat(add(source(1), GPA + 2 * PAGE, 1, 1).result()).isEqualTo(Failure.EINVAL);
            assertThat(host.preFault(0, GPA | SHARED, PAGE)).as("PF-40").isEqualTo(Failure.EINVAL);
            assertThat(host.preFault(0, GPA, 3 * PAGE)).isZero();
            assertThat(host.launch().pages())
                    .containsExactly(
                            new Page(GPA, "MAPPED"),
                            new Page(GPA + PAGE, "MAPPED"),
                            new Page(GPA + 2 * PAGE, "PENDING"));
            assertThat(memfd.allocate(3, 0, PAGE)).isZero();
            assertThat(host.launch().pages()).extracting(Page::gpa).doesNotContain(GPA);
        }
    }

    @Test
    void mmu20ChangesOfTheProcessesMemoryLeaveThePrivateTreeAlone() {
        try (host) {
            launching();
            add(source(1), GPA, 1, 1);
            finish();
            assertThat(host.preFault(0, GPA, PAGE)).isZero();
            assertThat(host.user.advise(HostAdvice.DONT_NEED, 0, 4L * PAGE)).isZero();
            assertThat(host.launch().pages()).containsExactly(new Page(GPA, "MAPPED"));
        }
    }

    @Test
    void finalizeNeedsAVcpu() {
        try (host) {
            assertThat(finish()).as("not initialised").isEqualTo(Failure.EINVAL);
            initVm(settings());
            assertThat(finish()).isEqualTo(Failure.EIO);
        }
    }

    @Test
    void theGuestSeesPlaintextAndAcceptsZeroes() {
        try (host) {
            launching();
            add(source(1), GPA, 1, 1);
            finish();
            assertThat(host.atRest(GPA)).isNotEqualTo(host.get(0, PAGE));
            long[] seen = new long[2];
            host.kernel.runs(host.vcpus.getFirst(), guest -> {
                seen[0] = guest.read(GPA, Long.BYTES);
                seen[1] = guest.read(GPA + PAGE, Long.BYTES);
                guest.halt();
            });
            assertThat(host.vcpus.getFirst().ioctl(KvmIoctl.RUN.code(), 0)).isZero();
            assertThat(seen).containsExactly(0x0707070707070707L, 0);
            assertThat(host.launch().pages()).containsExactly(new Page(GPA, "MAPPED"), new Page(GPA + PAGE, "MAPPED"));
            assertThat(host.attributes(GPA, PAGE, 0)).isZero();
            assertThat(host.attributes(GPA, PAGE, 8)).isZero();
            host.vcpus.getFirst().ioctl(KvmIoctl.RUN.code(), 0);
            assertThat(seen).as("conversion loses what was there").containsExactly(0, 0);
        }
    }

    private long extend(long gfn, long pages, long source, int flags) {
        MemorySegment range = LaunchHost.struct(MemoryMappingV1Layout.STRUCT);
        range.set(U64, MemoryMappingV1Layout.BASE_GFN, gfn);
        range.set(U64, MemoryMappingV1Layout.NR_PAGES, pages);
        range.set(U64, MemoryMappingV1Layout.SOURCE, source);
        return command(host.vm, TdxCommandLayout.EXTEND_MEMORY, flags, host.put(62 * PAGE, range));
    }

    @Test
    void extendMemoryChecksItsRange() {
        try (host) {
            assertThat(extend(GPA / PAGE, 1, 0, 0)).as("no TD yet").isEqualTo(Failure.EIO);
            launching();
            add(source(1), GPA, 1, 0);
            assertThat(extend(GPA / PAGE, 1, PAGE, 0)).as("source").isEqualTo(Failure.EINVAL);
            assertThat(extend(GPA / PAGE, 0, 0, 0)).as("no pages").isEqualTo(Failure.EINVAL);
            assertThat(extend(GPA / PAGE, 1L << 51, 0, 0)).as("too many").isEqualTo(Failure.EINVAL);
            assertThat(extend(GPA / PAGE, 1, 0, 1)).as("flags").isEqualTo(Failure.EINVAL);
            assertThat(command(host.vm, TdxCommandLayout.EXTEND_MEMORY, 0, 0))
                    .as("no struct")
                    .isEqualTo(Failure.EFAULT);
            assertThat(extend(GPA / PAGE, 1, 0, 0)).isZero();
        }
    }

    @Test
    void theDigestIsTheOneThatIsPredicted() throws Exception {
        LaunchPlan plan = TdxLaunch.plan(SmallFirmware.read(), TdxSettings.STANDARD);
        assertThat(plan).isInstanceOf(LaunchPlan.Launches.class);
        LaunchPlan.Launches launches = (LaunchPlan.Launches) plan;
        try (host) {
            assertThat(initVm(settings())).isZero();
            host.vcpu();
            assertThat(initVcpu(0)).isZero();
            host.privateSlot((1L << 32) - SmallFirmware.SIZE, SmallFirmware.SIZE);
            host.privateSlot(0x800000, 0x20000);
            for (var step : launches.steps()) {
                TdxPages pages = (TdxPages) step;
                MemorySegment contents = pages.contents().equals(MemorySegment.NULL)
                        ? MemorySegment.ofArray(new byte[(int) pages.size()])
                        : pages.contents();
                assertThat(add(host.put(0, contents), pages.gpa(), pages.size() / PAGE, pages.extend() ? 1 : 0)
                                .result())
                        .as(pages.what())
                        .isZero();
            }
            assertThat(finish()).isZero();
            assertThat(host.launch().digest())
                    .isEqualTo(HexFormat.of().formatHex(launches.measure().digest()));
        }
    }
}
