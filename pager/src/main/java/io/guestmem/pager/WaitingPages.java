package io.guestmem.pager;

import java.util.Arrays;

/** Pages that somebody waits for, each once, in the order in which they were asked for, with the time since when. */
final class WaitingPages {
    /** Duplicates are looked for among so many: more than vCPUs that fault at once, usually. */
    private static final int LOOK_BACK = 64;

    private long[] pages = new long[128];
    private long[] since = new long[128];
    private int size;

    void add(long page, long now) {
        for (int i = Math.max(0, size - LOOK_BACK); i < size; i++) {
            if (pages[i] == page) {
                return;
            }
        }
        if (size == pages.length) {
            pages = Arrays.copyOf(pages, size * 2);
            since = Arrays.copyOf(since, size * 2);
        }
        pages[size] = page;
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

    /** Moves the page at {@code index} to {@code to}, which is not above it. */
    void keep(int index, int to) {
        pages[to] = pages[index];
        since[to] = since[index];
    }

    /** Forgets all from {@code newSize} on. */
    void truncate(int newSize) {
        size = newSize;
    }
}
