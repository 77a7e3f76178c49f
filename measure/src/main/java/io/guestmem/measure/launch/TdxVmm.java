package io.guestmem.measure.launch;

/** Whose checks a TDX launch has to pass. */
public enum TdxVmm {
    /** QEMU 10.1 {@code hw/i386/tdvf.c}: four types of sections, one TD_HOB, metadata through the GUID table or without. */
    QEMU("qemu"),
    /** GCE: also one BFV, and volumes that make up the whole file. */
    GCE("gce"),
    /** Cloud Hypervisor and td-shim: the types that td-shim adds, and no need of a TD_HOB. */
    TD_SHIM("td-shim");

    private final String label;

    TdxVmm(String label) {
        this.label = label;
    }

    /** The name on the command line. */
    public String label() {
        return label;
    }
}
