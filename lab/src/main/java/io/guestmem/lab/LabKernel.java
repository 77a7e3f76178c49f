package io.guestmem.lab;

import java.util.Locale;

/** The kernels that the lab can boot. What each offers is asked of it when it runs, never assumed. */
public enum LabKernel {
    /** Debian 13's cloud kernel, 6.12 at its release: {@code KVM_PRE_FAULT_MEMORY}, no guest_memfd for plain VMs. */
    TRIXIE,
    /** Debian unstable's cloud kernel, 7.2 or later: guest_memfd for plain VMs as well. */
    SID,
    /** Built here from Debian's kernel source with {@code CONFIG_KVM_SW_PROTECTED_VM}: private memory and attributes. */
    PRIVATE;

    /** The name of the Debian suite, or {@code private}. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The Debian suite that this kernel or its source comes from. */
    String suite() {
        return this == TRIXIE ? "trixie" : "sid";
    }
}
