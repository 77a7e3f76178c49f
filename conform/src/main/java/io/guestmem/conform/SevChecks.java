package io.guestmem.conform;

import static io.guestmem.abi.ErrorNumber.EINVAL;
import static io.guestmem.abi.ErrorNumber.EIO;
import static io.guestmem.abi.ErrorNumber.ENOMEM;
import static io.guestmem.abi.ErrorNumber.ENOTTY;
import static io.guestmem.conform.CheckClass.CONFIDENTIAL;
import static io.guestmem.conform.CheckClass.MODEL;

import io.guestmem.abi.HostMemory;
import io.guestmem.abi.VmType;
import io.guestmem.conform.Launching.Sev;
import java.util.List;

/** The commands that launch SEV guests. */
final class SevChecks {
    private static final int PAGE = (int) Numbers.PAGE;
    private static final int INVALID_GUEST = 0x10;
    private static final int INVALID_ADDRESS = 0x09;
    private static final int INVALID_LENGTH = 0x04;

    private SevChecks() {}

    static List<Check> all() {
        return List.of(Check.of(
                "SEV-01",
                "bytes are the firmware's business, ranges are KVM's",
                "sev.c:sev_launch_update_data",
                SevChecks::updateData,
                CONFIDENTIAL,
                MODEL));
    }

    private static void updateData(Trial t) {
        Launching sev = Launching.of(t, VmType.SEV);
        HostMemory memory = sev.source(3);
        long at = memory.hva();
        t.expect("before INIT2", ENOTTY, sev.launchUpdateData(at, PAGE).result());
        t.must("KVM_SEV_INIT2", sev.init2().result());
        t.expect("no bytes", EINVAL, sev.launchUpdateData(at, 0).result());
        t.expect("beyond all memory", EINVAL, sev.launchUpdateData(-16, 32).result());
        t.expectSame("before START", new Sev(-EIO.number(), INVALID_GUEST), sev.launchUpdateData(at, PAGE));
        t.must("LAUNCH_START", sev.launchStart(1).result());
        t.expectSame("address", new Sev(-EIO.number(), INVALID_ADDRESS), sev.launchUpdateData(at + 1, 16));
        t.expectSame("length", new Sev(-EIO.number(), INVALID_LENGTH), sev.launchUpdateData(at, 17));
        t.expectSame("over the end of a page", new Sev(0, 0), sev.launchUpdateData(at + PAGE - 16, 32));
        t.must("munmap", memory.unmap(2L * PAGE, PAGE));
        t.expect(
                "memory that cannot be pinned",
                ENOMEM,
                sev.launchUpdateData(at + 2L * PAGE, PAGE).result());
    }
}
