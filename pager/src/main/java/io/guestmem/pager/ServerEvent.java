package io.guestmem.pager;

import io.guestmem.pager.handshake.GuestMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * Something that happened, for whoever watches the server.
 *
 * @param kind what
 * @param vm number of the VM, from 1; 0 if it is about none
 * @param text one line more, or empty
 * @param numbers more, by names in snake_case
 */
public record ServerEvent(Kind kind, int vm, String text, Map<String, Long> numbers) {
    /** Kinds of events. Names in lower case are what scripts rely on. */
    public enum Kind {
        /** The server accepts VMs at the path in the text. */
        LISTENING,
        /** A VM handed its memory over: {@code pid}, {@code bytes}, {@code regions}, {@code page_size}. */
        ATTACHED,
        /** A connection that is not served; the text says why. */
        REFUSED,
        /**
         * A VM of an earlier server is served again: {@code pid}, {@code began} on CLOCK_MONOTONIC in nanoseconds, {@code micros} from then
         * until everybody who waited was woken. It began with looking for VMs of a dead server, or asking a living one to stop.
         */
        RECOVERED,
        /** Everything that was never installed is there now, of {@code pages}. */
        PREFETCHED,
        /** What a diff contains is fixed, {@code pages}: whatever the VM writes from now on is not in it. */
        CUT,
        /** A diff is complete in the file in the text: {@code pages}, of them {@code zero_pages}, {@code cut_micros}. */
        DIFF_WRITTEN,
        /**
         * Small pages were made huge ones: {@code huge}, {@code not_whole}, {@code busy} and {@code refused} pieces of 2 MiB; the text
         * has the errnos.
         */
        COLLAPSED,
        /** What a VM touched first is written to the file in the text: {@code pages}, {@code bytes} and kinds of touches. */
        RECORDED,
        /** A recording has ended and is not written, as the text says; of {@code pages}, 0 if nothing was touched. */
        NOT_RECORDED,
        /** The working set is installed: {@code planned}, {@code installed}, {@code late} pages, {@code micros}. */
        REPLAYED,
        /** What the working set was good for, when nobody serves the VM any more: see {@code ReplayReport}. */
        REPLAY_REPORT,
        /** A page could not be had: {@code offset}; the text says why, and what was done. */
        FAILED,
        /** Nothing was resolved for {@code millis} while {@code waiting} threads wait, of which {@code unread} were not even read. */
        BLOCKED,
        /** Something that should not be; serving goes on. */
        WARNING,
        /** The VM's process has ended; the numbers say what was done for it. */
        DETACHED,
        /** The VM has all of its memory and needs no server any more. */
        RELEASED,
        /** The VM is served by another server now. */
        HANDED_OVER
    }

    /** Copies the numbers. */
    public ServerEvent {
        numbers = Map.copyOf(numbers);
    }

    static ServerEvent of(Kind kind, int vm, String text) {
        return new ServerEvent(kind, vm, text, Map.of());
    }

    static ServerEvent attached(int vm, int pid, GuestMap map) {
        Map<String, Long> numbers = new TreeMap<>();
        numbers.put("pid", (long) pid);
        numbers.put("bytes", map.bytes());
        numbers.put("regions", (long) map.regions().size());
        numbers.put("page_size", map.pageSize());
        return new ServerEvent(Kind.ATTACHED, vm, "", numbers);
    }

    static ServerEvent detached(int vm, Counters counters) {
        Map<String, Long> numbers = new TreeMap<>();
        numbers.put("faults", counters.faults);
        numbers.put("copied", counters.copied);
        numbers.put("zeroed", counters.zeroed);
        numbers.put("removed", counters.removed);
        numbers.put("already_present", counters.alreadyPresent);
        numbers.put("changing", counters.changing);
        numbers.put("failed", counters.failed);
        return new ServerEvent(Kind.DETACHED, vm, "", numbers);
    }
}
