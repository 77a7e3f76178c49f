package io.guestmem.conform;

import static io.guestmem.conform.CheckClass.REAL;

import io.guestmem.abi.Capability;
import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.SregsLayout;
import java.util.List;

/** {@code KVM_TRANSLATE} with 4 and 5 levels. */
final class TranslateChecks {
    private static final long OFFSET = WalkTables.LINEAR & (Numbers.PAGE - 1);
    private static final int FEATURES = 0x8000_0001;
    private static final int GIBIBYTE_PAGES = 1 << 26;

    /** A gpa with no memslot. */
    private static final long NOWHERE = 0x4000_0000;

    private TranslateChecks() {}

    static List<Check> all() {
        String ioctl = "x86.c:kvm_arch_vcpu_ioctl_translate";
        String walk = "paging_tmpl.h:walk_addr_generic";
        String update = "paging_tmpl.h:update_accessed_dirty_bits";
        String reserved = "mmu.c:__reset_rsvds_bits_mask";
        return List.of(
                Check.of("TR-01", "without paging", ioctl, TranslateChecks::withoutPaging, REAL),
                Check.of("TR-02", "an unmapped address", ioctl, TranslateChecks::unmapped, REAL),
                Check.of("TR-03", "a walk sets the accessed bits", update, TranslateChecks::setsAccessed, REAL),
                Check.of("TR-04", "one that fails sets none", update, TranslateChecks::failedSetsNone, REAL),
                Check.of("TR-05", "nor in a read-only memslot", update, TranslateChecks::readOnlySlot, REAL),
                Check.of("TR-06", "a table that is not there", walk, TranslateChecks::tableNotThere, REAL),
                Check.of("TR-07", "the page itself need not be", walk, TranslateChecks::pageNotThere, REAL),
                Check.of("TR-08", "an address that is not canonical", walk, TranslateChecks::notCanonical, REAL),
                Check.of("TR-09", "SMAP", "mmu.h:permission_fault", TranslateChecks::smap, REAL),
                Check.of("TR-10", "no-execute without the feature", reserved, TranslateChecks::noExecute, REAL),
                Check.of("TR-11", "reserved bits of the upper levels", reserved, TranslateChecks::upperLevels, REAL),
                Check.of(
                        "TR-12",
                        "pages of 1 GiB",
                        "cpuid.c:kvm_vcpu_after_set_cpuid",
                        TranslateChecks::gibibytePages,
                        REAL),
                Check.of("TR-13", "reserved bits of page directories", reserved, TranslateChecks::directories, REAL),
                Check.of("TR-14", "addresses that are too wide", reserved, TranslateChecks::tooWide, REAL),
                Check.of("TR-17", "five levels", walk, TranslateChecks::fiveLevels, REAL));
    }

    private static void withoutPaging(Trial t) {
        t.expectSame(
                "real mode, 0xdeadb000",
                new RawVcpu.Translated(0, 0xDEADB000L, 1, 1, 0, 0x5A),
                t.vm().vcpu(0).translate(0xDEADB000L, 0x5A));
    }

    private static void unmapped(Trial t) {
        WalkTables tables = WalkTables.of(t);
        RawVcpu.Translated answer = tables.vcpu().translate(5L << 39);
        t.expect("result", 0, answer.result());
        t.expect("valid", 0, answer.valid());
        t.expectHex("physical_address", -1, answer.gpa());
    }

    private static void setsAccessed(Trial t) {
        WalkTables tables = WalkTables.of(t);
        tables.expectValid("all present");
        t.expectSame("bits", "A A A A", tables.accessedAndDirty());
    }

    private static void failedSetsNone(Trial t) {
        WalkTables tables = WalkTables.of(t);
        tables.set(1, 0);
        tables.expectInvalid("last entry not present");
        t.expectSame("bits", "- - - -", tables.accessedAndDirty());
    }

    private static void readOnlySlot(Trial t) {
        WalkTables tables = WalkTables.of(t, CpuidTable.supported(t), Region.READONLY);
        tables.expectValid("tables in a read-only memslot");
        t.expectSame("bits", "- - - -", tables.accessedAndDirty());
    }

    private static void tableNotThere(Trial t) {
        WalkTables tables = WalkTables.of(t);
        tables.set(2, NOWHERE | WalkTables.ALL_RIGHTS);
        tables.expectInvalid("table in no memslot");
        t.must("memslot", tables.vm().set(Region.of(1, NOWHERE, Numbers.PAGE, 0x10000)));
        tables.expectInvalid("table in a memslot without host memory");
    }

    private static void pageNotThere(Trial t) {
        WalkTables tables = WalkTables.of(t);
        tables.set(1, NOWHERE | WalkTables.ALL_RIGHTS);
        tables.expect("page in no memslot", NOWHERE | OFFSET, WalkTables.LINEAR);
    }

    private static void notCanonical(Trial t) {
        WalkTables tables = WalkTables.of(t);
        tables.expect("bit 60 too", WalkTables.DATA | OFFSET, 1L << 60 | WalkTables.LINEAR);
        tables.expect("bit 63 too", WalkTables.DATA | OFFSET, 1L << 63 | WalkTables.LINEAR);
    }

