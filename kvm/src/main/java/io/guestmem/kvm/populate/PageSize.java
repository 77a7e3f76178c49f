package io.guestmem.kvm.populate;

/** The size of page that a step would like; whether it gets it is up to the host. */
public enum PageSize {
    /** Whatever comes. */
    ANY,
    /** 4096 bytes, so that single pages can be tracked and taken away: {@code MADV_NOHUGEPAGE}. */
    SMALL,
    /** 2 MiB: {@code MADV_HUGEPAGE}. */
    TWO_MIB,
    /** 1 GiB, which only hugetlbfs gives: a step that wants it of other memory is told so. */
    ONE_GIB
}
