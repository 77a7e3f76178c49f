package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.GMEM;
import static io.guestmem.soft.SoftHost.HUGE;
import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.ExitReason;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MemoryAttributesLayout;
import io.guestmem.abi.RunLayout;
import io.guestmem.abi.VmType;
import io.guestmem.soft.mmu.GuestAccess;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** Memory attributes and conversion: the checks of kernel.md 7.4. */
class AttributesTest {
    private static final long EINVAL = -ErrorNumber.EINVAL.number();
    private static final long PRIVATE = MemoryAttributesLayout.PRIVATE;
    private static final long GIB = 1L << 30;

    @Test
    void attr01And02Arguments() {
        try (SoftHost hidden = SoftHost.swProtected();
                SoftHost plain = new SoftHost()) {
            MemorySegment struct = SoftHost.struct(MemoryAttributesLayout.STRUCT.size());
            struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.SIZE, PAGE);
            struct.set(ValueLayout.JAVA_LONG, MemoryAttributesLayout.FLAGS, 1);
            assertThat(hidden.vmFile.ioctl(KvmIoctl.SET_MEMORY_ATTRIBUTES.code(), struct))
                    .isEqualTo(EINVAL);
            assertThat(hidden.attributes(0, PAGE, 1)).isEqualTo(EINVAL);
            assertThat(hidden.attributes(0, 0, PRIVATE)).isEqualTo(EINVAL);
            assertThat(hidden.attributes(-PAGE, 2 * PAGE, PRIVATE)).isEqualTo(EINVAL);
            assertThat(hidden.attributes(1, PAGE, PRIVATE)).isEqualTo(EINVAL);
            assertThat(hidden.attributes(0, 1, PRIVATE)).isEqualTo(EINVAL);
            assertThat(plain.attributes(0, PAGE, PRIVATE)).isEqualTo(EINVAL);
            assertThat(plain.attributes(0, PAGE, 0)).isZero();
        }
        SoftKernelOptions without = SoftKernelOptions.defaults()
                .with()
                .vmTypes(EnumSet.of(VmType.DEFAULT))
                .build();
        try (SoftHost host = new SoftHost(without)) {
            assertThat(host.attributes(0, PAGE, 0)).isEqualTo(-ErrorNumber.ENOTTY.number());
        }
    }

    @Test
    void attr03And04AttributesNeedNoSlotAndOutliveIt() {
        try (SoftHost host = SoftHost.swProtected();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            SoftHost.touch(memory);
            assertThat(host.attributes(0, PAGE, PRIVATE)).isZero();
            KvmFile memfd = host.guestMemfd(PAGE, 0);
            for (int round = 0; round < 2; round++) {
                host.slot2(0, GMEM, 0, PAGE, memory.hva(), memfd.descriptor(), 0);
                assertThat(host.guestRead(0)).as("the private page").isZero();
                host.slot(0, 0, 0, 0, 0);
            }
        }
    }

    /** Source: Linux 7.2 {@code mmu.c:kvm_mmu_page_fault}: MMIO is shared, so a reserved fault is not made private. */
    @Test
    void anMmioEntryThatIsOutOfDateMakesASharedAccess() {
        try (SoftHost host = SoftHost.swProtected();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            assertThat(host.guestRead(HUGE)).isEqualTo(GuestAccess.MMIO);
            assertThat(host.attributes(HUGE, PAGE, PRIVATE)).isZero();
            host.slot(0, 0, 0, PAGE, memory.hva());

            assertThat(host.guestRead(HUGE)).isEqualTo(GuestAccess.EFAULT);

            assertThat(host.exitReason()).isEqualTo(ExitReason.MEMORY_FAULT);
            assertThat(host.run.segment().get(ValueLayout.JAVA_LONG, RunLayout.MEMORY_FAULT_FLAGS))
                    .isZero();
        }
    }

    @Test
    void attr05TheSameValueAgainZapsNothing() {
        try (SoftHost host = SoftHost.swProtected();
                HostMemory memory = host.kernel.allocate(4 * PAGE)) {
            SoftHost.touch(memory);
            host.slot(0, 0, 0, 4 * PAGE, memory.hva());
            host.preFault(0, 4 * PAGE);
            assertThat(host.attributes(0, 4 * PAGE, 0)).isZero();
            assertThat(host.pages()).containsExactly(4, 0, 0);
            assertThat(host.vm.mmu().invalidations().sequence()).isZero();
        }
    }

    @Test
    void attr06To08ABlockThatIsPrivateInPartIsNotLarge() {
        try (SoftHost host = SoftHost.swProtected();
                HostMemory memory = host.kernel.process().allocateHugePages(3, GIB)) {
            host.slot(0, 0, GIB, GIB, memory.hva());
            assertThat(host.preFault(GIB, GIB).size()).isZero();
            assertThat(host.pages()).containsExactly(0, 0, 1);
            long page = GIB + 7 * HUGE + PAGE;
            assertThat(host.attributes(page, PAGE, PRIVATE)).isZero();
            assertThat(host.pages()).containsExactly(0, 0, 0);
            assertMixed(host, page, true, true);
            assertThat(host.preFault(GIB, HUGE).size()).isZero();
            assertThat(host.preFault(page - PAGE, PAGE).size()).isZero();
            assertThat(host.pages()).containsExactly(1, 1, 0);
            assertThat(host.attributes(page, PAGE, 0)).isZero();
            assertMixed(host, page, false, false);
            assertThat(host.attributes(GIB + 7 * HUGE, HUGE, PRIVATE)).isZero();
            assertMixed(host, page, false, true);
            assertThat(host.attributes(GIB + 7 * HUGE, HUGE, 0)).isZero();
            assertThat(host.preFault(GIB, GIB).size()).isZero();
            assertThat(host.pages()).as("ATTR-07").containsExactly(0, 0, 1);
        }
    }

    private static void assertMixed(SoftHost host, long gpa, boolean level2, boolean level3) {
        var pages = Objects.requireNonNull(host.vm.slots().active(0).find(gpa >>> 12))
                .largePages();
        assertThat(pages.isMixed(gpa >>> 12, 2)).isEqualTo(level2);
        assertThat(pages.isMixed(gpa >>> 12, 3)).isEqualTo(level3);
    }

    @Test
    void aSlotKnowsTheAttributesFromBeforeIt() {
        try (SoftHost host = SoftHost.swProtected();
                HostMemory memory = host.kernel.process().allocateHugePages(2, 4 * HUGE)) {
            host.attributes(GIB + HUGE + PAGE, PAGE, PRIVATE);
            host.slot(0, 0, GIB, 4 * HUGE, memory.hva());
            assertMixed(host, GIB, false, false);
            assertMixed(host, GIB + HUGE, true, false);
            assertThat(host.preFault(GIB, HUGE).size()).isZero();
            assertThat(host.preFault(GIB + HUGE, PAGE).size()).isZero();
            assertThat(host.pages()).containsExactly(1, 1, 0);
        }
    }

    @Test
    void attr09And10PrivateAccessWithoutGuestMemfdOrSlot() {
        try (SoftHost host = SoftHost.swProtected();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            host.slot(0, 0, 0, PAGE, memory.hva());
            host.attributes(0, 2 * PAGE, PRIVATE);
            for (long gpa : new long[] {0, PAGE}) {
                host.setExitReason(0);
                assertThat(host.guestRead(gpa)).isEqualTo(GuestAccess.EFAULT);
                assertThat(host.exitReason()).isEqualTo(ExitReason.MEMORY_FAULT);
            }
        }
    }

    @Test
    void attr11EachFlavourKeepsItsContent() {
        try (SoftHost host = SoftHost.swProtected();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            KvmFile memfd = host.guestMemfd(PAGE, 0);
            host.slot2(0, GMEM, 0, PAGE, memory.hva(), memfd.descriptor(), 0);
            assertThat(host.guestWrite(0, 1)).isZero();
            host.attributes(0, PAGE, PRIVATE);
            assertThat(host.guestRead(0)).isZero();
            assertThat(host.guestWrite(0, 2)).isZero();
            host.attributes(0, PAGE, 0);
            assertThat(host.guestRead(0)).isEqualTo(1);
            host.attributes(0, PAGE, PRIVATE);
            assertThat(host.guestRead(0)).isEqualTo(2);
            memfd.allocate(3, 0, PAGE);
            assertThat(host.guestRead(0)).isZero();
        }
    }
}
