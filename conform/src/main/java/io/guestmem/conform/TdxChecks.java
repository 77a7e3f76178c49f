package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EFAULT;
import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.ErrorNumber.EIO;
import static io.guestmem.abi.ErrorNumber.EOPNOTSUPP;
import static io.guestmem.conform.CheckClass.CONFIDENTIAL;
import static io.guestmem.conform.CheckClass.MODEL;
import static io.guestmem.conform.Launching.GPA;
import static io.guestmem.conform.Launching.PAGE;
import static io.guestmem.conform.Launching.PAGES;
import static io.guestmem.conform.Launching.SHARED_BIT;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.TdxCommandLayout;
import io.guestmem.abi.VmType;
import io.guestmem.conform.Launching.Added;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** The commands that launch TDs. */
final class TdxChecks {
    private static final int MEASURE = TdxCommandLayout.MEASURE_MEMORY_REGION;
    private static final int RECORD = 128;
    private static final int RECORD_GPA = 16;
    private static final int CHUNK = 256;

    private TdxChecks() {}

    static List<Check> all() {
        String region = "tdx.c:tdx_vcpu_init_mem_region";
        String populate = "tdx.c:tdx_gmem_post_populate";
        return List.of(
                Check.of(
                        "TDX-01",
                        "the status is zero on entry",
                        "tdx.c:tdx_get_cmd",
                        TdxChecks::statusOnEntry,
                        CONFIDENTIAL,
                        MODEL),
                Check.of("TDX-02", "regions that are refused", region, TdxChecks::refused, CONFIDENTIAL, MODEL),
                Check.of("TDX-03", "a page needs a source", populate, TdxChecks::noSource, CONFIDENTIAL, MODEL),
                Check.of("TDX-04", "an error comes with the progress", region, TdxChecks::partly, CONFIDENTIAL, MODEL),
                Check.of(
                        "TDX-05",
                        "a page is added once",
                        "mmu.c:kvm_tdp_mmu_map_private_pfn",
                        TdxChecks::once,
                        CONFIDENTIAL,
                        MODEL),
                Check.of("TDX-06", "a page is extended in 16 pieces, or not", populate, TdxChecks::measured, MODEL),
                Check.of(
                        "TDX-07",
                        "pages before the end, runs after it",
                        region,
                        TdxChecks::beforeAndAfter,
                        CONFIDENTIAL,
                        MODEL));
    }

    private static void statusOnEntry(Trial t) {
        Launching tdx = Launching.of(t, VmType.TDX);
        t.expect("of the VM", EINVAL, tdx.tdx(tdx.vm().file(), TdxCommandLayout.FINALIZE_VM, 0, 0, 1));
        RawVcpu vcpu = tdx.begunTdx();
        t.expect("of a vCPU", EINVAL, tdx.tdx(vcpu.file(), TdxCommandLayout.GET_CPUID, 0, 0, 1));
    }

    private static void refused(Trial t) {
        Launching tdx = Launching.of(t, VmType.TDX);
        RawVcpu vcpu = tdx.begunTdx();
        tdx.privateSlot();
        long source = tdx.source(1).hva();
        refuse(t, tdx, vcpu, "no pages", source, GPA, 0, MEASURE);
        refuse(t, tdx, vcpu, "flags", source, GPA, 1, 2);
        refuse(t, tdx, vcpu, "source not aligned", source + 8, GPA, 1, MEASURE);
        refuse(t, tdx, vcpu, "gpa not aligned", source, GPA + 8, 1, MEASURE);
        refuse(t, tdx, vcpu, "shared", source, GPA | SHARED_BIT, 1, MEASURE);
        refuse(t, tdx, vcpu, "the last one shared", source, SHARED_BIT - PAGE, 2, MEASURE);
        refuse(t, tdx, vcpu, "beyond all memory", source, -PAGE, 2, MEASURE);
        refuse(t, tdx, vcpu, "no memslot", source, GPA + 64 * PAGE, 1, MEASURE);
        long pointer = tdx.tdx(vcpu.file(), TdxCommandLayout.INIT_MEM_REGION, 0, 0, 0);
        t.expect("no struct", EFAULT, pointer);
    }

    private static void refuse(
            Trial t, Launching tdx, RawVcpu vcpu, String what, long source, long gpa, long pages, int flags) {
        t.expectSame(
                what,
                new Added(-EINVAL.number(), source, gpa, pages),
                tdx.initMemRegion(vcpu, source, gpa, pages, flags));
    }

