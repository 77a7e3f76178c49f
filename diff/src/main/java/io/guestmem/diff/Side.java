package io.guestmem.diff;

/** One of the two that are compared: a kernel, or what one answered when it was recorded. For one thread. */
sealed interface Side extends AutoCloseable permits Performer, Playback {
    /** What a call did, and what could be seen afterwards. */
    Outcome perform(Call call);

    /** What is in the memory that the sequence has used, as the process reads it. */
    Outcome memory();

    /** Ends the sequence. */
    void reset();

    @Override
    void close();
}
