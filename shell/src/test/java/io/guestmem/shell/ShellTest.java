package io.guestmem.shell;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.PreFaultMemoryLayout;
import io.guestmem.shell.Transcripts.Transcript;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What is typed, what is asked of the kernel, and what is printed; on a kernel that answers from a script. */
class ShellTest {
    private static final long ENOENT = -2;

    private final ToyKernel kernel = new ToyKernel();

    private String out(String script) {
        Transcript transcript = Transcripts.run(kernel, script);
        assertThat(transcript.err()).isEmpty();
        return transcript.out();
    }

    @Test
    void whatIsMadeGetsAName() {
        assertThat(out("create_vm; create_vm; vm0 create_vcpu 0; vm1 create_vcpu 0; create_guest_memfd 4096;"
                        + " mem alloc 64K"))
                .isEqualTo("vm0\nvm1\nvcpu0\nvcpu1\ngmem0\nmem0\n");
    }

    @Test
    void fieldsHaveTheNamesOfTheStruct() {
        List<String> seen = new ArrayList<>();
        kernel.on(KvmIoctl.SET_USER_MEMORY_REGION, (struct, _) -> {
            seen.add(struct.get(ValueLayout.JAVA_INT, 0) + " " + struct.get(ValueLayout.JAVA_INT, 4) + " "
                    + struct.get(ValueLayout.JAVA_LONG, 8) + " " + struct.get(ValueLayout.JAVA_LONG, 16));
            return 0;
        });

        out("""
            create_vm
            mem alloc 2M
            vm0 set_user_memory_region slot=3 flags=log_dirty_pages|readonly guest_phys_addr=0x1000 memory_size=64K userspace_addr=mem0+4K
            vm0 set_user_memory_region 3 readonly 1M
            KVM_SET_USER_MEMORY_REGION slot=-1
            """);

        assertThat(seen).containsExactly("3 3 4096 65536", "3 2 1048576 0", "-1 0 0 0");
    }

