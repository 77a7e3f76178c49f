package io.guestmem.vmm.demo;

import io.guestmem.kvm.Registers;
import io.guestmem.kvm.Registers.Register;
import io.guestmem.kvm.Segment;
import io.guestmem.kvm.SystemRegisters.Segments;
import io.guestmem.kvm.Vcpu;
import io.guestmem.measure.launch.SevSettings;
import io.guestmem.measure.launch.Vmsa;

/** The registers that QEMU gives the first vCPU, because they are measured. Source: QEMU 10 {@code x86_cpu_reset_hold}. */
final class QemuReset {
    private static final int LIMIT = 0xFFFF;
    private static final int CODE = 11;
    private static final int DATA = 3;
    private static final int TABLE = 2;
    private static final int BUSY_TASK = 11;
    private static final int CODE_SELECTOR = 0xF000;
    private static final long BASE = Vmsa.RESET & 0xFFFF_0000L;
    private static final long OFFSET = Vmsa.RESET & LIMIT;

    private QemuReset() {}

    static void apply(Vcpu vcpu) {
        Segment data = segment(0, 0, DATA, true);
        vcpu.setSystemRegisters(vcpu.systemRegisters()
                .withSegments(new Segments(
                        segment(BASE, CODE_SELECTOR, CODE, true),
                        data,
                        data,
                        data,
                        data,
                        data,
                        segment(0, 0, BUSY_TASK, false),
                        segment(0, 0, TABLE, false))));
        vcpu.setRegisters(Registers.initial()
                .with(Register.RDX, SevSettings.STANDARD.signature())
                .with(Register.RIP, OFFSET));
    }

    private static Segment segment(long base, int selector, int type, boolean codeOrData) {
        return new Segment(base, LIMIT, selector, type, true, 0, false, codeOrData, false, false, false, false);
    }
}
