package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.Translation2Layout.EXEC;
import static io.guestmem.abi.Translation2Layout.FAULT_INVALID_GPA;
import static io.guestmem.abi.Translation2Layout.FAULT_INVALID_GVA;
import static io.guestmem.abi.Translation2Layout.FAULT_NOT_PRESENT;
import static io.guestmem.abi.Translation2Layout.FAULT_PRIVILEGE_VIOLATION;
import static io.guestmem.abi.Translation2Layout.FAULT_RESERVED_BITS;
import static io.guestmem.abi.Translation2Layout.FORCE_SET_ACCESSED;
import static io.guestmem.abi.Translation2Layout.SET_ACCESSED;
import static io.guestmem.abi.Translation2Layout.SET_DIRTY;
import static io.guestmem.abi.Translation2Layout.USER;
import static io.guestmem.abi.Translation2Layout.WRITE;
import static io.guestmem.conform.CheckClass.MODEL;
import static io.guestmem.conform.CheckClass.REAL;

import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.SegmentLayout;
import io.guestmem.abi.SregsLayout;
import io.guestmem.abi.Translation2Layout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * {@code KVM_TRANSLATE2}, as proposed. Where the proposal's code and its documentation differ, a kernel may follow either, and must
 * follow the same one in all checks that show it.
 */
final class Translate2Checks {
    private static final long OFFSET = WalkTables.LINEAR & (Numbers.PAGE - 1);
    private static final int UNTOUCHED = 0x55;

    private Translate2Checks() {}

    static List<Check> all() {
        String arguments = "KVM_TRANSLATE2, patch 12";
        String answer = "KVM_TRANSLATE2, patch 14";
        String selftest = "KVM_TRANSLATE2, selftest";
        return List.of(
                Check.of(
                        "T2-01",
                        "no released kernel has it, a model may",
                        "x86.c:kvm_arch_vcpu_ioctl",
                        Translate2Checks::unknown,
                        REAL),
                Check.of("T2-02", "arguments that are refused", arguments, Translate2Checks::refused, MODEL),
                Check.of("T2-03", "an address that is not canonical", answer, Translate2Checks::notCanonical, MODEL),
                Check.of("T2-04", "a wide address in 32-bit code", answer, Translate2Checks::compatibility, MODEL),
                Check.of("T2-05", "every right, every access", selftest, Translate2Checks::matrix, MODEL),
                Check.of("T2-06", "a reserved bit", selftest, Translate2Checks::reserved, MODEL),
                Check.of("T2-07", "a table in no memslot", selftest, Translate2Checks::noSlot, MODEL),
                Check.of("T2-08", "accessed bits by force", selftest, Translate2Checks::force, MODEL),
                Check.of("T2-09", "and without", answer, Translate2Checks::withoutForce, MODEL),
                Check.of("T2-10", "tables in a read-only memslot", selftest, Translate2Checks::readOnly, MODEL),
                Check.of("T2-11", "only the leaf is dirty", "KVM_TRANSLATE2, patch 7", Translate2Checks::dirty, MODEL),
                Check.of(
                        "T2-12",
                        "a missing right comes before a missing entry",
                        "KVM_TRANSLATE2, patch 2",
                        Translate2Checks::order,
                        MODEL),
                Check.of("T2-13", "SMAP has no code of its own", answer, Translate2Checks::smap, MODEL),
                Check.of(
                        "T2-14",
                        "an entry that changes meanwhile",
                        "paging_tmpl.h:walk_addr_generic",
                        Translate2Checks::changes,
                        MODEL),
                Check.of(
                        "T2-15",
                        "without paging",
                        "mmu.c:nonpaging_gva_to_gpa",
                        Translate2Checks::withoutPaging,
                        MODEL),
                Check.of("T2-16", "WP and AC", "mmu.h:permission_fault", Translate2Checks::writeProtect, MODEL));
    }

    /**
     * What a request answered.
     *
     * @param result 0 or a negated errno
     * @param valid of the struct
     * @param gpa physical_address
     * @param code error_code
     * @param bits set_bits_succeeded
     */
    private record Answer2(long result, int valid, long gpa, int code, int bits) {}

