package io.guestmem.soft.host;

import org.jspecify.annotations.Nullable;

/**
 * What to map, as {@code mmap(2)} is asked. Sizes and addresses are in bytes and multiples of the page size, which is 4096 or
 * that of huge pages.
 *
 * @param hva where, over whatever is there; 0 to find a place
 * @param length positive
 * @param alignment of the place to be found, a power of two
 * @param file null for anonymous memory
 * @param offset into the file
 * @param shared whether stores reach the file, and everybody who maps it; for anonymous memory false
 * @param pageLevel 1, or 2 or 3 for hugetlb pages; that of the file, if there is one
 * @param protection what may be done with it
 * @param thp the policy for transparent huge pages of anonymous memory; null for the address space's
 */
public record MapRequest(
        long hva,
        long length,
        long alignment,
        @Nullable SharedFile file,
        long offset,
        boolean shared,
        int pageLevel,
        Protection protection,
        @Nullable ThpPolicy thp) {
    /** {@code MAP_PRIVATE | MAP_ANONYMOUS}; a multiple of 2 MiB is placed on a multiple of 2 MiB. */
    public static MapRequest anonymous(long length) {
        boolean huge = Level.isAligned(length, Level.HUGE);
        return of(length, huge ? Level.HUGE : Level.SMALL, null, 0, false, Level.SMALL);
    }

    /** {@code MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB} with pages of level 2 (2 MiB) or 3 (1 GiB). */
    public static MapRequest hugetlb(int pageLevel, long length) {
        return of(length, pageLevel, null, 0, false, pageLevel);
    }

    /** {@code MAP_SHARED} of a file. */
    public static MapRequest shared(SharedFile file, long offset, long length) {
        return of(length, file.pageLevel(), file, offset, true, file.pageLevel());
    }

    /** {@code MAP_PRIVATE} of a file. */
    public static MapRequest privateFile(SharedFile file, long offset, long length) {
        return of(length, file.pageLevel(), file, offset, false, file.pageLevel());
    }

    private static MapRequest of(
            long length, int alignmentLevel, @Nullable SharedFile file, long offset, boolean shared, int pageLevel) {
        return new MapRequest(
                0, length, Level.bytes(alignmentLevel), file, offset, shared, pageLevel, Protection.READ_WRITE, null);
    }

    /** {@code MAP_FIXED}. */
    public MapRequest at(long fixed) {
        return new MapRequest(fixed, length, alignment, file, offset, shared, pageLevel, protection, thp);
    }

    /** The same on a multiple of something. */
    public MapRequest aligned(long multiple) {
        return new MapRequest(hva, length, multiple, file, offset, shared, pageLevel, protection, thp);
    }

    /** The same with another protection. */
    public MapRequest protectedAs(Protection other) {
        return new MapRequest(hva, length, alignment, file, offset, shared, pageLevel, other, thp);
    }

    /** The same with a policy of its own for transparent huge pages. */
    public MapRequest thp(ThpPolicy policy) {
        return new MapRequest(hva, length, alignment, file, offset, shared, pageLevel, protection, policy);
    }

    /** Whether the kernel would look at it any further. */
    boolean isValid() {
        return length > 0
                && Long.bitCount(alignment) == 1
                && alignment > 0
                && alignment < Mappings.LIMIT
                && Level.isAligned(hva | length | offset, pageLevel)
                && hva >= 0
                && offset >= 0
                && offset + length > 0
                && (file == null ? !shared && offset == 0 : pageLevel == file.pageLevel());
    }
}
