package io.guestmem.shell;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.shell.Transcripts.Transcript;
import io.guestmem.soft.SeededSchedule;
import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.SoftKernelOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What only the software kernel can show: its inside, its trace, and races that a seed decides. */
class SoftSessionTest {
    private static final String TWO_SLOTS = """
        create_vm
        create_vcpu 0
        mem alloc 2M
        mem0 fill 0 2M 1
        vm0 set_user_memory_region 0 0 0 1M mem0
        vm0 set_user_memory_region 1 0 1M 1M mem0+1M
        """;

    private static Transcript run(String script) {
        return run(script, 1);
    }

    private static Transcript run(String script, long seed) {
        SeededSchedule schedule = new SeededSchedule(seed);
        SoftKernelOptions watched =
                SoftKernelOptions.defaults().with().preFaultRetries(1000).build();
        try (SoftKernel kernel = new SoftKernel(watched, schedule, null)) {
            return Transcripts.run(kernel, script, seed, Optional.of(schedule));
        }
    }

    /** The lines that a last command added. */
    private static List<String> last(String before, String command) {
        List<String> lines = run(before + command).out().lines().toList();
        return lines.subList((int) run(before).out().lines().count(), lines.size());
    }

    @Test
    void everyStateIsShownBeforeAndAfterACall() {
        String setup = """
            create_vm sw_protected
            create_vcpu 0
            mem alloc 16K
            mem0 fill 0 4K 1
            vm0 set_user_memory_region 0 log_dirty_pages 0x200000 16K mem0
            vm0 set_memory_attributes address=0x202000 size=4K attributes=private
            """;

        List<String> before = last(setup, "show kernel");
        List<String> after = last(
                setup + "! vcpu0 pre_fault_memory 0x200000 16K\nvcpu0 pre_fault_memory 0x200000 8K\n", "show kernel");

        assertThat(before.getFirst()).isEqualTo("process 1000");
        assertThat(before)
                .anySatisfy(line -> assertThat(line).contains("private"))
                .anySatisfy(line ->
                        assertThat(line).matches(" *slot 0:0 gfn 0x200 pages 4 hva 0x[0-9a-f]+ logging dirty 0"))
                .anySatisfy(line -> assertThat(line).matches(" *private gfn 0x202 to 0x203"));
        assertThat(after)
                .anySatisfy(line -> assertThat(line).matches(" *slot 0:0 .* logging dirty 1"))
                .anySatisfy(line -> assertThat(line).matches(" *root 4 levels vcpus 1"))
                .anySatisfy(line -> assertThat(line).matches(" *4 gfn 0x0 table rwx A"))
                .anySatisfy(line ->
                        assertThat(line).matches(" *1 gfn 0x200 pfn 0x[0-9a-f]+ rwx D host-writable mmu-writable"))
                .anySatisfy(line -> assertThat(line).matches(" *1 gfn 0x201 pfn 0x[0-9a-f]+ r-x"));
    }

    @Test
    void memoryIsUsedAndGivenBack() {
        assertThat(last("", "show memory"))
                .containsExactly("frames 0", "poisoned_frames 0", "frame_bytes 0", "kernel_bytes 0");
        assertThat(last(TWO_SLOTS, "show memory")).contains("frames 512", "kernel_bytes 12288");
        assertThat(last(TWO_SLOTS + "close vcpu0 vm0 mem0\n", "show memory")).contains("frames 0", "kernel_bytes 0");
    }

    @Test
    void theTraceIsSwitchedOnAndOff(@TempDir Path directory) throws IOException {
        Path file = directory.resolve("trace.jsonl");
        List<String> shown = last(
                TWO_SLOTS,
                "trace on\nvcpu0 pre_fault_memory 0 4K\ntrace off\nvcpu0 pre_fault_memory 4K 4K\ntrace " + file
                        + "\nvcpu0 pre_fault_memory 8K 4K");

        assertThat(shown)
                .startsWith(
                        "{\"event\":\"fault\",\"gfn\":0,\"pages\":1,\"level\":0,\"before\":\"0x0\",\"after\":\"0x0\",\"why\":\"prefetch\"}")
                .filteredOn(line -> line.startsWith("{"))
                .hasSize(5);
        assertThat(shown).filteredOn(line -> line.startsWith("0 ")).hasSize(3);
        assertThat(Files.readAllLines(file))
                .hasSize(2)
                .allSatisfy(line -> assertThat(line).contains("\"gfn\":2,"));
    }

    @Test
    void whatCannotBeTracedSaysSo() {
        assertThat(Transcripts.run(new ToyKernel(), "trace on").err())
                .isEqualTo("trace on: only the software kernel can be traced\n");
        assertThat(run("trace /nowhere/at/all").err()).startsWith("trace /nowhere/at/all: cannot write to");
        assertThat(run("trace").err()).isEqualTo("trace: trace on|off|FILE\n");
    }

    @Test
    void aRaceHasTheAnswersOfAllItsCommands() {
        assertThat(last(TWO_SLOTS, "race vcpu0 pre_fault_memory 0 4K & vm0 check_extension 3 & ! vm0 create_vcpu 0"))
                .containsExactly(
                        "vcpu0 pre_fault_memory 0 4K: 0 gpa=0x1000 size=0",
                        "vm0 check_extension 3: 1",
                        "! vm0 create_vcpu 0: EEXIST (17)");
        assertThat(run("race create_vm").err()).isEqualTo("race create_vm: race COMMAND & COMMAND ...\n");
        assertThat(run("race create_vm & race create_vm & create_vm").err()).endsWith(": race COMMAND & COMMAND ...\n");
        assertThat(run("race create_vm & frobnicate"))
                .extracting(Transcript::status)
                .isEqualTo(1);
    }

    @Test
    void commandsRaceOnOtherKernelsToo() {
        assertThat(Transcripts.run(new ToyKernel(), "create_vm; race vm0 create_vcpu 0 & mem alloc 4K")
                        .out())
                .isEqualTo("vm0\nvm0 create_vcpu 0: vcpu0\nmem alloc 4K: mem0\n");
    }

    /** kernel.md 3.7: the pre-fault of one memslot against the deletion of another; a seed shows it, and shows it again. */
    @Test
    void aSeedReplaysARace() {
        String race = TWO_SLOTS + """
            trace on
            race vcpu0 pre_fault_memory 0 8K & vcpu0 pre_fault_memory 8K 8K & vcpu0 pre_fault_memory 16K 8K & vm0 set_user_memory_region 1 0 0 0 0
            """;

        long hazard = LongStream.rangeClosed(1, 300)
                .filter(seed -> run(race, seed).out().contains("EAGAIN"))
                .findFirst()
                .orElseThrow();

        assertThat(run(race, hazard)).isEqualTo(run(race, hazard));
        assertThat(LongStream.rangeClosed(1, 10)
                        .mapToObj(seed -> run(race, seed))
                        .distinct())
                .hasSizeGreaterThan(3);
    }
}
