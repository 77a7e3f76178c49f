package io.guestmem.soft.host;

import io.guestmem.soft.Schedule;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Who hears of changes of one address space. Called under the host's lock. */
final class Notifiers {
    private final Schedule schedule;
    private final List<MmuNotifier> registered = new CopyOnWriteArrayList<>();

    Notifiers(Schedule schedule) {
        this.schedule = schedule;
    }

    void add(MmuNotifier notifier) {
        registered.add(notifier);
    }

    void remove(MmuNotifier notifier) {
        registered.remove(notifier);
    }

    /** Makes a change between start and end of an invalidation; whoever heard the start hears the end. */
    void around(long start, long end, Runnable change) {
        List<MmuNotifier> told = List.copyOf(registered);
        for (MmuNotifier notifier : told) {
            notifier.invalidateStart(start, end);
        }
        schedule.point(Schedule.Point.HOST_ENTRY);
        try {
            change.run();
        } finally {
            for (MmuNotifier notifier : told) {
                notifier.invalidateEnd(start, end);
            }
        }
    }
}
