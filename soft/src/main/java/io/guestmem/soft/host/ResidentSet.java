package io.guestmem.soft.host;

/**
 * How much memory a process has in its page table, in 4 KiB pages. Zero pages do not count.
 *
 * @param anonymous pages of its own, with those shared by fork
 * @param file pages of files and memfds
 * @param hugetlb hugetlb pages, which the others do not contain
 * @param swapped pages in swap
 */
public record ResidentSet(long anonymous, long file, long hugetlb, long swapped) {
    /** What {@code /proc/PID/status} calls VmRSS. */
    public long pages() {
        return anonymous + file;
    }
}
