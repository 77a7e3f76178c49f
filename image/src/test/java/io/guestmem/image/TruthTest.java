package io.guestmem.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.paging.Access;
import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.Mapping;
import io.guestmem.paging.Mappings;
import io.guestmem.paging.PagingFeatures;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.PdpteRegisters;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.Translation;
import io.guestmem.paging.Translation.Translated;
import io.guestmem.paging.WalkPlan;
import io.guestmem.paging.Walker;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The page tables of a Debian 13 guest in QEMU, all of them, against what QEMU's {@code info tlb} and {@code info mem} said of it:
 * 4-level paging, MAXPHYADDR 40, an AMD processor, SMEP, SMAP, protection keys.
 */
class TruthTest {
    private static final PagingFeatures FEATURES = new PagingFeatures(40, true, true, 4);

    @TempDir
    private Path directory;

    private GuestImage image() throws IOException {
        Path file = directory.resolve("pagetables.lime");
        Files.write(file, resource("pagetables.lime"));
        return GuestImage.open(file, ImageOptions.NONE);
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream in =
                new GZIPInputStream(Objects.requireNonNull(TruthTest.class.getResourceAsStream(name + ".gz"), name))) {
            return in.readAllBytes();
        }
    }

    private static List<String> lines(String name) throws IOException {
        return new String(resource(name), StandardCharsets.ISO_8859_1).lines().toList();
    }

    private static WalkPlan plan(String root) {
        return WalkPlan.of(new PagingState(
                0x8005_0033L, Long.parseLong(root, 16), 0x0075_0EF0L, 0xD01, PdpteRegisters.NONE, 0, FEATURES));
    }

    /** A line of {@code leaves.*}: {@code va pa size u/w/x raw … pk … nxleaf …}. */
    private record Leaf(long linear, long physical, long size, String rights, int raw, int key) {
        static Leaf of(String line) {
            String[] words = line.split(" ", -1);
            return new Leaf(
                    Long.parseUnsignedLong(words[0], 16),
                    Long.parseLong(words[1], 16),
                    Long.parseLong(words[2], 16),
                    words[3],
                    Integer.parseInt(words[5], 16),
                    Integer.parseInt(words[7]));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"1850000", "1858000", "184e000", "185a000", "35c22000"})
    void everyLeafTranslatesWithItsRights(String root) throws IOException {
        Walker walker = new Walker(plan(root), image().memory());
        List<String> leaves = lines("leaves." + root + ".txt");

        assertThat(leaves).hasSizeGreaterThan(8000);
        for (String line : leaves) {
            Leaf leaf = Leaf.of(line);
            int access = leaf.rights.startsWith("u") ? Access.USER : Access.READ;
            Translation found = walker.translate(leaf.linear + 0x123, access, SetBits.NONE, CheckOrder.ARCHITECTURAL);
            assertThat(found).as(line).isInstanceOfSatisfying(Translated.class, page -> {
                assertThat(page.address()).as(line).isEqualTo(leaf.physical + 0x123);
                assertThat(page.pageSize()).as(line).isEqualTo(leaf.size);
                String rights =
                        (page.user() ? "u" : "-") + (page.writable() ? "w" : "-") + (page.executable() ? "x" : "-");
                assertThat(rights).as(line).isEqualTo(leaf.rights);
                long entry = walker.memory().read64(page.leafEntry());
                assertThat(entry & 0xFFF).as(line).isEqualTo(leaf.raw);
                assertThat(entry >>> 59 & 0xF).as(line).isEqualTo(leaf.key);
            });
        }
    }

    /** Nothing that is not a leaf is mapped: PROT_NONE pages, which have an address and no P, among it. */
    @ParameterizedTest
    @ValueSource(strings = {"1850000", "1858000", "184e000", "185a000", "35c22000"})
    void theLeavesAreAllThatIsMapped(String root) throws IOException {
        List<Leaf> leaves =
                lines("leaves." + root + ".txt").stream().map(Leaf::of).toList();
        List<Leaf> found = new ArrayList<>();

        Mappings.of(plan(root), image().memory()).forEachMapping(run -> {
            for (long at = 0; at < run.size(); at += run.pageSize()) {
                found.add(new Leaf(run.linear() + at, run.physical() + at, run.pageSize(), rights(run), 0, 0));
            }
        });

        assertThat(found)
                .isEqualTo(leaves.stream()
                        .map(leaf -> new Leaf(leaf.linear, leaf.physical, leaf.size, leaf.rights, 0, 0))
                        .toList());
    }

    private static String rights(Mapping run) {
        return (run.user() ? "u" : "-") + (run.writable() ? "w" : "-") + (run.executable() ? "x" : "-");
    }

    /** {@code info mem} joins what has the same U and W, wherever it lies in physical memory. */
    @ParameterizedTest
    @CsvSource({"1850000, 0", "1858000, 1"})
    void rangesAreThoseOfInfoMem(String root, int cpu) throws IOException {
        List<String> ranges = new ArrayList<>();
        long[] open = {0, 0};
        String[] kind = {""};
        Mappings.of(plan(root), image().memory()).forEachMapping(run -> {
            String now = (run.user() ? "u" : "-") + "r" + (run.writable() ? "w" : "-");
            if (run.linear() != open[1] || !now.equals(kind[0])) {
                add(ranges, open, kind[0]);
                open[0] = run.linear();
            }
            open[1] = run.linear() + run.size();
            kind[0] = now;
        });
        add(ranges, open, kind[0]);

        assertThat(ranges).isEqualTo(lines("info-mem.cpu" + cpu + ".txt"));
    }

    private static void add(List<String> ranges, long[] range, String kind) {
        if (!kind.isEmpty()) {
            ranges.add(hex(range[0]) + "-" + hex(range[1]) + " " + hex(range[1] - range[0]) + " " + kind);
        }
    }

    private static String hex(long value) {
        String digits = Long.toHexString(value);
        return "0".repeat(16 - digits.length()) + digits;
    }

    /** The tables are there, the kernel's text is not: a search by what roots look like. */
    @Test
    void theKernelsRootIsFoundBlind() throws IOException {
        PageTableRoot root = image().findRoot().orElseThrow();

        assertThat(root.address()).isEqualTo(0x35C2_2000);
        assertThat(root.fiveLevels()).isFalse();
        assertThat(root.source()).isEqualTo("a search of memory: 1 of 15 roots that share a kernel");
    }
}