    /** Every output is preset, so that what is not written can be seen. */
    private static Answer2 translate(RawVcpu vcpu, long linear, int flags, int access) {
        MemorySegment struct = vcpu.trial().struct(Translation2Layout.STRUCT.size());
        struct.set(ValueLayout.JAVA_LONG, Translation2Layout.LINEAR_ADDRESS, linear);
        struct.set(ValueLayout.JAVA_SHORT, Translation2Layout.FLAGS, (short) flags);
        struct.set(ValueLayout.JAVA_SHORT, Translation2Layout.ACCESS, (short) access);
        struct.set(ValueLayout.JAVA_LONG, Translation2Layout.PHYSICAL_ADDRESS, UNTOUCHED);
        struct.set(ValueLayout.JAVA_SHORT, Translation2Layout.ERROR_CODE, (short) UNTOUCHED);
        struct.set(ValueLayout.JAVA_BYTE, Translation2Layout.SET_BITS_SUCCEEDED, (byte) UNTOUCHED);
        long result = Trial.request(vcpu.file(), KvmIoctl.TRANSLATE2, struct);
        return new Answer2(
                result,
                struct.get(ValueLayout.JAVA_BYTE, Translation2Layout.VALID),
                struct.get(ValueLayout.JAVA_LONG, Translation2Layout.PHYSICAL_ADDRESS),
                struct.get(ValueLayout.JAVA_SHORT, Translation2Layout.ERROR_CODE),
                struct.get(ValueLayout.JAVA_BYTE, Translation2Layout.SET_BITS_SUCCEEDED));
    }

    private static void unknown(Trial t) {
        long result = translate(t.vm().vcpu(0), 0, 0, 0).result;
        t.expect("translate", t.on().model().isEmpty() ? -EINVAL.number() : 0, result);
    }

    private static WalkTables tables(Trial t) {
        return offered(WalkTables.of(t));
    }

    private static WalkTables offered(WalkTables tables) {
        Trial.require(
                translate(tables.vcpu(), WalkTables.LINEAR, 0, 0).result != -EINVAL.number(),
                "this kernel has no KVM_TRANSLATE2: it was never merged");
        return tables;
    }

    private static Answer2 walk(WalkTables tables, int flags, int access) {
        return translate(tables.vcpu(), WalkTables.LINEAR, flags, access);
    }

    private static void expectValid(Trial t, String what, Answer2 answer) {
        t.expect(what + ": valid", 1, answer.valid);
        t.expectHex(what + ": gpa", WalkTables.DATA | OFFSET, answer.gpa);
    }

    private static void expectFault(Trial t, String what, int code, Answer2 answer) {
        t.expect(what + ": valid", 0, answer.valid);
        t.expect(what + ": error_code", code, answer.code);
    }

    private static void refused(Trial t) {
        WalkTables tables = tables(t);
        t.expect("DIRTY", EINVAL, walk(tables, SET_DIRTY, WRITE).result);
        t.expect("FORCE", EINVAL, walk(tables, FORCE_SET_ACCESSED, 0).result);
        t.expect("ACCESSED and DIRTY, no WRITE", EINVAL, walk(tables, SET_ACCESSED | SET_DIRTY, 0).result);
        t.expect("access 8", EINVAL, walk(tables, 0, 8).result);
        t.expect("flags 8", EINVAL, walk(tables, 8, 0).result);
    }

    private static void notCanonical(Trial t) {
        WalkTables tables = tables(t);
        Answer2 answer = translate(tables.vcpu(), 5L << 60, SET_ACCESSED, 0);
        expectFault(t, "5 << 60", FAULT_INVALID_GVA, answer);
        boolean isCoded = isCoded(tables);
        t.expect("set_bits_succeeded", isCoded ? UNTOUCHED : 0, answer.bits);
        if (isCoded) {
            t.expectHex("gpa", UNTOUCHED, answer.gpa);
        }
    }

    private static void compatibility(Trial t) {
        WalkTables tables = tables(t);
        MemorySegment sregs = tables.vcpu().systemRegisters();
        sregs.set(ValueLayout.JAVA_BYTE, SregsLayout.CS + SegmentLayout.L, (byte) 0);
        sregs.set(ValueLayout.JAVA_BYTE, SregsLayout.CS + SegmentLayout.DB, (byte) 1);
        t.must("KVM_SET_SREGS", tables.vcpu().setSystemRegisters(sregs));
        expectFault(t, "above 4 GiB", FAULT_INVALID_GVA, walk(tables, 0, 0));
    }

