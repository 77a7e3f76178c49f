package io.guestmem.pager.source;

import java.lang.foreign.MemorySegment;

/**
 * The content of a guest's memory, in extents: pieces that are known to be zero, or that lie in one piece in this address space.
 *
 * <p>Offsets are those of the memory file, in bytes. Extents are numbered from 0 in ascending order, start and end at multiples
 * of 4096, and leave no gap. Thread-safe; no method but {@link #read} allocates.
 */
public interface PageSource extends AutoCloseable {
    /** The length in bytes, a positive multiple of 4096. */
    long length();

    /** How many extents there are, at least 1. */
    int extents();

    /**
     * The extent that an offset lies in.
     *
     * @param offset from 0 to below {@link #length}
     */
    int extentAt(long offset);

    /** Where an extent ends: the first offset behind it. */
    long end(int extent);

    /** Whether an extent is a hole, so that its pages are zero without being read. */
    boolean isZero(int extent);

    /**
     * Where the content of an extent is mapped. For the kernel only: Java code that touches it may get an
     * {@link InternalError}, as the file may have become shorter.
     *
     * @param offset inside the extent
     * @return an address of this process
     */
    long address(int extent, long offset);

    /** Where what can be read of an extent ends: {@link #end}, or less if its file had become shorter at {@link #refresh}. */
    long readableEnd(int extent);

    /**
     * Looks whether the files are still as long as they were.
     *
     * @return false if one has become shorter
     */
    boolean refresh();

    /** Starts to read a part of an extent into memory, and waits for it; an extent that cannot be read is left as it is. */
    void prepare(int extent, long from, long to);

    /** Says that a part of an extent will be prepared soon; a source that can read it meanwhile does, without waiting. */
    default void announce(int extent, long from, long to) {}

    /**
     * Copies content that may span extents.
     *
     * @param into native memory; its size is the length
     * @return bytes copied, fewer than wanted if a file has become too short, or a negated errno
     */
    long read(long offset, MemorySegment into);

    @Override
    void close();
}
