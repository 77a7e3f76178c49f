package io.guestmem.conform;

import static io.guestmem.conform.CheckClass.REAL;

import io.guestmem.abi.SregsLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** {@code KVM_TRANSLATE} with 32-bit and PAE paging. */
final class LegacyTranslateChecks {
    private static final long ROOT = 0x1000;
    private static final long OTHER_ROOT_TABLE = 0x5000;
    private static final int RIGHTS = (int) WalkTables.ALL_RIGHTS;
    private static final int LARGE = (int) WalkTables.LARGE;

    /** Directory 3, table entry 4 of 32-bit paging. */
    private static final long LINEAR = 3L << 22 | 4L << 12 | 0x123;

    private LegacyTranslateChecks() {}

    static List<Check> all() {
        String reserved = "mmu.c:__reset_rsvds_bits_mask";
        return List.of(
                Check.of("TR-15", "32-bit paging", reserved, LegacyTranslateChecks::paging32, REAL),
                Check.of(
                        "TR-16",
                        "PAE uses the entries that were loaded",
                        "paging_tmpl.h:walk_addr_generic",
                        LegacyTranslateChecks::cachedPointers,
                        REAL));
    }

    /** Turns long mode off and another kind of paging on, or skips. */
    private static void enter(WalkTables tables, long cr4) {
        MemorySegment sregs = tables.vcpu().systemRegisters();
        LongMode.protectedMode(sregs);
        sregs.set(
                ValueLayout.JAVA_LONG,
                SregsLayout.CR0,
                sregs.get(ValueLayout.JAVA_LONG, SregsLayout.CR0) | LongMode.CR0_PG);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR3, ROOT);
        sregs.set(ValueLayout.JAVA_LONG, SregsLayout.CR4, cr4);
        long result = tables.vcpu().setSystemRegisters(sregs);
        Trial.require(result == 0, "no paging outside long mode: KVM_SET_SREGS " + Trial.answer(result));
        Trial.require(
                (tables.register(SregsLayout.CR0) & LongMode.CR0_PG) != 0,
                "no paging outside long mode: this kernel clears CR0.PG");
    }

    private static void paging32(Trial t) {
        WalkTables tables = WalkTables.of(t);
        long directoryEntry = ROOT + 3 * 4;
        tables.put32(directoryEntry, 0x2000 | RIGHTS);
        tables.put32(0x2000 + 4 * 4, (int) WalkTables.DATA | RIGHTS);
        enter(tables, 0);
        tables.expect("4 KiB", WalkTables.DATA | 0x123, LINEAR);
        tables.put32(directoryEntry, 0x2000 | RIGHTS | LARGE);
        tables.expect("bit 7 without PSE is ignored", WalkTables.DATA | 0x123, LINEAR);
        enter(tables, LongMode.CR4_PSE);
        long offset = LINEAR & ((4 << 20) - 1);
        tables.put32(directoryEntry, 5 << 22 | RIGHTS | LARGE);
        tables.expect("4 MiB", 5L << 22 | offset, LINEAR);
        tables.put32(directoryEntry, 5 << 22 | 0xA << 13 | RIGHTS | LARGE);
        tables.expect("4 MiB, bits 13 to 16 are bits 32 to 35", 0xAL << 32 | 5L << 22 | offset, LINEAR);
        tables.put32(directoryEntry, 5 << 22 | 1 << 17 | RIGHTS | LARGE);
        tables.expect("4 MiB, bit 17", -1, LINEAR);
    }

    private static void cachedPointers(Trial t) {
        WalkTables tables = WalkTables.of(t);
        long linear = 1L << 30 | 2L << 21 | 3L << 12 | 0x123;
        tables.put(ROOT + 8, 0x2000 | WalkTables.PRESENT);
        tables.put(0x2000 + 2 * 8, 0x3000 | WalkTables.ALL_RIGHTS);
        tables.put(0x3000 + 3 * 8, WalkTables.DATA | WalkTables.ALL_RIGHTS);
        enter(tables, LongMode.CR4_PAE);
        tables.expect("as loaded", WalkTables.DATA | 0x123, linear);
        tables.put(ROOT + 8, OTHER_ROOT_TABLE | WalkTables.PRESENT);
        tables.expect("changed in memory", WalkTables.DATA | 0x123, linear);
        enter(tables, LongMode.CR4_PAE);
        tables.expect("loaded again", -1, linear);
    }
}
