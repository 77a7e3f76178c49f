/**
 * The software kernel: it answers KVM's ioctls with no KVM, as Linux 7.2 does (or as an older version, where asked).
 *
 * <p><b>Parts.</b>
 *
 * <pre>{@code
 *   SoftKernel ── processes, files, dispatch                    io.guestmem.soft
 *      │
 *      ├── vm    memslots, attributes, guest_memfd, dirty       io.guestmem.soft.vm
 *      │         logging, statistics, every VM and vCPU ioctl
 *      │    └── confidential  SEV, SEV-ES, SNP, TDX          io.guestmem.soft.confidential
 *      ├── mmu   stage-2 tables off-heap, faults, zaps          io.guestmem.soft.mmu
 *      ├── host  processes' memory, frames, notifiers           io.guestmem.soft.host
 *      └── cpu   registers, KVM_RUN, instructions               io.guestmem.soft.cpu
 * }</pre>
 *
 * <p><b>Lock order</b> (outer first), as in the kernel:
 *
 * <ol>
 *   <li>the VM's lock
 *   <li>the vCPU's mutex: one ioctl of a vCPU at a time
 *   <li>the VM's {@code slots_lock}, then {@code slots_arch_lock}
 *   <li>a guest_memfd's invalidate lock
 *   <li>an address space's {@code mmap_lock}
 *   <li>the VM's {@code mmu_lock}: read for faults, write for zaps. Innermost: nothing is waited for under it
 * </ol>
 *
 * <p>Host memory is never looked up under {@code mmu_lock}; a notifier takes {@code mmu_lock} under {@code mmap_lock}.
 */
@NullMarked
package io.guestmem.soft;

import org.jspecify.annotations.NullMarked;
