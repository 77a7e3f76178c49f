/**
 * A small VMM: it runs real guests over memory that guestmem populated.
 *
 * <p><b>Purpose.</b> {@link io.guestmem.vmm.GuestProgram} is what a guest does, as machine code assembled here;
 * {@link io.guestmem.vmm.Machine} is a VM with one vCPU in long mode that runs it; {@link io.guestmem.vmm.RunLoop} answers its
 * exits, with a time limit.
 *
 * <p><b>The machine.</b> Guest-physical memory, and guest-virtual memory, which is the same (identity map, 2 MiB pages):
 *
 * <pre>{@code
 * 0                 memory size      next multiple of 1 GiB
 * |  guest memory   |   (nothing)    | page tables | program | list |
 * |  slot 0         |                | slot 1                       |
 * }</pre>
 *
 * <p><b>Invariants.</b> Guest programs run in user mode (privilege level 3) and use plain moves, arithmetic,
 * jumps and {@code out}: a host with shadow paging may emulate supervisor code instruction by instruction, a thousand times
 * slower, and runs user code natively. Guest memory is never touched by Java code while a userfaultfd guards it.
 *
 * <p><b>Locks.</b> None of its own.
 */
@NullMarked
package io.guestmem.vmm;

import org.jspecify.annotations.NullMarked;
