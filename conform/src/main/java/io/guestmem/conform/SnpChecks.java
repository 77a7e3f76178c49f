package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.ErrorNumber.EIO;
import static io.guestmem.abi.ErrorNumber.ENOTTY;
import static io.guestmem.abi.ErrorNumber.EPERM;
import static io.guestmem.conform.CheckClass.CONFIDENTIAL;
import static io.guestmem.conform.CheckClass.MODEL;
import static io.guestmem.conform.Launching.GPA;
import static io.guestmem.conform.Launching.PAGE;
import static io.guestmem.conform.Launching.PAGES;
import static io.guestmem.conform.Launching.POLICY;
import static io.guestmem.conform.Launching.updated;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.SnpLaunchUpdateLayout;
import io.guestmem.abi.VmType;
import io.guestmem.conform.Launching.Sev;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** The commands that launch SNP guests. */
final class SnpChecks {
    private static final int NORMAL = SnpLaunchUpdateLayout.NORMAL;
    private static final int INVALID_PARAM = 0x16;

    /** A firmware that has no more to say about a table with so many functions than that it is wrong. */
    private static final int TOO_MANY_FUNCTIONS = 65;

    /** {@code struct snp_cpuid_fn}: where it begins in the page, and its ecx. */
    private static final int FIRST_FUNCTION = 16;

    private static final int FUNCTION_ECX = 32;

    private SnpChecks() {}

    static List<Check> all() {
        String update = "sev.c:snp_launch_update";
        return List.of(
                Check.of("SNP-01", "updates that are refused", update, SnpChecks::refused, CONFIDENTIAL, MODEL),
                Check.of("SNP-02", "a page is given once, and private", update, SnpChecks::once, CONFIDENTIAL, MODEL),
                Check.of("SNP-03", "progress is success", update, SnpChecks::partly, CONFIDENTIAL, MODEL),
                Check.of("SNP-04", "a page of zeroes has no source", update, SnpChecks::zeroes, CONFIDENTIAL, MODEL),
                Check.of(
                        "SNP-05",
                        "a CPUID page comes back corrected",
                        "sev.c:sev_gmem_post_populate",
                        SnpChecks::corrected,
                        CONFIDENTIAL,
                        MODEL),
                Check.of(
                        "SNP-06",
                        "starts that are refused",
                        "sev.c:snp_launch_start",
                        SnpChecks::starts,
                        CONFIDENTIAL,
                        MODEL),
                Check.of(
                        "SNP-07",
                        "commands of SEV are not for SNP",
                        "sev.c:sev_mem_enc_ioctl",
                        SnpChecks::legacy,
                        CONFIDENTIAL,
                        MODEL));
    }

    private static void refused(Trial t) {
        Launching snp = Launching.of(t, VmType.SNP);
        long source = snp.source(1).hva();
        t.must("KVM_SEV_INIT2", snp.init2().result());
        snp.privateSlot();
        t.expectSame(
                "before START", updated(-EINVAL.number(), GPA, source, PAGE), snp.snpUpdate(NORMAL, GPA, source, PAGE));
        t.must("START", snp.snpStart(POLICY, 0).result());
        refuse(t, snp, "no bytes", NORMAL, GPA, source, 0, 0);
        refuse(t, snp, "a part of a page", NORMAL, GPA, source, PAGE / 2, 0);
        refuse(t, snp, "flags", NORMAL, GPA, source, PAGE, 1);
        refuse(t, snp, "a VMSA", 2, GPA, source, PAGE, 0);
        refuse(t, snp, "type 0", 0, GPA, source, PAGE, 0);
        refuse(t, snp, "type 7", SnpLaunchUpdateLayout.CPUID + 1, GPA, source, PAGE, 0);
        refuse(t, snp, "source not aligned", NORMAL, GPA, source + 8, PAGE, 0);
        refuse(t, snp, "no memslot", NORMAL, GPA + 64 * PAGE, source, PAGE, 0);
        snp.vm().slot(1, GPA + 64 * PAGE, PAGE);
        refuse(t, snp, "no guest_memfd", NORMAL, GPA + 64 * PAGE, source, PAGE, 0);
    }

    private static void refuse(
            Trial t, Launching snp, String what, int type, long gpa, long source, long length, int flags) {
        t.expectSame(
                what, updated(-EINVAL.number(), gpa, source, length), snp.snpUpdate(type, gpa, source, length, flags));
    }

    private static void once(Trial t) {
        Launching snp = Launching.of(t, VmType.SNP).begunSnp();
        snp.privateSlot();
        long source = snp.source(1).hva();
        snp.vm().makeShared(GPA, PAGE);
        t.expectSame("shared", updated(-EIO.number(), GPA, source, PAGE), snp.snpUpdate(NORMAL, GPA, source, PAGE));
        snp.vm().makePrivate(GPA, PAGE);
        t.expectSame("first", updated(0, GPA + PAGE, source + PAGE, 0), snp.snpUpdate(NORMAL, GPA, source, PAGE));
        t.expectSame("second", updated(-EIO.number(), GPA, source, PAGE), snp.snpUpdate(NORMAL, GPA, source, PAGE));
        t.expectSame(
                "source that is not there",
                updated(-EIO.number(), GPA + PAGE, PAGE, PAGE),
                snp.snpUpdate(NORMAL, GPA + PAGE, PAGE, PAGE));
    }

