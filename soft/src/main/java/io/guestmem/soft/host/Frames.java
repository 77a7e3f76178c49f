package io.guestmem.soft.host;

/**
 * Physical frames of the simulated host: numbers, and the real off-heap memory behind them, which comes into being when it is
 * first used. Thread-safe.
 */
public interface Frames {
    /** The frame of the shared zero page; never written. */
    long ZERO_PFN = 512;

    /** The first frame of the shared 2 MiB zero page; never written. */
    long HUGE_ZERO_PFN = 1024;

    /**
     * Takes frame numbers; no memory is behind them yet, and they read as zeroes.
     *
     * @param count 4 KiB frames, positive
     * @param alignment of the first number, a power of two
     * @return the first number
     */
    long reserve(long count, long alignment);

    /** Gives frame numbers back; their memory is freed. */
    void release(long first, long count);

    /** The native address of a frame's 4096 bytes; they are made, zeroed, if they are not there yet. */
    long address(long pfn);

    /** Makes frames read as zeroes again. */
    void discard(long first, long count);
}
