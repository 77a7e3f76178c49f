package io.guestmem.diff.translate;

import io.guestmem.paging.Access;

/**
 * An access that the guest makes.
 *
 * @param linear the address
 * @param access bits of {@link Access}: WRITE, USER, EXECUTE, ALIGNMENT_CHECK
 * @param pkru the register meanwhile
 * @param value what is written, 4 bytes
 */
record AccessCase(long linear, int access, int pkru, int value) {
    boolean alignmentCheck() {
        return (access & Access.ALIGNMENT_CHECK) != 0;
    }

    boolean isWrite() {
        return (access & Access.WRITE) != 0;
    }
}
