/**
 * Oracles for {@link io.guestmem.paging.Walker} that are none of our own: a kernel's {@code KVM_TRANSLATE}, and a guest that
 * makes the access and tells what happened.
 *
 * <p><b>Purpose.</b> Random tables, random control registers, random accesses, in every paging mode. {@link
 * io.guestmem.diff.translate.TranslateOracle} compares validity, physical address and accessed bits; {@link
 * io.guestmem.diff.translate.AccessOracle} compares what was read, written or executed, the vector, the error code bit for bit,
 * CR2, and the tables afterwards.
 *
 * <p><b>Invariants.</b> A batch follows from its seed alone. The model's memory changes only by walks of the walker that is
 * tested and by what the guest is told to write. Where a processor deviates, that is a {@link
 * io.guestmem.diff.translate.KnownDeviation}, which says what it does instead: no case is left out because of it.
 *
 * <p><b>Locks.</b> None: everything is used by one thread.
 */
@NullMarked
package io.guestmem.diff.translate;

import org.jspecify.annotations.NullMarked;
