package io.guestmem.soft.host;

import org.jspecify.annotations.Nullable;

/**
 * A range of an address space whose pages all follow one rule: the kernel's {@code vm_area_struct}. Immutable: a change is a new
 * mapping in its place.
 *
 * @param start first address
 * @param end first address behind
 * @param file null for anonymous memory
 * @param offset of {@code start} in the file
 * @param shared whether stores reach the file
 * @param pageLevel 1, or that of hugetlb pages
 * @param policy for transparent huge pages of anonymous memory
 * @param advice what {@code madvise} said of them
 * @param missing who serves missing pages; null for nobody
 * @param home where the pages of private memory live; null for wherever there is a frame
 */
record Mapping(
        long start,
        long end,
        @Nullable SharedFile file,
        long offset,
        boolean shared,
        int pageLevel,
        Protection protection,
        ThpPolicy policy,
        HugeAdvice advice,
        @Nullable MissingHandler missing,
        @Nullable Home home) {
    /** What was said of transparent huge pages. */
    enum HugeAdvice {
        NONE,
        HUGEPAGE,
        NOHUGEPAGE
    }

    static Mapping of(long start, MapRequest request, ThpPolicy byDefault) {
        ThpPolicy given = request.thp();
        ThpPolicy policy = given == null ? byDefault : given;
        return new Mapping(
                start,
                start + request.length(),
                request.file(),
                request.offset(),
                request.shared(),
                request.pageLevel(),
                request.protection(),
                policy,
                HugeAdvice.NONE,
                null,
                null);
    }

    /** The part of it in a range that it intersects. */
    Mapping slice(long from, long to) {
        long first = Math.max(from, start);
        return new Mapping(
                first,
                Math.min(to, end),
                file,
                offset + first - start,
                shared,
                pageLevel,
                protection,
                policy,
                advice,
                missing,
                home);
    }

    Mapping protectedAs(Protection other) {
        return new Mapping(start, end, file, offset, shared, pageLevel, other, policy, advice, missing, home);
    }

    Mapping advised(HugeAdvice said) {
        return new Mapping(start, end, file, offset, shared, pageLevel, protection, policy, said, missing, home);
    }

    Mapping served(@Nullable MissingHandler handler) {
        return new Mapping(start, end, file, offset, shared, pageLevel, protection, policy, advice, handler, home);
    }

    Mapping living(@Nullable Home at) {
        return new Mapping(start, end, file, offset, shared, pageLevel, protection, policy, advice, missing, at);
    }

    boolean isHugetlb() {
        return pageLevel > Level.SMALL;
    }

    /** Whether its pages are a process's own from the start: neither of a file nor hugetlb. */
    boolean isPlainAnonymous() {
        return file == null && !isHugetlb();
    }

    /** Whether a userfaultfd may guard it. */
    boolean isGuardable() {
        return file == null || (shared && file.isGuardable());
    }

    /** Whether a fault may take a transparent huge page. */
    boolean wantsHuge() {
        return switch (policy) {
            case NEVER -> false;
            case MADVISE -> advice == HugeAdvice.HUGEPAGE;
            case ALWAYS -> advice != HugeAdvice.NOHUGEPAGE;
        };
    }

    /** The offset in the file of an address. */
    long fileOffset(long hva) {
        return offset + (hva - start);
    }

    /** The address of an offset in the file, which may be outside. */
    long addressOf(long fileOffset) {
        return start + (fileOffset - offset);
    }

    /** The flags of an entry for a page that is the process's alone. */
    long privateFlags() {
        return protection == Protection.READ_WRITE ? Entry.ANONYMOUS | Entry.WRITABLE : Entry.ANONYMOUS;
    }

    /** Whether the huge page around an address is inside. */
    boolean holds(long hva, int level) {
        long first = Level.down(hva, level);
        return first >= start && first + Level.bytes(level) <= end;
    }
}
