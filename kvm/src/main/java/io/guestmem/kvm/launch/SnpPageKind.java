package io.guestmem.kvm.launch;

import io.guestmem.abi.SnpLaunchUpdateLayout;

/** The types of pages that {@code KVM_SEV_SNP_LAUNCH_UPDATE} takes. What is measured besides: the place and the type of each. */
public enum SnpPageKind {
    /** The content is measured. */
    NORMAL(SnpLaunchUpdateLayout.NORMAL),
    /** Zeroes, by the firmware; there is no source. */
    ZERO(SnpLaunchUpdateLayout.ZERO),
    /** The content is not measured. */
    UNMEASURED(SnpLaunchUpdateLayout.UNMEASURED),
    /** The firmware writes the content; not measured. */
    SECRETS(SnpLaunchUpdateLayout.SECRETS),
    /** The firmware checks the content; not measured. */
    CPUID(SnpLaunchUpdateLayout.CPUID);

    private final int code;

    SnpPageKind(int code) {
        this.code = code;
    }

    /** As the kernel numbers it. */
    public int code() {
        return code;
    }
}
