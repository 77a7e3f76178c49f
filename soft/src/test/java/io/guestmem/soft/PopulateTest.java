package io.guestmem.soft;

import static io.guestmem.soft.SoftHost.GMEM;
import static io.guestmem.soft.SoftHost.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestMemfdPopulateLayout;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.UserMemory;
import io.guestmem.abi.VmType;
import io.guestmem.soft.SoftKernelOptions.ProposalRules;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** KVM_GUEST_MEMFD_POPULATE: the checks of kernel.md 7.8. */
class PopulateTest {
    private static final long EINVAL = -ErrorNumber.EINVAL.number();
    private static final long EEXIST = -ErrorNumber.EEXIST.number();
    private static final long EIO = -ErrorNumber.EIO.number();
    private static final int PAGES = 8;

    private static long populate(KvmFile vm, long gpa, long size, long from, long flags) {
        MemorySegment struct = SoftHost.struct(GuestMemfdPopulateLayout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, GuestMemfdPopulateLayout.GPA, gpa);
        struct.set(ValueLayout.JAVA_LONG, GuestMemfdPopulateLayout.SIZE, size);
        struct.set(ValueLayout.JAVA_LONG, GuestMemfdPopulateLayout.FROM, from);
        struct.set(ValueLayout.JAVA_LONG, GuestMemfdPopulateLayout.FLAGS, flags);
        return vm.ioctl(KvmIoctl.GUEST_MEMFD_POPULATE.code(), struct);
    }

    private static KvmFile privateSlot(SoftHost host) {
        KvmFile memfd = host.guestMemfd(PAGES * PAGE, 0);
        assertThat(host.slot2(0, GMEM, 0, PAGES * PAGE, 0, memfd.descriptor(), 0))
                .isZero();
        assertThat(host.attributes(0, PAGES * PAGE, 8)).isZero();
        return memfd;
    }

    private static MemorySegment content(Arena arena, int pages) {
        MemorySegment content = arena.allocate(pages * PAGE, 8);
        for (int page = 0; page < pages; page++) {
            content.set(ValueLayout.JAVA_LONG, page * PAGE, 100 + page);
        }
        return content;
    }

    @Test
    void pop02And03ContentOrZeroes() {
        try (SoftHost host = SoftHost.swProtected();
                Arena arena = Arena.ofConfined()) {
            privateSlot(host);
            MemorySegment content = content(arena, 3);
            try (UserMemory shown = host.kernel.expose(content)) {
                assertThat(populate(host.vmFile, PAGE, 3 * PAGE, shown.address(), 0))
                        .isEqualTo(3);
            }
            assertThat(populate(host.vmFile, 4 * PAGE, 2 * PAGE, 0, 0)).isEqualTo(2);
            assertThat(host.preFault(0, PAGES * PAGE).size()).as("POP-09").isZero();
            assertThat(host.guestRead(PAGE)).isEqualTo(100);
            assertThat(host.guestRead(3 * PAGE)).isEqualTo(102);
            assertThat(host.guestRead(4 * PAGE)).isZero();
        }
    }

    @Test
    void pop04WhatCannotBePopulated() {
        try (SoftHost host = SoftHost.swProtected();
                HostMemory memory = host.kernel.allocate(PAGE)) {
            privateSlot(host);
            host.attributes(PAGE, PAGE, 0);
            host.slot(1, 0, 1 << 30, PAGE, memory.hva());
            host.attributes(1 << 30, PAGE, 8);
            assertThat(populate(host.vmFile, PAGE, PAGE, 0, 0)).as("shared").isEqualTo(EINVAL);
            assertThat(populate(host.vmFile, 1 << 30, PAGE, 0, 0))
                    .as("plain slot")
                    .isEqualTo(EINVAL);
            assertThat(populate(host.vmFile, 1L << 40, PAGE, 0, 0))
                    .as("no slot")
                    .isEqualTo(EINVAL);
            assertThat(populate(host.vmFile, 0, 2 * PAGE, 0, 0))
                    .as("up to the shared page")
                    .isEqualTo(1);
        }
    }

    @Test
    void pop05And06TwiceAndOverTheEnd() {
        try (SoftHost host = SoftHost.swProtected()) {
            KvmFile memfd = privateSlot(host);
            assertThat(populate(host.vmFile, 6 * PAGE, 10 * PAGE, 0, 0)).isEqualTo(2);
            assertThat(populate(host.vmFile, 6 * PAGE, PAGE, 0, 0)).isEqualTo(EEXIST);
            assertThat(memfd.allocate(3, 6 * PAGE, PAGE)).isZero();
            assertThat(populate(host.vmFile, 6 * PAGE, PAGE, 0, 0)).isEqualTo(1);
            assertThat(host.guestRead(0)).isZero();
            assertThat(populate(host.vmFile, 0, PAGE, 0, 0))
                    .as("the guest was there")
                    .isEqualTo(EEXIST);
        }
    }

    @Test
    void pop07ASourceThatEnds() {
        try (SoftHost host = SoftHost.swProtected();
                HostMemory memory = host.kernel.allocate(2 * PAGE)) {
            privateSlot(host);
            SoftHost.touch(memory);
            memory.unmap(PAGE, PAGE);
            assertThat(populate(host.vmFile, 0, 2 * PAGE, memory.hva(), 0)).isEqualTo(1);
            assertThat(populate(host.vmFile, PAGE, PAGE, memory.hva() + PAGE, 0))
                    .isEqualTo(EINVAL);
            assertThat(host.guestRead(0)).isEqualTo(1);
        }
    }

    @Test
    void pop08FromAnotherProcess() {
        try (SoftHost host = SoftHost.swProtected()) {
            privateSlot(host);
            SoftProcess other = host.kernel.createProcess();
            KvmFile vm = other.receive(host.vmFile);
            try (HostMemory source = other.allocate(2 * PAGE)) {
                SoftHost.touch(source);
                assertThat(populate(vm, 0, 2 * PAGE, source.hva(), 0)).isEqualTo(2);
                assertThat(host.guestRead(PAGE)).isEqualTo(PAGE | 1);
                assertThat(vm.ioctl(KvmIoctl.CHECK_EXTENSION.code(), 3)).isEqualTo(EIO);
                host.vm.kill();
                assertThat(populate(vm, 2 * PAGE, PAGE, source.hva(), 0)).isEqualTo(EIO);
            }
        }
    }

    @Test
    void codeAndDocumentationDisagree() {
        for (ProposalRules rules : ProposalRules.values()) {
            boolean coded = rules == ProposalRules.AS_CODED;
            SoftKernelOptions options =
                    SoftKernelOptions.defaults().with().proposalRules(rules).build();
            try (SoftHost host = new SoftHost(options, VmType.SW_PROTECTED)) {
                privateSlot(host);
                assertThat(populate(host.vmFile, 0, 2 * PAGE, 0, 0)).isEqualTo(coded ? 2 : 0);
                assertThat(populate(host.vmFile, 2 * PAGE, PAGE, 0, 1)).isEqualTo(coded ? 1 : EINVAL);
                assertThat(populate(host.vmFile, 3 * PAGE + 1, PAGE, 0, 0)).isEqualTo(coded ? 1 : EINVAL);
                assertThat(populate(host.vmFile, 4 * PAGE, 0, 0, 0)).isEqualTo(coded ? 0 : EINVAL);
                assertThat(populate(host.vmFile, 4 * PAGE, 4095, 0, 0)).isEqualTo(coded ? 0 : EINVAL);
            }
        }
    }
}
