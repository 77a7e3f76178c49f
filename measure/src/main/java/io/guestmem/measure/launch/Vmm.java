package io.guestmem.measure.launch;

/** Whose habits a launch follows: register state, page types, order. */
public enum Vmm {
    /** QEMU on KVM. */
    QEMU("qemu"),
    /** Amazon EC2 since April 2026. */
    EC2("ec2"),
    /** Amazon EC2 before: RDX was 0. */
    EC2_RDX0("ec2-rdx0"),
    /** Google Compute Engine. */
    GCE("gce"),
    /** libkrun as the published tools compute it (virtee/sev): register state that libkrun sets later is missing. */
    KRUN("krun"),
    /** libkrun as it sets up its vCPUs. */
    LIBKRUN("libkrun");

    private final String label;

    Vmm(String label) {
        this.label = label;
    }

    /** The name on the command line. */
    public String label() {
        return label;
    }

    boolean isEc2() {
        return this == EC2 || this == EC2_RDX0;
    }

    boolean isKrun() {
        return this == KRUN || this == LIBKRUN;
    }
}
