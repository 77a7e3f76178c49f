package io.guestmem.pager;

import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * The dirty pages of one moment, until their content is copied. All of them are write-protected when it is made, so they keep
 * their content until somebody asks to write one: that page is copied first.
 *
 * <pre>{@code
 *   guest             event thread              DiffWriter
 *   writes page 7  →  asksFor(7): not copied
 *                     leaves it waiting     →   nextAsked() = 7: copies it, copied(7), UFFDIO_WAKE
 *   writes again   →  asksFor(7): copied
 *                     marks it, allows
 * }</pre>
 *
 * <p>A removal cannot be held up: the guest's thread goes on as soon as the message is read. If it hits a page that is not
 * copied yet, the moment is {@link #lost}.
 *
 * <p>Thread-safe.
 */
final class DirtyCut {
    private final long pages;

    /** Pages that are not copied yet: PRESENT, or REMOVED for those of zeroes. */
    private final PageStates content;

    /** Guarded by this object. */
    private final Queue<Long> asked = new ArrayDeque<>();

    private boolean ended;
    private volatile @Nullable String lost;

    /**
     * Makes it.
     *
     * @param content of each page: PRESENT, REMOVED for zeroes, NONE if it does not belong to the cut
     */
    DirtyCut(PageStates content, long pages) {
        this.content = content;
        this.pages = pages;
    }

    /** How many pages it has. */
    long pages() {
        return pages;
    }

    /** Whether a page must be copied before it is written; then it is copied soon, and whoever waits for it woken. */
    synchronized boolean asksFor(long page) {
        if (ended || content.get(page) != PageStates.PRESENT) {
            return false;
        }
        asked.add(page);
        return true;
    }

    /** A page that somebody waits for, each once for each time it was asked for; -1 if there is none. */
    synchronized long nextAsked() {
        Long page = asked.poll();
        return page == null ? -1 : page;
    }

    /** The first page from {@code page} on, and before {@code end}, that is not copied yet; {@code end} if all are. */
    long next(long page, long end) {
        return content.nextWith(page, end, PageStates.PRESENT | PageStates.REMOVED);
    }

    /** What a page has: {@link PageStates#NONE} if it is copied, or is not in the cut. */
    int content(long page) {
        return content.get(page);
    }

    /** The content of all of {@code [from, to)} is safe. */
    synchronized void copied(long from, long to) {
        content.set(from, to, PageStates.NONE);
    }

    /** Pages are about to lose their content. */
    synchronized void removed(long from, long to) {
        if (!ended && lost == null) {
            long page = content.next(from, to, PageStates.PRESENT);
            if (page < to) {
                lost = "page " + page + " was given back before it was copied";
            }
        }
    }

    /** Why the content of this moment cannot be had any more; null if it can. */
    @Nullable
    String lost() {
        return lost;
    }

    /** Nothing is copied any more. */
    synchronized void end() {
        ended = true;
        content.close();
    }
}