    private static void noSource(Trial t) {
        Launching tdx = Launching.of(t, VmType.TDX);
        RawVcpu vcpu = tdx.begunTdx();
        tdx.privateSlot();
        t.expectSame("null", new Added(-EOPNOTSUPP.number(), 0, GPA, 1), tdx.initMemRegion(vcpu, 0, GPA, 1, MEASURE));
        t.expectSame(
                "not there", new Added(-EFAULT.number(), PAGE, GPA, 1), tdx.initMemRegion(vcpu, PAGE, GPA, 1, MEASURE));
    }

    private static void partly(Trial t) {
        Launching tdx = Launching.of(t, VmType.TDX);
        RawVcpu vcpu = tdx.begunTdx();
        tdx.privateSlot();
        long source = tdx.source(PAGES + 1).hva();
        tdx.vm().makeShared(GPA + 2 * PAGE, PAGE);
        t.expectSame(
                "4 pages, the third one shared",
                added(EINVAL, source, 2, 2),
                tdx.initMemRegion(vcpu, source, GPA, PAGES, MEASURE));
        tdx.vm().makePrivate(GPA + 2 * PAGE, PAGE);
        t.expectSame(
                "3 pages, 2 of them in the slot",
                added(EINVAL, source, PAGES, 1),
                tdx.initMemRegion(vcpu, source + 2 * PAGE, GPA + 2 * PAGE, 3, MEASURE));
    }

    private static Added added(ErrorNumber error, long source, long done, long left) {
        return new Added(-error.number(), source + done * PAGE, GPA + done * PAGE, left);
    }

    private static void once(Trial t) {
        Launching tdx = Launching.of(t, VmType.TDX);
        RawVcpu vcpu = tdx.begunTdx();
        tdx.privateSlot();
        long source = tdx.source(2).hva();
        t.expectSame(
                "first", new Added(0, source + PAGE, GPA + PAGE, 0), tdx.initMemRegion(vcpu, source, GPA, 1, MEASURE));
        t.expectSame("again", added(EIO, source, 0, 2), tdx.initMemRegion(vcpu, source, GPA, 2, MEASURE));
    }

    private static void measured(Trial t) {
        Launching tdx = Launching.of(t, VmType.TDX);
        RawVcpu vcpu = tdx.begunTdx();
        tdx.privateSlot();
        HostMemory source = tdx.source(2);
        byte[] content = source.segment().asSlice(0, PAGE).toArray(ValueLayout.JAVA_BYTE);
        ModelInspection model = tdx.trial().model();
        MessageDigest expected = sha384();
        expected.update(record("MEM.PAGE.ADD", GPA + PAGE));
        t.must("added", tdx.initMemRegion(vcpu, source.hva(), GPA + PAGE, 1, 0).result());
        t.expectSame(
                "without the flag", soFar(expected), model.launchDigest(tdx.vm().file()));
        expected.update(record("MEM.PAGE.ADD", GPA));
        for (int at = 0; at < PAGE; at += CHUNK) {
            expected.update(record("MR.EXTEND", GPA + at));
            expected.update(content, at, CHUNK);
        }
        t.must("added", tdx.initMemRegion(vcpu, source.hva(), GPA, 1, MEASURE).result());
        t.expectSame("with it", soFar(expected), model.launchDigest(tdx.vm().file()));
    }

    /** What the TDX module hashes of an operation. Source: TDX module 1.5, {@code TDH.MEM.PAGE.ADD}, {@code TDH.MR.EXTEND}. */
    private static byte[] record(String operation, long gpa) {
        ByteBuffer record = ByteBuffer.allocate(RECORD).order(ByteOrder.LITTLE_ENDIAN);
        return record.put(operation.getBytes(StandardCharsets.US_ASCII))
                .putLong(RECORD_GPA, gpa)
                .array();
    }

    private static MessageDigest sha384() {
        try {
            return MessageDigest.getInstance("SHA-384");
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError("every JDK has SHA-384", impossible);
        }
    }

    private static String soFar(MessageDigest digest) {
        try {
            return HexFormat.of().formatHex(((MessageDigest) digest.clone()).digest());
        } catch (CloneNotSupportedException impossible) {
            throw new AssertionError("the JDK's SHA-384 can be cloned", impossible);
        }
    }

    private static void beforeAndAfter(Trial t) {
        Launching tdx = Launching.of(t, VmType.TDX);
        RawVcpu vcpu = tdx.begunTdx();
        tdx.privateSlot();
        long source = tdx.source(1).hva();
        t.expect("RUN too early", EINVAL, vcpu.enter());
        t.expect("FINALIZE_VM", 0, tdx.finalizeVm());
        t.expect("FINALIZE_VM again", EINVAL, tdx.finalizeVm());
        refuse(t, tdx, vcpu, "INIT_MEM_REGION too late", source, GPA, 1, MEASURE);
        Launching none = Launching.of(t, VmType.TDX);
        t.expect("FINALIZE_VM before INIT_VM", EINVAL, none.finalizeVm());
    }
}
