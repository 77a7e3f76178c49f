package io.guestmem.pager;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Which pages of one guest differ from its snapshot, or from the last diff that was written: in a shared file, which outlives
 * the server.
 *
 * <pre>{@code
 *  write or removal      cut                the diff is in its file     or could not be written
 *      WRITTEN       →   IN_CUT         →   neither                     WRITTEN
 *                        written again:
 *                        IN_CUT, WRITTEN    WRITTEN                     WRITTEN
 * }</pre>
 *
 * <p>A page is marked before its first write is allowed, so it is never forgotten; one that is marked may not be written yet.
 *
 * <p>The event thread marks and cuts; everything is thread-safe.
 */
final class DirtyPages implements AutoCloseable {
    private static final int WRITTEN = 1;
    private static final int IN_CUT = 2;

    private final PageStates bits;
    private volatile @Nullable DirtyCut current;

    private DirtyPages(PageStates bits) {
        this.bits = bits;
    }

    /** None is dirty; in memory of this process only. */
    static DirtyPages anonymous(long pages) {
        return new DirtyPages(PageStates.anonymous(pages));
    }

    /** None is dirty; in a new file. */
    static DirtyPages create(Path path, long pages) {
        return new DirtyPages(PageStates.create(path, pages));
    }

    /**
     * Those that an earlier server has left, who may still track them; null if it tracks none. Those of a diff that it did not
     * finish are dirty after {@link #uncut}.
     */
    static @Nullable DirtyPages reopen(Path path, long pages) {
        if (!Files.exists(path)) {
            return null;
        }
        return new DirtyPages(PageStates.reopen(path, pages));
    }

    /** Pages of {@code [from, to)} are or will be different. */
    void written(long from, long to) {
        bits.change(from, to, 0, WRITTEN);
    }

    /** The guest gave pages back, so that they are zero from now on. */
    void removed(long from, long to) {
        written(from, to);
        DirtyCut cut = current;
        if (cut != null) {
            cut.removed(from, to);
        }
    }

    /**
     * Marks a page if it may be written now; false if its content must be copied before, and whoever waits is woken by
     * {@link DiffWriter} after that.
     */
    boolean mayWrite(long page) {
        DirtyCut cut = current;
        if (cut != null && cut.asksFor(page)) {
            return false;
        }
        written(page, page + 1);
        return true;
    }

    /** How many pages a diff would have now. */
    long count() {
        return bits.countOthers();
    }

    /** The first page from {@code page} on that belongs to the cut being made; the number of pages if none does. */
    long nextCut(long page) {
        return bits.nextWith(page, bits.pages(), IN_CUT);
    }

    /** Begins a cut: all written pages are in it. */
    void beginCut() {
        bits.replaceAll(WRITTEN, IN_CUT);
    }

    /** Ends a cut, when all its pages are write-protected: what they contain now is what the diff gets. */
    DirtyCut endCut(PageStates states) {
        PageStates content = PageStates.anonymous(bits.pages());
        long count = 0;
        for (long page = nextCut(0); page < bits.pages(); page = nextCut(page + 1)) {
            int state = states.get(page);
            if (state == PageStates.NONE) {
                // Somebody is about to write it, and will mark it again.
                bits.change(page, page + 1, IN_CUT, 0);
            } else {
                content.set(page, state);
                count++;
            }
        }
        DirtyCut cut = new DirtyCut(content, count);
        current = cut;
        return cut;
    }

    /** The diff is in its file. */
    void finished(DirtyCut cut) {
        bits.change(0, bits.pages(), IN_CUT, 0);
        close(cut);
    }

    /** The diff could not be written: its pages are dirty as before. */
    void failed(DirtyCut cut) {
        uncut();
        close(cut);
    }

    /** A cut could not be made, or nobody finishes it. */
    void uncut() {
        bits.replaceAll(IN_CUT, WRITTEN);
    }

    private void close(DirtyCut cut) {
        current = null;
        cut.end();
    }

    @Override
    public void close() {
        bits.close();
    }
}
