package io.guestmem.abi;

/** The kinds of a process's memory that KVM tells apart when it maps a page for a guest. */
public enum HostMemoryKind {
    /** {@code MAP_PRIVATE | MAP_ANONYMOUS}: untouched pages are the zero page, read-only, until they are written. */
    PRIVATE_ANONYMOUS,
    /** A memfd, {@code MAP_SHARED}: an untouched page is allocated by the first read, and writable. */
    SHARED_MEMFD,
    /** A memfd, {@code MAP_PRIVATE}: pages of the file, read-only, until they are written and so copied. */
    PRIVATE_FILE
}
