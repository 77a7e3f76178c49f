package io.guestmem.shell;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.Writer;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the tabulator offers, by what stands before the cursor. */
class CompletionTest {
    private final Session session = new Session(new ToyKernel(), 1, Optional.empty());
    private final Interpreter interpreter = new Interpreter(session, new PrintWriter(Writer.nullWriter()));
    private final Completion completion = new Completion(session);

    @BeforeEach
    void open() {
        interpreter.execute(List.of("create_vm"));
        interpreter.execute(List.of("mem", "alloc", "4K"));
    }

    @AfterEach
    void close() {
        session.close();
    }

    private List<String> after(String typed) {
        List<String> words = List.of(typed.split(" ", -1));
        return completion.candidates(words.subList(0, words.size() - 1), words.getLast());
    }

    @Test
    void firstCommandsNamesAndWhatTheOpenFilesKnow() {
        assertThat(after("cre"))
                .containsExactly("create_guest_memfd", "create_irqchip", "create_pit2", "create_vcpu", "create_vm");
        assertThat(after("pre")).as("no vCPU is open").isEmpty();
        assertThat(after("mem0")).containsExactly("mem0");
    }

    @Test
    void thenTheRequestsOfTheFile() {
        assertThat(after("vm0 get_")).containsExactly("get_dirty_log", "get_stats_fd");
        assertThat(after("kvm get_"))
                .containsExactly("get_api_version", "get_device_attr", "get_supported_cpuid", "get_vcpu_mmap_size");
        assertThat(after("mem0 p")).containsExactly("protect");
    }

    @Test
    void inARaceEveryCommandIsCompleted() {
        assertThat(after("race vm0 get_d")).containsExactly("get_dirty_log");
        assertThat(after("race vm0 create_vcpu 0 & mem0 prot")).containsExactly("protect");
        assertThat(after("race vm0 create_vcpu 0 & tr")).containsExactly("trace");
        assertThat(after("trace o")).containsExactly("off", "on");
    }

    @Test
    void thenFieldsAndSymbols() {
        assertThat(after("vm0 set_user_memory_region g")).containsExactly("guest_phys_addr=");
        assertThat(after("vm0 set_user_memory_region flags=r")).containsExactly("flags=readonly");
        assertThat(after("! vm0 set_user_memory_region flags=readonly|l"))
                .containsExactly("flags=readonly|log_dirty_pages");
        assertThat(after("vm0 set_user_memory_region userspace_addr=m")).containsExactly("userspace_addr=mem0");
        assertThat(after("vm0 check_extension pre")).containsExactly("pre_fault_memory");
        assertThat(after("vm0 set_sregs cs.l")).containsExactly("cs.l=", "cs.limit=");
    }
}