    private static void matrix(Trial t) {
        WalkTables tables = tables(t);
        tables.addToRegister(SregsLayout.EFER, LongMode.EFER_NX);
        for (int granted = 0; granted < 8; granted++) {
            grant(tables, granted);
            for (int access = 0; access < 8; access++) {
                Answer2 answer = walk(tables, 0, access);
                String what = "granted " + granted + ", access " + access;
                if ((access & ~granted) == 0) {
                    expectValid(t, what, answer);
                } else {
                    expectFault(t, what, FAULT_PRIVILEGE_VIOLATION, answer);
                }
            }
        }
    }

    /** Gives the same rights on all levels. */
    private static void grant(WalkTables tables, int rights) {
        tables.reset();
        for (int level = 4; level >= 1; level--) {
            long entry = tables.get(level) & ~(WalkTables.WRITABLE | WalkTables.USER);
            entry |= (rights & WRITE) != 0 ? WalkTables.WRITABLE : 0;
            entry |= (rights & USER) != 0 ? WalkTables.USER : 0;
            entry |= (rights & EXEC) != 0 ? 0 : WalkTables.NO_EXECUTE;
            tables.set(level, entry);
        }
    }

    private static void reserved(Trial t) {
        WalkTables tables = offered(WalkTables.of(t, CpuidTable.supported(t).withPhysicalBits(40)));
        tables.add(2, 1L << 51);
        Answer2 answer = walk(tables, 0, 0);
        expectFault(t, "PDE bit 51", FAULT_RESERVED_BITS, answer);
        boolean isCoded = isCoded(tables);
        long entry = WalkTables.entry(2);
        t.expectHex("gpa", isCoded ? entry & -Numbers.PAGE : entry, answer.gpa);
    }

    /** Whether the kernel follows the code, not the documentation: T2-09 shows it. */
    private static boolean isCoded(WalkTables tables) {
        tables.reset();
        tables.set(1, 0);
        return walk(tables, SET_ACCESSED, 0).bits == 1;
    }

    private static void noSlot(Trial t) {
        WalkTables tables = tables(t);
        tables.set(2, 0x4000_0000 | WalkTables.ALL_RIGHTS);
        expectFault(t, "table in no memslot", FAULT_INVALID_GPA, walk(tables, 0, 0));
    }

    private static void force(Trial t) {
        WalkTables tables = tables(t);
        tables.set(1, WalkTables.DATA);
        expectFault(t, "FORCE", FAULT_NOT_PRESENT, walk(tables, SET_ACCESSED | FORCE_SET_ACCESSED, 0));
        t.expectSame("bits", "A A A -", tables.accessedAndDirty());
    }

    private static void withoutForce(Trial t) {
        WalkTables tables = tables(t);
        tables.set(1, WalkTables.DATA);
        Answer2 answer = walk(tables, SET_ACCESSED, 0);
        expectFault(t, "ACCESSED", FAULT_NOT_PRESENT, answer);
        t.expectSame("bits", "- - - -", tables.accessedAndDirty());
        t.expectOneOf("set_bits_succeeded, as coded or as documented", answer.bits, 1, 0);
    }

    private static void readOnly(Trial t) {
        WalkTables tables = offered(WalkTables.of(t, CpuidTable.supported(t), Region.READONLY));
        Answer2 answer = walk(tables, SET_ACCESSED, 0);
        expectValid(t, "bits clear", answer);
        t.expect("bits clear: set_bits_succeeded", 0, answer.bits);
        for (int level = 4; level >= 1; level--) {
            tables.add(level, WalkTables.ACCESSED);
        }
        answer = walk(tables, SET_ACCESSED, 0);
        expectValid(t, "bits set", answer);
        t.expect("bits set: set_bits_succeeded", 1, answer.bits);
    }

