package io.guestmem.pager;

/** What one thread did for a guest. Written by that thread; what others read is exact when it has ended, and a moment old before. */
final class Counters {
    long faults;
    long copied;
    long zeroed;
    long removed;
    long alreadyPresent;
    long changing;
    long failed;

    /** Not in the sum of two. */
    final ErrnoCounts errnos = new ErrnoCounts();

    /** The sum of two threads'. */
    Counters plus(Counters other) {
        Counters sum = new Counters();
        sum.faults = faults + other.faults;
        sum.copied = copied + other.copied;
        sum.zeroed = zeroed + other.zeroed;
        sum.removed = removed + other.removed;
        sum.alreadyPresent = alreadyPresent + other.alreadyPresent;
        sum.changing = changing + other.changing;
        sum.failed = failed + other.failed;
        return sum;
    }
}
