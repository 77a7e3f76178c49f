package io.guestmem.soft.cpu;

/** Whose processor the host has: it decides CPUID, and how a shutdown ends. */
public enum Vendor {
    /** With SVM. KVM puts a vCPU that shuts down through INIT, because the hardware leaves its state undefined. */
    AMD("AuthenticAMD"),
    /** With VMX. A vCPU that shuts down keeps its registers. */
    INTEL("GenuineIntel");

    private final String id;

    Vendor(String id) {
        this.id = id;
    }

    /** The 12 letters of CPUID leaf 0. */
    String id() {
        return id;
    }
}
