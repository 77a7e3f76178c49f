package io.guestmem.conform;

import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;

/** Sizes that checks share. */
final class Numbers {
    static final long PAGE = 4096;
    static final long HUGE = 2L << 20;
    static final long GIB = 1L << 30;

    /** 8 bytes of memory that somebody else changes. */
    static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private Numbers() {}
}
