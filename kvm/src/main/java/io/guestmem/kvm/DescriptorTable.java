package io.guestmem.kvm;

import io.guestmem.abi.DtableLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * gdtr or idtr.
 *
 * @param base linear address of the table
 * @param limit its last byte, 0 to 65535
 */
public record DescriptorTable(long base, int limit) {
    static DescriptorTable read(MemorySegment sregs, long at) {
        return new DescriptorTable(
                sregs.get(ValueLayout.JAVA_LONG, at + DtableLayout.BASE),
                Short.toUnsignedInt(sregs.get(ValueLayout.JAVA_SHORT, at + DtableLayout.LIMIT)));
    }

    void write(MemorySegment sregs, long at) {
        sregs.set(ValueLayout.JAVA_LONG, at + DtableLayout.BASE, base);
        sregs.set(ValueLayout.JAVA_SHORT, at + DtableLayout.LIMIT, (short) limit);
    }
}