    @Test
    void anErrnoIsAnAnswerWithWhatTheKernelWroteBack() {
        kernel.on(KvmIoctl.PRE_FAULT_MEMORY, (struct, _) -> {
            struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA, 0x201000);
            struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE, 0x1000);
            return ENOENT;
        });

        Transcript transcript =
                Transcripts.run(kernel, "create_vm; create_vcpu 0; vcpu0 pre_fault_memory gpa=0x200000 size=8K");

        assertThat(transcript).isEqualTo(new Transcript(1, "vm0\nvcpu0\nENOENT (2) gpa=0x201000 size=0x1000\n", ""));
    }

    @Test
    void aFailureThatIsExpectedIsNone() {
        assertThat(Transcripts.run(kernel, "! kvm run").status()).isZero();
        assertThat(Transcripts.run(kernel, "! create_vm").status()).isEqualTo(1);
    }

    @Test
    void whatIsNotUnderstoodIsSaidAndTheRestIsDone() {
        Transcript transcript = Transcripts.run(kernel, """
            frobnicate # a comment
            create_vm
            vm0 set_user_memory_region slt=1
            vm0 set_user_memory_region slot=0x100000000
            vm0 create_vcpu vcpu7
            mem alloc 5
            """);

        assertThat(transcript.status()).isEqualTo(1);
        assertThat(transcript.out()).isEqualTo("vm0\n");
        assertThat(transcript.err()).isEqualTo("""
            frobnicate: 'frobnicate' is not a command, a request, or the name of anything; see 'help'
            vm0 set_user_memory_region slt=1: kvm_userspace_memory_region has no field 'slt'; it has slot, flags, guest_phys_addr, memory_size, userspace_addr
            vm0 set_user_memory_region slot=0x100000000: slot has 32 bits: 0x100000000 does not fit
            vm0 create_vcpu vcpu7: nothing has the name 'vcpu7'
            mem alloc 5: the size of memory is a positive multiple of 4096
            """);
    }

    @Test
    void dirtyBitmapsAreListsOfPages() {
        kernel.on(KvmIoctl.GET_DIRTY_LOG, (struct, _) -> {
            long bitmap = struct.get(ValueLayout.JAVA_LONG, 8);
            pages(bitmap, 2).set(ValueLayout.JAVA_LONG, 0, 0x8f);
            pages(bitmap, 2).set(ValueLayout.JAVA_LONG, 8, 1);
            return 0;
        });
        List<Long> cleared = new ArrayList<>();
        kernel.on(KvmIoctl.CLEAR_DIRTY_LOG, (struct, _) -> {
            cleared.add(pages(struct.get(ValueLayout.JAVA_LONG, 16), 1).get(ValueLayout.JAVA_LONG, 0));
            return 0;
        });

        String out = out("""
            create_vm
            vm0 set_user_memory_region slot=0 memory_size=512K flags=log_dirty_pages
            vm0 get_dirty_log slot=0
            vm0 clear_dirty_log slot=0 num_pages=64 dirty_bitmap=0-3,7
            """);

        assertThat(out).isEqualTo("vm0\n0\n0 dirty=0-3,7,64\n0\n");
        assertThat(cleared).containsExactly(0x8fL);
    }

    @SuppressWarnings("restricted") // the shell's own bitmap, of so many words
    private static MemorySegment pages(long bitmap, int words) {
        return MemorySegment.ofAddress(bitmap).reinterpret(8L * words);
    }

    @Test
    void memoryIsWrittenReadAndFilledFromASeed() {
        String out = out("""
            mem alloc 4K
            mem0 store 0x10 00ff01
            mem0 load 0 0x30
            seed 5
            mem0 fill 0 4K random
            mem0 load 0 4
            seed 5
            mem0 fill 0 4K random
            mem0 load 0 4
            """);

        List<String> lines = out.lines().toList();
        assertThat(lines.subList(0, 5))
                .containsExactly(
                        "mem0",
                        "0",
                        "0x00000000  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
                        "0x00000010  00 ff 01 00 00 00 00 00 00 00 00 00 00 00 00 00",
                        "0x00000020  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
        assertThat(lines.get(6)).isNotEqualTo("0x00000000  00 00 00 00").isEqualTo(lines.get(8));
    }

    @Test
    void slotsAreShownByTheNamesOfTheirMemory() {
        assertThat(out("""
            create_vm
            mem alloc 2M
            show slots
            vm0 set_user_memory_region slot=1 guest_phys_addr=1M memory_size=64K userspace_addr=mem0+4K flags=readonly
            vm0 set_user_memory_region slot=2 guest_phys_addr=4M memory_size=4K
            vm0 set_user_memory_region slot=2 memory_size=0
            show slots vm0
            """)).isEqualTo("""
                vm0
                mem0
                no memslot was set
                0
                0
                0
                slot 1 gpa 0x100000-0x10ffff hva mem0+0x1000 readonly
                """);
    }

    @Test
    void everythingIsClosedTheFilesFirst() {
        Transcripts.run(kernel, "mem alloc 4K; create_vm; create_vcpu 0; mem alloc 4K; close vm0; exit; create_vm");

        assertThat(kernel.log).containsExactly("close vm0", "close vcpu0", "close /dev/kvm", "unmap", "unmap");
        assertThat(kernel.openFiles()).isZero();
        assertThat(kernel.memories).hasValue(0);
    }

    @Test
    void rawRequestsTakeAnyBytes() {
        kernel.on(KvmIoctl.MAP_MEMORY_V2, (struct, _) -> {
            struct.set(ValueLayout.JAVA_BYTE, 1, (byte) 0xee);
            return 0;
        });

        assertThat(out("create_vm; create_vcpu 0; vcpu0 raw map_memory_v2 bytes=01; ! vcpu0 raw 0x1234 7"))
                .isEqualTo("vm0\nvcpu0\n0 bytes=01ee00000000000000000000000000000000000000000000\nEINVAL (22)\n");
    }

    @Test
    void helpShowsTheStruct() {
        assertThat(out("help ioctl guest_memfd_populate")).isEqualTo("""
            KVM_GUEST_MEMFD_POPULATE 0x4020aed6 on vm; proposed, never merged
            struct kvm_guest_memfd_populate {
                __u64 gpa;
                __u64 size;
                __u64 from;
                __u64 flags;
            };
            EIO         another process made the VM, or the VM is dead
            EFAULT      the struct cannot be read or written
            EINVAL      no memslot with a guest_memfd; a page that is not private; the source cannot be read
            EEXIST      the first page has content already
            EFAULT      the guest_memfd was closed
            EINTR       a signal is pending
            EHWPOISON   a page of the guest_memfd is broken
            ENOTTY      the kernel does not know the request
            """);
    }

    @Test
    void commandsOfOneTextAreLinesOrHaveSemicolons() {
        StringWriter out = new StringWriter();

        int status = Shell.run(new ShellSettings(
                kernel,
                new ShellSettings.Input.Commands("create_vm; create_vcpu 0\nexit; create_vm"),
                new PrintWriter(out),
                new PrintWriter(out),
                1,
                Optional.empty()));

        assertThat(out).hasToString("vm0\nvcpu0\n");
        assertThat(status).isZero();
    }

    @Test
    void historyIsAStateOfTheUser() {
        assertThat(ShellSettings.history(Map.of("XDG_STATE_HOME", "/state", "HOME", "/me")))
                .isEqualTo(Path.of("/state/guestmem/history"));
        assertThat(ShellSettings.history(Map.of("HOME", "/me")))
                .isEqualTo(Path.of("/me/.local/state/guestmem/history"));
    }
}
