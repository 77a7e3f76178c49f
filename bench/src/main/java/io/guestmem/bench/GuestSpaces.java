package io.guestmem.bench;

import io.guestmem.image.GuestImage;
import io.guestmem.image.ImageContext;
import io.guestmem.image.ImageOptions;
import io.guestmem.image.RegisterChoice;
import io.guestmem.paging.PagingFeatures;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.PdpteRegisters;
import io.guestmem.paging.PhysicalMemory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;

/** Address spaces to walk: of an image, or made up. */
final class GuestSpaces {
    private static final long PAGE = 4096;
    private static final int ENTRIES = 512;
    private static final long LARGE_PAGE = PAGE * ENTRIES;
    private static final long GIB = LARGE_PAGE * ENTRIES;
    private static final int LARGE = 1 << 7;
    private static final long PRESENT = 1;
    private static final long ADDRESS = 0x000F_FFFF_FFFF_F000L;

    /** P, W, A, D and, of a page, NX. */
    private static final long TABLE = 0x63;

    private static final long LEAF = TABLE | 1L << 63;

    /** Where Linux maps all memory, and where it maps what it needs page by page. */
    private static final long ALL_MEMORY = 0xFFFF_8880_0000_0000L;

    private static final long SINGLE_PAGES = 0xFFFF_C900_0000_0000L;
    private static final int SINGLE_TABLES = 256;
    private static final int SINGLE_PAGES_A_TABLE = 32;

    /** Coprime to any number of tables that comes up; neighbours are then far from each other. */
    private static final long STRIDE = 1_000_003;

    private GuestSpaces() {}

    /** Page tables of an image, of its first processor, at the addresses where they are in the image. */
    static GuestSpace of(Path image) {
        try {
            GuestImage opened = GuestImage.open(image, ImageOptions.NONE);
            PagingState state = ImageContext.of(opened, RegisterChoice.NONE).state();
            if (state.mode() != PagingMode.LEVEL_4) {
                throw new BenchmarkException(image + ": the bare side has four levels, the image " + state.mode());
            }
            GuestSpace space = new GuestSpace(opened.end(), state);
            copyTables(opened.memory(), state.cr3() & ADDRESS, 4, space, new HashSet<>());
            return space;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static void copyTables(PhysicalMemory from, long table, int level, GuestSpace to, Set<Long> copied) {
        if (!from.presence(table).isReadable() || !copied.add(table)) {
            return;
        }
        long[] entries = new long[ENTRIES];
        from.readPage(table, entries);
        for (int i = 0; i < ENTRIES; i++) {
            to.set(table + i * 8L, entries[i]);
            boolean leads = (entries[i] & PRESENT) != 0 && (level == 4 || (entries[i] & LARGE) == 0);
            if (leads && level > 1) {
                copyTables(from, entries[i] & ADDRESS, level - 1, to, copied);
            }
        }
    }

    /** As a small kernel has it: all memory in pages of 2 MiB, and 8192 pages of 4 KiB in 256 tables; 261 tables for 1 GiB. */
    static GuestSpace ofKernel(long size) {
        long directories = (size + GIB - 1) / GIB;
        Tables tables = new Tables(size, directories + SINGLE_TABLES + 4);
        long root = tables.next();
        long upper = tables.next();
        tables.put(root, ALL_MEMORY >>> 39, upper | TABLE);
        for (long gibibyte = 0; gibibyte < directories; gibibyte++) {
            long directory = tables.next();
            tables.put(upper, gibibyte, directory | TABLE);
            for (int i = 0; i < ENTRIES && gibibyte * GIB + i * LARGE_PAGE < size; i++) {
                tables.put(directory, i, (gibibyte * GIB + i * LARGE_PAGE) | LARGE | LEAF);
            }
        }
        long upperOfSingle = tables.next();
        long directory = tables.next();
        tables.put(root, SINGLE_PAGES >>> 39, upperOfSingle | TABLE);
        tables.put(upperOfSingle, 0, directory | TABLE);
        for (int i = 0; i < SINGLE_TABLES; i++) {
            long table = tables.next();
            tables.put(directory, i, table | TABLE);
            for (int j = 0; j < SINGLE_PAGES_A_TABLE; j++) {
                tables.put(table, j, tables.randomPage() | LEAF);
            }
        }
        return tables.space(root);
    }

    /** All memory mapped once in pages of 4 KiB, none beside its neighbour; 514 tables a GiB, up to 512 GiB. */
    static GuestSpace ofScatteredPages(long size) {
        long directories = (size + GIB - 1) / GIB;
        Tables tables = new Tables(size, 2 + directories + size / LARGE_PAGE);
        long root = tables.next();
        long upper = tables.next();
        tables.put(root, ALL_MEMORY >>> 39, upper | TABLE);
        for (long gibibyte = 0; gibibyte < directories; gibibyte++) {
            long directory = tables.next();
            tables.put(upper, gibibyte, directory | TABLE);
            for (int i = 0; i < ENTRIES && gibibyte * GIB + i * LARGE_PAGE < size; i++) {
                long table = tables.next();
                tables.put(directory, i, table | TABLE);
                for (int j = 0; j < ENTRIES; j++) {
                    tables.put(table, j, tables.randomPage() | LEAF);
                }
            }
        }
        return tables.space(root);
    }

    /** Tables all over a guest's memory, in no order. */
    private static final class Tables {
        private final SplittableRandom random = new SplittableRandom(1);
        private final GuestSpace space;
        private final long most;
        private final long apart;
        private long made;

        Tables(long size, long most) {
            this.space = new GuestSpace(size, state(0));
            this.most = most;
            this.apart = size / PAGE / most;
        }

        long next() {
            return made++ * STRIDE % most * apart * PAGE;
        }

        void put(long table, long index, long entry) {
            space.set(table + (index & ENTRIES - 1) * 8, entry);
        }

        long randomPage() {
            return random.nextLong(space.size() / PAGE) * PAGE;
        }

        GuestSpace space(long root) {
            space.root(state(root));
            return space;
        }

        private static PagingState state(long root) {
            PagingFeatures features = new PagingFeatures(46, true, true, PagingFeatures.KVM_PSE36_BITS);
            // PG, WP, PE; PAE, SMEP, SMAP; LME, LMA, NXE.
            return new PagingState(0x8001_0001L, root, 0x30_0020, 0xD00, PdpteRegisters.NONE, 0, features);
        }
    }
}
