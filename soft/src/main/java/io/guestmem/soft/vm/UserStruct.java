package io.guestmem.soft.vm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Reads and writes fields of a copied struct, at the offsets of its layout class. */
final class UserStruct {
    private UserStruct() {}

    static int u32(MemorySegment struct, long offset) {
        return struct.get(ValueLayout.JAVA_INT_UNALIGNED, offset);
    }

    static long u64(MemorySegment struct, long offset) {
        return struct.get(ValueLayout.JAVA_LONG_UNALIGNED, offset);
    }

    static void u64(MemorySegment struct, long offset, long value) {
        struct.set(ValueLayout.JAVA_LONG_UNALIGNED, offset, value);
    }
}