    private static void partly(Trial t) {
        Launching snp = Launching.of(t, VmType.SNP).begunSnp();
        snp.privateSlot();
        long source = snp.source(PAGES + 1).hva();
        snp.vm().makeShared(GPA + 2 * PAGE, PAGE);
        t.expectSame(
                "4 pages, the third one shared",
                updated(0, GPA + 2 * PAGE, source + 2 * PAGE, 2 * PAGE),
                snp.snpUpdate(NORMAL, GPA, source, PAGES * PAGE));
        t.expectSame(
                "the rest",
                updated(-EIO.number(), GPA + 2 * PAGE, source + 2 * PAGE, 2 * PAGE),
                snp.snpUpdate(NORMAL, GPA + 2 * PAGE, source + 2 * PAGE, 2 * PAGE));
        snp.vm().makePrivate(GPA + 2 * PAGE, PAGE);
        t.expectSame(
                "3 pages, 2 of them in the slot",
                updated(0, GPA + PAGES * PAGE, source + PAGES * PAGE, PAGE),
                snp.snpUpdate(NORMAL, GPA + 2 * PAGE, source + 2 * PAGE, 3 * PAGE));
        t.expectSame(
                "the rest",
                updated(-EINVAL.number(), GPA + PAGES * PAGE, source + PAGES * PAGE, PAGE),
                snp.snpUpdate(NORMAL, GPA + PAGES * PAGE, source + PAGES * PAGE, PAGE));
    }

    private static void zeroes(Trial t) {
        Launching snp = Launching.of(t, VmType.SNP).begunSnp();
        snp.privateSlot();
        long nowhere = 0x1001;
        t.expectSame(
                "2 pages",
                updated(0, GPA + 2 * PAGE, nowhere, 0),
                snp.snpUpdate(SnpLaunchUpdateLayout.ZERO, GPA, nowhere, 2 * PAGE));
    }

    private static void corrected(Trial t) {
        Launching snp = Launching.of(t, VmType.SNP).begunSnp();
        snp.privateSlot();
        HostMemory source = snp.source(1);
        MemorySegment page = source.segment().asSlice(0, PAGE);
        page.fill((byte) 0);
        page.set(ValueLayout.JAVA_INT, 0, TOO_MANY_FUNCTIONS);
        Sev invalid = new Sev(-EIO.number(), INVALID_PARAM);
        int cpuid = SnpLaunchUpdateLayout.CPUID;
        t.expectSame(
                "too many functions",
                invalid,
                snp.snpUpdate(cpuid, GPA, source.hva(), PAGE).sev());
        page.set(ValueLayout.JAVA_INT, 0, 1);
        page.set(ValueLayout.JAVA_INT, FIRST_FUNCTION, 1);
        page.set(ValueLayout.JAVA_INT, FIRST_FUNCTION + FUNCTION_ECX, -1);
        t.expectSame(
                "every feature there is",
                invalid,
                snp.snpUpdate(cpuid, GPA, source.hva(), PAGE).sev());
        int corrected = page.get(ValueLayout.JAVA_INT, FIRST_FUNCTION + FUNCTION_ECX);
        t.expect("the firmware took some away", true, corrected != -1);
        t.expectSame(
                "what it made of it",
                new Sev(0, 0),
                snp.snpUpdate(cpuid, GPA, source.hva(), PAGE).sev());
    }

    private static void starts(Trial t) {
        Launching snp = Launching.of(t, VmType.SNP);
        t.must("KVM_SEV_INIT2", snp.init2().result());
        t.expect("bit 17 clear", EINVAL, snp.snpStart(POLICY & ~(1L << 17), 0).result());
        t.expect("unknown bit", EINVAL, snp.snpStart(POLICY | 1L << 63, 0).result());
        t.expect("flags", EINVAL, snp.snpStart(POLICY, 1).result());
        t.expect("first", 0, snp.snpStart(POLICY, 0).result());
        t.expect("second", EINVAL, snp.snpStart(POLICY, 0).result());
        if (t.canHave(VmType.SEV)) {
            startsOfSev(t, Launching.of(t, VmType.SEV));
        }
    }

    private static void startsOfSev(Trial t, Launching sev) {
        t.must("KVM_SEV_INIT2", sev.init2().result());
        t.expect("START of SEV", ENOTTY, sev.snpStart(POLICY, 0).result());
        t.expect("FINISH of SEV", ENOTTY, sev.snpFinish().result());
        t.expect(
                "UPDATE of SEV",
                EINVAL,
                sev.snpUpdate(NORMAL, GPA, 0, PAGE).sev().result());
    }

    private static void legacy(Trial t) {
        Launching snp = Launching.of(t, VmType.SNP).begunSnp();
        t.expect("LAUNCH_START", EPERM, snp.launchStart(1).result());
        t.expect(
                "GUEST_STATUS",
                EPERM,
                snp.sev(SevCommandLayout.GUEST_STATUS, MemorySegment.NULL).result());
        t.expect("INIT2 again", EPERM, snp.init2().result());
        snp.vm().vcpu(0);
        t.expect(
                "SNP_ENABLE_REQ_CERTS after a vCPU",
                EINVAL,
                snp.sev(SevCommandLayout.SNP_ENABLE_REQ_CERTS, MemorySegment.NULL)
                        .result());
        t.expect(
                "an id that nobody knows",
                EINVAL,
                snp.sev(SevCommandLayout.SNP_ENABLE_REQ_CERTS + 1, MemorySegment.NULL)
                        .result());
    }
}
