package io.guestmem.soft.confidential;

import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.SevInitLayout;
import io.guestmem.abi.SnpLaunchFinishLayout;
import io.guestmem.abi.SnpLaunchStartLayout;
import io.guestmem.abi.SnpLaunchUpdateLayout;
import io.guestmem.abi.VmType;
import io.guestmem.soft.confidential.LaunchHost.Outcome;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;

/** Commands of SNP. */
final class SnpHost implements AutoCloseable {
    static final long POLICY = 0x30000;
    final LaunchHost host =
            new LaunchHost(EnumSet.of(VmType.DEFAULT, VmType.SEV, VmType.SEV_ES, VmType.SNP), VmType.SNP);

    Outcome init(long features, int flags, int ghcb) {
        MemorySegment struct = LaunchHost.struct(SevInitLayout.STRUCT);
        struct.set(LaunchHost.U64, SevInitLayout.VMSA_FEATURES, features);
        struct.set(LaunchHost.U32, SevInitLayout.FLAGS, flags);
        struct.set(ValueLayout.JAVA_SHORT_UNALIGNED, SevInitLayout.GHCB_VERSION, (short) ghcb);
        return host.sev(SevCommandLayout.INIT2, struct);
    }

    Outcome start(long policy, int flags) {
        MemorySegment struct = LaunchHost.struct(SnpLaunchStartLayout.STRUCT);
        struct.set(LaunchHost.U64, SnpLaunchStartLayout.POLICY, policy);
        struct.set(ValueLayout.JAVA_SHORT_UNALIGNED, SnpLaunchStartLayout.FLAGS, (short) flags);
        return host.sev(SevCommandLayout.SNP_LAUNCH_START, struct);
    }

    /** How an update ended, and what it left. */
    record Updated(long result, int error, long gfn, long uaddr, long length) {}

    Updated update(int type, long gpa, long uaddr, long length) {
        return update(type, gpa, uaddr, length, 0);
    }

    Updated update(int type, long gpa, long uaddr, long length, int flags) {
        MemorySegment struct = LaunchHost.struct(SnpLaunchUpdateLayout.STRUCT);
        struct.set(LaunchHost.U64, SnpLaunchUpdateLayout.GFN_START, gpa >>> 12);
        struct.set(LaunchHost.U64, SnpLaunchUpdateLayout.UADDR, uaddr);
        struct.set(LaunchHost.U64, SnpLaunchUpdateLayout.LEN, length);
        struct.set(ValueLayout.JAVA_BYTE, SnpLaunchUpdateLayout.TYPE, (byte) type);
        struct.set(ValueLayout.JAVA_SHORT_UNALIGNED, SnpLaunchUpdateLayout.FLAGS, (short) flags);
        Outcome outcome = host.sev(SevCommandLayout.SNP_LAUNCH_UPDATE, struct);
        return new Updated(
                outcome.result(),
                outcome.error(),
                struct.get(LaunchHost.U64, SnpLaunchUpdateLayout.GFN_START),
                struct.get(LaunchHost.U64, SnpLaunchUpdateLayout.UADDR),
                struct.get(LaunchHost.U64, SnpLaunchUpdateLayout.LEN));
    }

    Outcome finish() {
        return host.sev(SevCommandLayout.SNP_LAUNCH_FINISH, LaunchHost.struct(SnpLaunchFinishLayout.STRUCT));
    }

    @Override
    public void close() {
        host.close();
    }
}
