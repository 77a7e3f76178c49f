package io.guestmem.diff.translate;

import io.guestmem.paging.Access;

/**
 * An access that the guest makes.
 *
 * @param linear the address
 * @param kind what it does
 * @param user in user mode
 * @param alignmentCheck with RFLAGS.AC
 * @param pkru the register meanwhile
 * @param value what is written, 4 bytes; for a segment register its selector
 */
record AccessCase(long linear, AccessKind kind, boolean user, boolean alignmentCheck, int pkru, int value) {
    /** The bits of {@link Access}. */
    int access() {
        return kind.access(user) | (alignmentCheck ? Access.ALIGNMENT_CHECK : 0);
    }

    AccessCase with(long otherLinear, int otherValue) {
        return new AccessCase(otherLinear, kind, user, alignmentCheck, pkru, otherValue);
    }
}
