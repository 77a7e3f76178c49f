package io.guestmem.diff.translate;

import io.guestmem.paging.PagingMode;

/** Somebody else who translates addresses. For one thread. */
sealed interface Oracle extends AutoCloseable permits TranslateOracle, AccessOracle {
    /** What it is called in results. */
    String name();

    /**
     * Compares some thousand cases.
     *
     * @param seed all of them follow from it
     * @param tally gets the results; {@link OracleTally#missing} if this mode is not offered
     */
    void round(PagingMode mode, long seed, OracleTally tally);

    @Override
    void close();
}
