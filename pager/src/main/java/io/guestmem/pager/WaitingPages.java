package io.guestmem.pager;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Pages that somebody waits for, each once, in the order in which they were asked for, with the time since when, and why. */
final class WaitingPages {
    /** Duplicates are looked for among so many: more than vCPUs that fault at once, usually. */
    private static final int LOOK_BACK = 64;

    /** The page is missing. */
    static final int MISSING = 1;

    /** It is missing and will be written. */
    static final int WRITE = 2;

    /** It is there and write-protected. */
    static final int PROTECTED = 4;

    private long[] pages = new long[128];
    private long[] since = new long[128];
    private byte[] reasons = new byte[128];

    /** What a page that is resolved has needed, null if it is not resolved. */
    private Latencies.@Nullable Need[] needs = new Latencies.@Nullable Need[128];

    private int size;

    void add(long page, long now, int reason) {
        for (int i = Math.max(0, size - LOOK_BACK); i < size; i++) {
            if (pages[i] == page) {
                reasons[i] |= (byte) reason;
                return;
            }
        }
        if (size == pages.length) {
            pages = Arrays.copyOf(pages, size * 2);
            since = Arrays.copyOf(since, size * 2);
            reasons = Arrays.copyOf(reasons, size * 2);
            needs = Arrays.copyOf(needs, size * 2);
        }
        pages[size] = page;
        reasons[size] = (byte) reason;
        needs[size] = null;
        since[size++] = now;
    }

    int size() {
        return size;
    }

    long page(int index) {
        return pages[index];
    }

    /** When it was asked for, in {@link System#nanoTime}. */
    long since(int index) {
        return since[index];
    }

    /** All reasons why somebody waits for it. */
    int reasons(int index) {
        return reasons[index];
    }

    /** It is there now, and nobody may have been woken yet. */
    void resolved(int index, Latencies.Need need) {
        needs[index] = need;
    }

    /** What it has needed, null if it is not resolved. */
    Latencies.@Nullable Need need(int index) {
        return needs[index];
    }

    /** Moves the page at {@code index} to {@code to}, which is not above it. */
    void keep(int index, int to) {
        pages[to] = pages[index];
        since[to] = since[index];
        reasons[to] = reasons[index];
        needs[to] = null;
    }

    /** Forgets all from {@code newSize} on. */
    void truncate(int newSize) {
        size = newSize;
    }
}
