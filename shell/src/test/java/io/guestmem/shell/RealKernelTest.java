package io.guestmem.shell;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.shell.Transcripts.Transcript;
import org.junit.jupiter.api.Test;

/** Sessions on the kernel of this host. */
class RealKernelTest {
    @Test
    void aGuestRunsOverMemoryThatTheShellFilled() {
        Transcript transcript = Transcripts.run(HostKernel.get(), """
            create_vm
            vm0 create_vcpu 0
            ! vm0 create_vcpu 0
            mem alloc 4M
            mem0 fill 0 4M random
            vm0 set_user_memory_region 0 log_dirty_pages 0 4M mem0
            vcpu0 program checksum 0 4M
            vcpu0 program touch 64K 4K 4K write
            vm0 get_dirty_log 0
            ! vm0 get_dirty_log 3
            ! vcpu0 program checksum 0 8M
            vcpu0 load spin
            ! vcpu0 run limit=0
            vcpu0 program pattern 0 4K 5 0
            mem0 load 0 16
            """);

        assertThat(transcript).isEqualTo(new Transcript(0, """
            vm0
            vcpu0
            EEXIST (17)
            mem0
            0
            0
            done checksum=3959ce03f3b6e639d17ca67bcc3415ab
            done
            0 dirty=16
            ENOENT (2)
            0 KVM_EXIT_MMIO read gpa=0x400000 len=8
            0
            EINTR (4)
            done
            0x00000000  05 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00
            """, ""));
    }

    @Test
    void registersThatAreNotNamedStay() {
        assertThat(Transcripts.run(HostKernel.get(), """
            create_vm
            create_vcpu 0
            vcpu0 set_regs rax=1 rip=0x1000
            vcpu0 set_regs rbx=2
            vcpu0 get_regs
            vcpu0 translate 0x1234
            """).out()).isEqualTo("""
                vm0
                vcpu0
                0
                0
                0 rax=1 rbx=2 rcx=0 rdx=0x600 rsi=0 rdi=0 rsp=0 rbp=0 r8=0 r9=0 r10=0 r11=0 r12=0 r13=0 r14=0 r15=0 rip=0x1000
                  rflags=2
                0 physical_address=0x1234 valid=1 writeable=1
                """);
    }

    @Test
    void aRequestThatNoKernelKnowsHasItsErrno() {
        assertThat(Transcripts.run(
                                HostKernel.get(),
                                "kvm raw 0xaeff 0; create_vm; vm0 raw 0xaeff 0; create_vcpu 0; vcpu0 raw 0xaeff 0")
                        .out())
                .isEqualTo("EINVAL (22)\nvm0\nENOTTY (25)\nvcpu0\nEINVAL (22)\n");
    }
}
