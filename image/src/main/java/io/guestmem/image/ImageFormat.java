package io.guestmem.image;

/** The kinds of images. */
public enum ImageFormat {
    /** Nothing but memory: an offset is a physical address, but for a hole below 4 GiB. */
    RAW("raw"),
    /** An ELF core: of QEMU's {@code dump-guest-memory}, or a kernel's {@code vmcore}. */
    ELF("elf"),
    /** makedumpfile's and QEMU's compressed dump. */
    KDUMP("kdump"),
    /** The same as a stream of records. */
    KDUMP_FLATTENED("kdump-flattened"),
    /** LiME, version 1. */
    LIME("lime"),
    /** AVML, version 2: LiME with compressed blocks. */
    AVML("avml"),
    /** A Firecracker snapshot: raw memory beside a state file. */
    FIRECRACKER("firecracker");

    private final String text;

    ImageFormat(String text) {
        this.text = text;
    }

    @Override
    public String toString() {
        return text;
    }
}
