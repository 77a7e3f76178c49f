package io.guestmem.kvm.populate;

import java.lang.foreign.MemorySegment;

/**
 * A way to get content into a range of guest memory: the seam for vendors' launch commands (SNP_LAUNCH_UPDATE,
 * KVM_TDX_INIT_MEM_REGION) and for everything else that fills memory.
 *
 * <p>Offsets are in bytes from the start of the range, multiples of 4096 like all lengths. Results are as the kernel's: 0 or more,
 * or a negated errno. {@code -ENOTTY} means that this way does not exist here, whatever is asked of it: the next one is tried.
 *
 * <p>Thread-safe for ranges that do not overlap.
 */
public interface PopulationTarget {
    /** The call that is made, for messages: {@code KVM_GUEST_MEMFD_POPULATE}. */
    String call();

    /**
     * Puts content in.
     *
     * @param content native memory, a multiple of 4096 bytes
     * @return bytes put in, at least 4096 and fewer than wanted if something hindered it; or a negated errno and nothing was put in
     */
    long write(long offset, MemorySegment content);

    /**
     * Puts zeroes in.
     *
     * @return as {@link #write}
     */
    long zero(long offset, long length);

    /**
     * As {@link #write(long, MemorySegment)}, into a guest whose launch is measured.
     *
     * @param measured what of it; who launches nothing does not look at it
     */
    default long write(long offset, MemorySegment content, Measured measured) {
        return write(offset, content);
    }

    /** As {@link #zero(long, long)}, into a guest whose launch is measured. */
    default long zero(long offset, long length, Measured measured) {
        return zero(offset, length);
    }

    /**
     * Whether the order of content matters, because it is measured. One thread populates everything then, step after step, and what
     * stops one step ends the population; a plan with a step that cannot be done gives nothing.
     */
    default boolean isOrdered() {
        return false;
    }

    /**
     * Makes the pages present and keeps their content.
     *
     * @param access present for what
     * @return 0 or a negated errno
     */
    long touch(long offset, long length, Access access);

    /**
     * Takes a wish for page sizes, before anything is touched.
     *
     * @return 0, or a negated errno if it cannot be fulfilled
     */
    long prefer(PageSize size, long offset, long length);
}