    private static void smap(Trial t) {
        WalkTables tables = WalkTables.of(t);
        tables.expectValid("without SMAP");
        long cr4 = tables.register(SregsLayout.CR4) | LongMode.CR4_SMAP;
        Trial.require(tables.setRegister(SregsLayout.CR4, cr4) == 0, "no SMAP on this kernel");
        tables.setAlignmentCheck(false);
        tables.expectInvalid("SMAP, user page");
        tables.setAlignmentCheck(true);
        tables.expectValid("SMAP, user page, AC");
        tables.setAlignmentCheck(false);
        tables.set(1, WalkTables.DATA | WalkTables.PRESENT);
        tables.expectValid("SMAP, supervisor page");
    }

    private static void noExecute(Trial t) {
        WalkTables tables = WalkTables.of(t);
        tables.add(1, WalkTables.NO_EXECUTE);
        tables.expectInvalid("bit 63, EFER.NX clear");
        tables.addToRegister(SregsLayout.EFER, LongMode.EFER_NX);
        tables.expectValid("bit 63, EFER.NX set");
    }

    private static void upperLevels(Trial t) {
        WalkTables tables = WalkTables.of(t, CpuidTable.supported(t).withVendor(true));
        tables.add(4, WalkTables.LARGE);
        tables.expectInvalid("PML4E bit 7");
        tables.reset();
        tables.add(4, WalkTables.GLOBAL);
        tables.expectInvalid("PML4E bit 8, AMD");
        tables.reset();
        tables.add(3, WalkTables.GLOBAL);
        tables.expectValid("PDPTE bit 8, AMD");
    }

    private static void gibibytePages(Trial t) {
        boolean offered = (CpuidTable.supported(t).leaf(FEATURES, 0).edx() & GIBIBYTE_PAGES) != 0;
        boolean tdp = t.capability(Capability.PRE_FAULT_MEMORY) == 1;
        for (boolean told : List.of(true, false)) {
            CpuidTable cpuid = CpuidTable.supported(t).with(FEATURES, 0, CpuidLayout.ENTRY_EDX, GIBIBYTE_PAGES, told);
            WalkTables tables = WalkTables.of(t, cpuid);
            tables.set(3, 5L << 30 | WalkTables.LARGE | WalkTables.ALL_RIGHTS);
            boolean valid = tdp ? offered : offered && told;
            long expected = valid ? 5L << 30 | (WalkTables.LINEAR & (Numbers.GIB - 1)) : -1;
            tables.expect("1 GiB, guest is told " + told + ", kernel offers " + offered, expected, WalkTables.LINEAR);
            tables.add(3, 1 << 13);
            tables.expectInvalid("1 GiB, bit 13");
            tables.set(3, 5L << 30 | 1 << 29 | WalkTables.LARGE | WalkTables.ALL_RIGHTS);
            tables.expectInvalid("1 GiB, bit 29");
        }
    }

    private static void directories(Trial t) {
        WalkTables tables = WalkTables.of(t);
        long leaf = 7L << 21 | WalkTables.LARGE | WalkTables.ALL_RIGHTS;
        long gpa = 7L << 21 | (WalkTables.LINEAR & (Numbers.HUGE - 1));
        tables.set(2, leaf);
        tables.expect("2 MiB", gpa, WalkTables.LINEAR);
        tables.set(2, leaf | 1 << 12);
        tables.expect("2 MiB, bit 12", gpa, WalkTables.LINEAR);
        tables.set(2, leaf | 1 << 13);
        tables.expectInvalid("2 MiB, bit 13");
        for (int bit = 52; bit <= 62; bit++) {
            tables.reset();
            tables.add(2, 1L << bit);
            tables.expectValid("table, bit " + bit);
        }
        tables.reset();
        tables.add(2, WalkTables.GLOBAL);
        tables.expectValid("table, bit 8");
    }

    private static void tooWide(Trial t) {
        WalkTables tables = WalkTables.of(t, CpuidTable.supported(t).withPhysicalBits(36));
        for (int level = 4; level >= 1; level--) {
            tables.reset();
            tables.add(level, 1L << 36);
            tables.expectInvalid("level " + level + ", bit 36 of 36");
        }
        tables.reset();
        tables.add(1, 1L << 35);
        tables.expect("level 1, bit 35 of 36", 1L << 35 | WalkTables.DATA | OFFSET, WalkTables.LINEAR);
    }

    private static void fiveLevels(Trial t) {
        WalkTables tables = WalkTables.of(t);
        // Paging must be off while the number of levels changes in a CPU, not so in KVM_SET_SREGS.
        long cr4 = tables.register(SregsLayout.CR4) | LongMode.CR4_LA57;
        Trial.require(tables.setRegister(SregsLayout.CR4, cr4) == 0, "no LA57 on this kernel");
        tables.put(WalkTables.PML5 + 6 * 8, WalkTables.PML4 | WalkTables.ALL_RIGHTS);
        t.must("CR3", tables.setRegister(SregsLayout.CR3, WalkTables.PML5));
        tables.expect("through PML5[6]", WalkTables.DATA | OFFSET, 6L << 48 | WalkTables.LINEAR);
        t.expect("PML5[6] accessed", true, (tables.at(WalkTables.PML5 + 6 * 8) & WalkTables.ACCESSED) != 0);
        tables.expect("through PML5[7]", -1, 7L << 48 | WalkTables.LINEAR);
    }
}