    private static void dirty(Trial t) {
        WalkTables tables = tables(t);
        expectValid(t, "no flags", walk(tables, 0, WRITE));
        t.expectSame("bits", "- - - -", tables.accessedAndDirty());
        expectValid(t, "ACCESSED and DIRTY", walk(tables, SET_ACCESSED | SET_DIRTY, WRITE));
        t.expectSame("bits", "A A A AD", tables.accessedAndDirty());
    }

    private static void order(Trial t) {
        WalkTables tables = tables(t);
        tables.set(4, tables.get(4) & ~WalkTables.WRITABLE);
        tables.set(1, 0);
        expectFault(t, "PML4E read-only, PTE not present", FAULT_PRIVILEGE_VIOLATION, walk(tables, 0, WRITE));
        expectFault(t, "the same, to be read", FAULT_NOT_PRESENT, walk(tables, 0, 0));
    }

    private static void smap(Trial t) {
        WalkTables tables = tables(t);
        long cr4 = tables.register(SregsLayout.CR4) | LongMode.CR4_SMAP;
        Trial.require(tables.setRegister(SregsLayout.CR4, cr4) == 0, "no SMAP on this kernel");
        tables.setAlignmentCheck(false);
        Answer2 answer = walk(tables, 0, 0);
        t.expect("user page: valid", 0, answer.valid);
        boolean isCoded = isCoded(withoutSmap(tables));
        t.expect("user page: error_code", isCoded ? UNTOUCHED : FAULT_PRIVILEGE_VIOLATION, answer.code);
    }

    private static WalkTables withoutSmap(WalkTables tables) {
        long cr4 = tables.register(SregsLayout.CR4) & ~LongMode.CR4_SMAP;
        Trial.require(tables.setRegister(SregsLayout.CR4, cr4) == 0, "SMAP cannot be switched off");
        return tables;
    }

    private static void changes(Trial t) {
        ModelInspection model = t.model();
        WalkTables tables = tables(t);
        model.beforeNextUpdateOfGuestTables(tables.vm().file(), () -> tables.set(1, 0x9000 | WalkTables.ALL_RIGHTS));
        Answer2 answer = walk(tables, SET_ACCESSED, 0);
        t.expect("valid", 1, answer.valid);
        t.expectHex("gpa of the new entry", 0x9000 | OFFSET, answer.gpa);
        t.expectSame("bits", "A A A A", tables.accessedAndDirty());
    }

    private static void withoutPaging(Trial t) {
        WalkTables tables = tables(t);
        MemorySegment sregs = tables.vcpu().systemRegisters();
        LongMode.protectedMode(sregs);
        t.must("KVM_SET_SREGS", tables.vcpu().setSystemRegisters(sregs));
        Answer2 answer = translate(tables.vcpu(), 0xDEADB000L, SET_ACCESSED, WRITE);
        t.expect("valid", 1, answer.valid);
        t.expectHex("gpa", 0xDEADB000L, answer.gpa);
        t.expectSame("bits", "- - - -", tables.accessedAndDirty());
    }

    private static void writeProtect(Trial t) {
        WalkTables tables = tables(t);
        grant(tables, USER | EXEC);
        expectFault(t, "WP, supervisor writes", FAULT_PRIVILEGE_VIOLATION, walk(tables, 0, WRITE));
        long cr0 = tables.register(SregsLayout.CR0) & ~LongMode.CR0_WP;
        t.must("CR0", tables.setRegister(SregsLayout.CR0, cr0));
        expectValid(t, "no WP, supervisor writes", walk(tables, 0, WRITE));
        expectFault(t, "no WP, user writes", FAULT_PRIVILEGE_VIOLATION, walk(tables, 0, WRITE | USER));
        long cr4 = tables.register(SregsLayout.CR4) | LongMode.CR4_SMAP;
        Trial.require(tables.setRegister(SregsLayout.CR4, cr4) == 0, "no SMAP on this kernel");
        tables.setAlignmentCheck(true);
        expectValid(t, "SMAP, AC, supervisor reads", walk(tables, 0, 0));
        tables.setAlignmentCheck(false);
        t.expect("SMAP, no AC, supervisor reads: valid", 0, walk(tables, 0, 0).valid);
        expectValid(t, "SMAP, no AC, user reads", walk(tables, 0, USER));
    }
}
