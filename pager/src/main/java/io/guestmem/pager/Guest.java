package io.guestmem.pager;

import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.source.PageSource;
import org.jspecify.annotations.Nullable;

/**
 * One guest's memory and all that serving it needs; what the event thread and the installer share.
 *
 * @param map where its pages are
 * @param states what is known of them
 * @param source their content
 * @param port the kernel
 * @param gate between the two threads
 * @param demand hears of what is waited for
 * @param dirty the pages that were written, null if that is not tracked
 */
record Guest(
        GuestMap map,
        PageStates states,
        PageSource source,
        FaultPort port,
        InstallGate gate,
        DemandWatch demand,
        @Nullable DirtyPages dirty) {
    Guest(GuestMap map, PageStates states, PageSource source, FaultPort port) {
        this(map, states, source, port, DemandWatch.NONE, null);
    }

    Guest(GuestMap map, PageStates states, PageSource source, FaultPort port, DemandWatch demand) {
        this(map, states, source, port, demand, null);
    }

    Guest(GuestMap map, PageStates states, PageSource source, FaultPort port, @Nullable DirtyPages dirty) {
        this(map, states, source, port, DemandWatch.NONE, dirty);
    }

    Guest(
            GuestMap map,
            PageStates states,
            PageSource source,
            FaultPort port,
            DemandWatch demand,
            @Nullable DirtyPages dirty) {
        this(map, states, source, port, new InstallGate(), demand, dirty);
    }
}
