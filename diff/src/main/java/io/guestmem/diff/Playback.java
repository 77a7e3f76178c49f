package io.guestmem.diff;

import java.util.Iterator;
import java.util.List;

/** Answers a sequence with what a kernel answered when it was recorded. For one thread. */
final class Playback implements Side {
    private Iterator<Outcome> outcomes = List.<Outcome>of().iterator();

    /** The next sequence's answers, in the order of the calls. */
    void begin(List<Outcome> recorded) {
        outcomes = recorded.iterator();
    }

    @Override
    public Outcome perform(Call call) {
        return outcomes.next();
    }

    @Override
    public Outcome memory() {
        return outcomes.next();
    }

    @Override
    public void reset() {
        outcomes = List.<Outcome>of().iterator();
    }

    @Override
    public void close() {
        reset();
    }
}
