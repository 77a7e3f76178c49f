package io.guestmem.soft.host;

/**
 * What looking up a host page for a guest gave, in one long, so that a fault allocates nothing:
 *
 * <pre>{@code
 *   63        62         61 .. 58   57 .. 52   51 .. 0
 *   0         writable   0          level      pfn          the page
 *   1                    negated errno                      no page: -EFAULT, -EHWPOISON, -EINTR, -ENOMEM
 * }</pre>
 *
 * <p>The level is that of the host's mapping of the page: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB.
 */
public final class HostFault {
    private static final long WRITABLE = 1L << 62;
    private static final int LEVEL_SHIFT = 52;
    private static final long LEVEL_MASK = 0x3F;
    private static final long PFN_MASK = (1L << LEVEL_SHIFT) - 1;

    private HostFault() {}

    /** A page. */
    public static long page(long pfn, int level, boolean writable) {
        return (writable ? WRITABLE : 0) | (long) level << LEVEL_SHIFT | pfn;
    }

    /** Whether there is a page; otherwise the value is a negated errno. */
    public static boolean isPage(long fault) {
        return fault >= 0;
    }

    /** The frame of the 4 KiB page. */
    public static long pfn(long fault) {
        return fault & PFN_MASK;
    }

    /** The level of the host's mapping. */
    public static int level(long fault) {
        return (int) (fault >>> LEVEL_SHIFT & LEVEL_MASK);
    }

    /** Whether the host's mapping is writable now. */
    public static boolean isWritable(long fault) {
        return (fault & WRITABLE) != 0;
    }
}
