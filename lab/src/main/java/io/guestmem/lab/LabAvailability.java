package io.guestmem.lab;

/**
 * Whether a run would work, as far as can be told at once.
 *
 * @param state how far the lab is
 * @param explanation one sentence without a full stop; for {@link State#UNAVAILABLE} the reason
 */
public record LabAvailability(State state, String explanation) {
    /** How far the lab is. */
    public enum State {
        /** Everything that needs the network is in the cache. */
        READY,
        /** The host has what it takes to prepare the lab; the network was not tried. */
        PREPARABLE,
        /** A run would end in a {@link LabUnavailableException}. */
        UNAVAILABLE
    }

    /** Whether a run may be tried. */
    public boolean isAvailable() {
        return state != State.UNAVAILABLE;
    }
}
