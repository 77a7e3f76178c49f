package io.guestmem.pager;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Region;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a VM of 8 huge pages at 0x7f0000000000 lacks, as the files of {@code /proc} and {@code /sys} say. */
class HugePagePoolTest {
    private static final long BASE = 0x7f0000000000L;
    private static final String WITHOUT_RESERVE = "rd wr mr mw me nr ht";
    private static final String RESERVED = "rd wr mr mw me ht";

    @TempDir
    private Path directory;

    private final GuestMap map = new GuestMap(List.of(new Region(BASE, 16 << 20, 0, 2 << 20)));

    @BeforeEach
    void makePool() throws IOException {
        Files.createDirectories(directory.resolve("7"));
        pool(3, 0, 0, 0);
        flags(WITHOUT_RESERVE);
    }

    private void pool(long free, long reserved, long overcommit, long surplus) throws IOException {
        Path pool = Files.createDirectories(directory.resolve("kernel/mm/hugepages/hugepages-2048kB"));
        Files.writeString(pool.resolve("free_hugepages"), free + "\n");
        Files.writeString(pool.resolve("resv_hugepages"), reserved + "\n");
        Files.writeString(pool.resolve("nr_overcommit_hugepages"), overcommit + "\n");
        Files.writeString(pool.resolve("surplus_hugepages"), surplus + "\n");
    }

    private void flags(String flags) throws IOException {
        Files.writeString(
                directory.resolve("7/smaps"),
                "7effffe00000-7f0000000000 rw-p 0 0:0 0\nVmFlags: rd wr nr\n"
                        + "7f0000000000-7f0001000000 rw-p 0 0:1 9   /anon_hugepage (deleted)\nSize: 16384 kB\nVmFlags: "
                        + flags + "\n7f0001000000-7f0001001000 rw-p 0 0:0 0\nVmFlags: rd wr\n");
    }

    private String shortage() {
        return HugePagePool.shortage(directory, directory, 7, map).orElse("");
    }

    @Test
    void fewerPagesThanTheVmHasAreAShortage() throws Exception {
        assertThat(shortage()).contains("is 8 huge pages of 2097152 bytes, and 3 can be had");
        pool(8, 0, 0, 0);
        assertThat(shortage()).isEmpty();
        pool(7, 0, 0, 0);
        assertThat(shortage()).contains("7 can be had");
    }

    @Test
    void pagesThatArePromisedToOthersCannotBeHadAndThoseThatTheKernelMayAddCan() throws Exception {
        pool(9, 2, 0, 0);
        assertThat(shortage()).contains("7 can be had (free 9, promised to others 2, more 0)");
        pool(9, 2, 4, 3);
        assertThat(shortage()).isEmpty();
    }

    @Test
    void whoseMemoryIsPromisedLacksNothing() throws Exception {
        flags(RESERVED);
        assertThat(shortage()).isEmpty();
    }

    @Test
    void whatIsNotKnownIsSaid() throws Exception {
        Files.delete(directory.resolve("7/smaps"));
        assertThat(shortage()).startsWith("whether there are huge pages enough is not known");
    }

    @Test
    void smallPagesNeedNoPool() {
        GuestMap small = new GuestMap(List.of(new Region(BASE, 16 << 20, 0, 4096)));
        assertThat(HugePagePool.shortage(directory.resolve("nowhere"), directory, 7, small))
                .isEmpty();
    }
}
