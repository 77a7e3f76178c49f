package io.guestmem.soft.vm;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The third argument of an {@code ioctl(2)}: a plain value, a struct, or a pointer that may lead nowhere. Belongs to one call.
 *
 * <p>Structs are copied before they are looked at, as {@code copy_from_user} does, so that nobody can change them meanwhile.
 */
public interface UserArgument {
    /** The value, if it is one; the address of a struct otherwise. */
    long value();

    /**
     * Copies bytes in.
     *
     * @param offset from where the argument points to, in bytes
     * @param size in bytes
     * @return a copy, aligned to 8 bytes, or null for {@code EFAULT}
     */
    @Nullable
    MemorySegment copyIn(long offset, long size);

    /**
     * Copies bytes out.
     *
     * @param offset from where the argument points to, in bytes
     * @return whether it worked; otherwise {@code EFAULT}
     */
    boolean copyOut(long offset, MemorySegment from);
}
