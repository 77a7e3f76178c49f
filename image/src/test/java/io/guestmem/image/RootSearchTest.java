package io.guestmem.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.paging.PhysicalRanges;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Page tables of a Linux kernel found without registers. Memory has 64 pages: the kernel's tables are at 0x10000 and up, its
 * image's large pages are the first 8 MiB, and the text that it left of itself is at 0x30000.
 */
class RootSearchTest {
    private static final int PAGE = 4096;
    private static final long SIZE = 64 * PAGE;
    private static final long ROOT = 0x1_0000;
    private static final long TEXT = 0x3_0000;
    private static final long TABLE = 0x63;
    private static final long LARGE = 0xE3;
    private static final int LAST = 511;

    private final MemorySegment memory = Arena.ofAuto().allocate(SIZE, PAGE);
    private final RootSearch search = new RootSearch(PhysicalRanges.of(memory), List.of(new Extent(0, SIZE)));

    private void set(long table, int index, long entry) {
        memory.set(ValueLayout.JAVA_LONG, table + index * 8L, entry);
    }

    /** A root and the tables below it; the kernel's image is in the last but one GiB of the address space. */
    private void tables(long root, int levels) {
        long table = root;
        for (int level = levels; level > 3; level--) {
            set(table, LAST, table + PAGE | TABLE);
            table += PAGE;
        }
        set(table, LAST - 1, table + PAGE | TABLE);
        for (int i = 0; i < 4; i++) {
            set(table + PAGE, 8 + i, i * 0x20_0000L | LARGE);
        }
    }

    private void text(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, TEXT + 16, bytes.length);
    }

    @ParameterizedTest
    @CsvSource({"4, false", "5, true"})
    void aRootLooksLikeOneWithFourLevelsAndWithFive(int levels, boolean fiveLevels) {
        tables(ROOT, levels);

        assertThat(search.blind())
                .contains(new PageTableRoot(ROOT, fiveLevels, "a search of memory: 1 of 1 roots that share a kernel"));
    }

    /** A process has the kernel's half and one of its own; the kernel's own root has none. */
    @Test
    void theKernelsOwnRootIsTheOneWithTheEmptiestUserHalf() {
        tables(ROOT, 4);
        long process = 0x2_0000;
        set(process, LAST, ROOT + PAGE | TABLE);
        set(process, 0, ROOT + PAGE | TABLE);

        assertThat(search.blind())
                .contains(new PageTableRoot(ROOT, false, "a search of memory: 1 of 2 roots that share a kernel"));
    }

    /** One entry too many that is no table in memory: reserved for something else, or no page table at all. */
    @ParameterizedTest
    @CsvSource({"0x7ff00063", "0x2", "0xe3", "-1"})
    void aPageWithAnEntryThatIsNoTableIsNoRoot(String entry) {
        tables(ROOT, 4);
        set(ROOT, 17, Long.decode(entry));

        assertThat(search.blind()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"0, false", "1, true"})
    void theKernelsTextNamesItsRoot(int enabled, boolean fiveLevels) {
        text("OSRELEASE=6.12.0\nNUMBER(phys_base)=-16777216\nSYMBOL(swapper_pg_dir)=ffffffff81010000\n"
                + "NUMBER(pgtable_l5_enabled)=" + enabled + "\n");

        assertThat(search.byVmcoreinfo())
                .contains(new PageTableRoot(ROOT, fiveLevels, "VMCOREINFO in guest memory at 0x30010"));
    }

    /** It may be a copy of another kernel's, or anything else that begins alike: then it names nothing. */
    @ParameterizedTest
    @CsvSource({
        "ffffffff81010000, 0x7fffffff0000, outside of memory",
        "ffffffff81010008, -16777216, not a page's first byte",
        "zzzz, -16777216, no number",
        "fffffffffffffffffffff, -16777216, too large for one",
        "ffffffff81010000, '', nothing",
        "0, -9223372036854775808, far below",
    })
    void aTextThatLiesNamesNone(String symbol, String base, String why) {
        text("OSRELEASE=6.12.0\nSYMBOL(swapper_pg_dir)=" + symbol + "\nNUMBER(phys_base)=" + base + "\n");

        assertThat(search.byVmcoreinfo()).as(why).isEmpty();
    }

    /** After one that lies, the next text counts. */
    @Test
    void everyTextIsLookedAt() {
        text("OSRELEASE=6.12.0\nSYMBOL(swapper_pg_dir)=ffffffff81010000\nNUMBER(phys_base)=-16777216\n");
        byte[] lie = "OSRELEASE=6.12.0\n".getBytes(StandardCharsets.ISO_8859_1);
        MemorySegment.copy(lie, 0, memory, ValueLayout.JAVA_BYTE, 0x1000, lie.length);

        assertThat(search.byVmcoreinfo())
                .hasValueSatisfying(root -> assertThat(root.address()).isEqualTo(ROOT));
    }

    /** The text ends with memory, without a zero behind it. */
    @Test
    void aTextThatIsCutOffEnds() {
        byte[] text = "OSRELEASE=6.12.0\nSYMBOL(swapper_pg_dir)=ffffffff8101".getBytes(StandardCharsets.ISO_8859_1);
        int padding = -text.length & 7;
        MemorySegment.copy(text, 0, memory, ValueLayout.JAVA_BYTE, SIZE - text.length - padding, text.length);
        memory.asSlice(SIZE - padding).fill((byte) '0');

        assertThat(search.byVmcoreinfo()).isEmpty();
    }
}
