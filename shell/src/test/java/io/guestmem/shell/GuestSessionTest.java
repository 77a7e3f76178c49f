package io.guestmem.shell;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.Kernel;
import io.guestmem.shell.Transcripts.Transcript;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import org.junit.jupiter.api.Test;

/** Sessions with guests, on the kernel of this host and on the software kernel. */
class GuestSessionTest {
    private static final String SESSION = """
        create_vm
        vm0 create_vcpu 0
        ! vm0 create_vcpu 0
        mem alloc 4M
        mem0 fill 0 4M random
        vm0 set_user_memory_region 0 0 0 4M mem0
        vcpu0 program checksum 0 4M
        vm0 set_user_memory_region 0 log_dirty_pages 0 4M mem0
        vcpu0 program touch 64K 4K 4K write
        vm0 get_dirty_log 0
        ! vm0 get_dirty_log 3
        ! vcpu0 program checksum 0 8M
        vcpu0 load spin
        ! vcpu0 run limit=0
        vcpu0 program pattern 0 4K 5 0
        mem0 load 0 16
        """;

    private static final String ANSWERS = """
        vm0
        vcpu0
        EEXIST (17)
        mem0
        0
        0
        done checksum=3959ce03f3b6e639d17ca67bcc3415ab
        0
        done
        0 dirty=16
        ENOENT (2)
        0 KVM_EXIT_MMIO read gpa=0x400000 len=8
        0
        EINTR (4)
        done
        0x00000000  05 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00
        """;

    private static void assertAnswers(Kernel kernel) {
        assertThat(Transcripts.run(kernel, SESSION)).isEqualTo(new Transcript(0, ANSWERS, ""));
    }

    @Test
    void aGuestRunsOverMemoryThatTheShellFilled() {
        assertAnswers(HostKernel.get());
    }

    @Test
    void aGuestRunsOnTheSoftwareKernelToo() {
        try (SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults())) {
            assertAnswers(kernel);
        }
    }

    @Test
    void onlyTheSoftwareKernelCanBeLookedInto() {
        try (SoftKernel kernel = new SoftKernel(SoftKernelOptions.defaults())) {
            assertThat(Transcripts.run(kernel, "create_vm; show kernel").out()).contains("process 1000", "VM DEFAULT");
        }
        assertThat(Transcripts.run(new ToyKernel(), "show kernel").err())
                .isEqualTo("show kernel: only the software kernel can be looked into\n");
    }

    @Test
    void registersThatAreNotNamedStay() {
        String script = """
            create_vm
            create_vcpu 0
            vcpu0 set_regs rax=1 rip=0x1000
            vcpu0 set_regs rbx=2
            vcpu0 get_regs
            vcpu0 translate 0x1234
            """;

        assertThat(Transcripts.run(HostKernel.get(), script).out())
                .contains("\n0 rax=1 rbx=2 rcx=0 ")
                .contains(" rip=0x1000\n")
                .endsWith("0 physical_address=0x1234 valid=1 writeable=1\n");
    }

    @Test
    void aRequestThatNoKernelKnowsHasItsErrno() {
        String script = "kvm raw 0xaeff 0; create_vm; vm0 raw 0xaeff 0; create_vcpu 0; vcpu0 raw 0xaeff 0";

        assertThat(Transcripts.run(HostKernel.get(), script).out())
                .isEqualTo("EINVAL (22)\nvm0\nENOTTY (25)\nvcpu0\nEINVAL (22)\n");
    }
}
