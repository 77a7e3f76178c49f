package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import io.guestmem.pager.mock.Pattern;
import io.guestmem.pager.source.SnapshotFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Memory limits of control groups, as their files say, and what is installed ahead of demand below them. */
class MemoryAllowanceTest {
    private static final long MIB = 1 << 20;

    @TempDir
    private Path directory;

    /** A host with both hierarchies, whose process 7 is in groups of these names. */
    private MemoryGroups groups(String second, String first) throws IOException {
        write(
                "proc/self/mountinfo",
                "24 1 0:21 / /proc rw - proc proc rw\n" + "30 24 0:26 / "
                        + directory.resolve("v2") + " rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
                        + "31 24 0:27 /docker/77 "
                        + directory.resolve("v1") + " rw - cgroup cgroup rw,memory\n");
        write("proc/7/cgroup", "4:memory:" + first + "\n3:cpu,cpuacct:/x\n0::" + second + "\n");
        return MemoryGroups.of(directory.resolve("proc"), 7);
    }

    private void write(String file, Object text) throws IOException {
        Files.createDirectories(directory.resolve(file).getParent());
        Files.writeString(directory.resolve(file), text.toString());
    }

    private void group(String path, String max, String high, long current, long inactive) throws IOException {
        write(path + "/memory.max", max);
        write(path + "/memory.high", high);
        write(path + "/memory.current", current);
        write(path + "/memory.stat", "anon 1\ninactive_file " + inactive + "\n");
    }

    @Test
    void theFullestOfAllGroupsAboveAProcessCounts() throws Exception {
        MemoryGroups groups = groups("/vms/7", "/other");
        assertThat(groups.fullest()).as("no limits at all").isEmpty();

        group("v2/vms/7", "max", "max", 500, 0);
        group("v2/vms", "10000", "8000", 7000, 600);
        group("v2", "1000000", "max", 7000, 0);

        assertThat(groups.fullest()).contains(new MemoryGroups.Use(directory.resolve("v2/vms"), 6400, 8000));
    }

    @Test
    void theFirstVersionSaysTheSameInOtherFiles() throws Exception {
        MemoryGroups groups = groups("/", "/docker/77/vm");
        write("v1/memory.limit_in_bytes", Long.MAX_VALUE - 4095);
        write("v1/vm/memory.limit_in_bytes", 1000);
        write("v1/vm/memory.usage_in_bytes", 990);
        write("v1/vm/memory.stat", "inactive_file 5\ntotal_inactive_file 90\n");

        assertThat(groups.fullest()).contains(new MemoryGroups.Use(directory.resolve("v1/vm"), 900, 1000));
    }

    @Test
    void aProcessThatHasEndedHasNoLimit() throws Exception {
        groups("/", "/");
        assertThat(MemoryGroups.of(directory.resolve("proc"), 8).fullest()).isEmpty();
    }

    @Test
    void whatIsTakenIsCountedAndTheGroupIsLookedAtAgainBeforeItCouldBeFull() throws Exception {
        MemoryGroups groups = groups("/vm", "/");
        MemoryAllowance allowance = new MemoryAllowance(() -> groups, 90);
        group("v2/vm", String.valueOf(100 * MIB), "max", 10 * MIB, 0);
        for (int i = 0; i < 5; i++) {
            assertThat(allowance.refuses(2 * MIB)).as("10 MiB of a room of 80").isEmpty();
        }
        group("v2/vm", String.valueOf(100 * MIB), "max", 89 * MIB, 0);

        assertThat(allowance.refuses(2 * MIB))
                .isEqualTo("93323264 of 104857600 bytes of memory are used in " + directory.resolve("v2/vm")
                        + ", of which 90% may be used ahead of demand");
        assertThat(allowance.refuses(MIB)).as("exactly what is left").isEmpty();
    }

    @Test
    void prefetchingEndsWhereTheLimitIsNearAndDemandGoesOn() throws Exception {
        int pages = 8 * 512;
        Path memory = directory.resolve("memory");
        Pattern.write(memory, pages, page -> page < 2048 || page >= 3072);
        group("v2/vm", String.valueOf(100 * MIB), "max", 85 * MIB, 0);
        MemoryGroups groups = groups("/vm", "/");
        MemoryAllowance allowance = new MemoryAllowance(() -> groups, 90);
        ScriptedPort port = new ScriptedPort();
        try (SnapshotFiles source = SnapshotFiles.open(memory, List.of());
                PageStates states = PageStates.anonymous(pages);
                Prefetcher prefetcher = new Prefetcher(
                        new Guest(
                                new GuestMap(List.of(new Region(0x200000, pages * 4096L, 0, 4096))),
                                states,
                                source,
                                port),
                        new Semaphore(1),
                        new Counters(),
                        bytes -> {
                            String refused = allowance.refuses(bytes);
                            charge(bytes);
                            return refused;
                        })) {
            assertThat(prefetcher.sweep(true)).isEqualTo(-1);

            assertThat(prefetcher.shortage()).contains("may be used ahead of demand");
            assertThat(states.nextOther(0, pages, PageStates.PRESENT))
                    .as("4 MiB")
                    .isEqualTo(1024);
            assertThat(port.calls()).containsExactly("copy 200000+200000", "copy 400000+200000");
        }
    }

    /** The VM's group gets what was installed. */
    private void charge(long bytes) {
        try {
            Path file = directory.resolve("v2/vm/memory.current");
            Files.writeString(
                    file, String.valueOf(Long.parseLong(Files.readString(file).strip()) + bytes));
        } catch (IOException failed) {
            throw new AssertionError(failed);
        }
    }
}
