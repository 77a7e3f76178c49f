package io.guestmem.measure.rtmr;

/** Where OVMF puts the option that tells the kernel about its initrd. */
public enum InitrdOption {
    /** Behind the command line: edk2 up to 2025.02. */
    BEHIND,
    /** Before the command line: edk2 of 2026.02. */
    BEFORE,
    /** Nowhere. */
    NONE;

    /** The load options of a kernel: the command line with the option. */
    public String loadOptions(String append) {
        return switch (this) {
            case BEHIND -> append + " initrd=initrd";
            case BEFORE -> "initrd=initrd " + append;
            case NONE -> append;
        };
    }
}
