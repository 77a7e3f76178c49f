package io.guestmem.soft;

import org.jspecify.annotations.Nullable;

/** Does something once, on the same thread, when a place is reached: an interleaving written out. */
final class Interposed implements Schedule {
    private @Nullable Point at;
    private int skip;
    private Runnable action = () -> {};

    /** At the next time that a point is reached. */
    void once(Point point, Runnable what) {
        after(0, point, what);
    }

    /** At the time behind so many. */
    void after(int times, Point point, Runnable what) {
        skip = times;
        action = what;
        at = point;
    }

    @Override
    public void point(Point point) {
        if (point == at && skip-- == 0) {
            at = null;
            action.run();
        }
    }
}
