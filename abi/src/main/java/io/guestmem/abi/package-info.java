/**
 * KVM's binary interface: request codes, struct layouts, capability numbers, exit reasons, and the seam
 * ({@link io.guestmem.abi.Kernel}, {@link io.guestmem.abi.KvmFile}) behind which a kernel answers.
 *
 * <p><b>Purpose.</b> Everything above the seam speaks KVM's own interface: a request code and a struct in, a result or an
 * errno out. Below it stands the real kernel or the software kernel, and neither side knows which. So a program, a test or a
 * benchmark written once runs on both, and the two can be compared call by call.
 *
 * <p><b>Invariants.</b>
 *
 * <ul>
 *   <li>A layout is a class: it shows the C struct, holds its offsets and its {@link io.guestmem.abi.Struct}, and nothing
 *       else. No other class holds an offset of a kernel struct.
 *   <li>Request codes are computed from direction, number and struct size, and pinned to their literal values by a test.
 *   <li>Results cross the seam as the kernel gives them: 0 or more is the result, {@code [-4095, -1]} is a negated errno.
 * </ul>
 *
 * <p><b>Locks.</b> None; this package has no mutable state.
 *
 * <p><b>Source.</b> Linux 7.2 {@code include/uapi/linux/kvm.h} and {@code arch/x86/include/uapi/asm/kvm.h}; for the ioctls
 * that were never merged, the postings named in their layout classes.
 */
@NullMarked
package io.guestmem.abi;

import org.jspecify.annotations.NullMarked;
