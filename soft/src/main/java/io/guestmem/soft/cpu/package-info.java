/**
 * Virtual CPUs: registers and their rules, {@code KVM_RUN}, the instructions that guest programs use, {@code KVM_TRANSLATE}.
 *
 * <pre>{@code
 *   Processor ── requests of the vCPU's file, KVM_RUN
 *      ├── Registers, SystemRegisters, Cpuid, ModelSpecificRegisters     state, as KVM lets it be set
 *      ├── Translate, Translate2                                         walks for the user
 *      └── Core ── one processor core
 *             ├── LinearMemory ── gva ─(Walker, TLB)─▶ gpa ─(GuestAccess)─▶ bytes; Mmio
 *             ├── CodeCache, Decoder ── bytes ─▶ Instruction with its Operation
 *             ├── Exceptions ── delivery, double and triple faults
 *             └── PortIo
 * }</pre>
 *
 * <p><b>Invariants.</b> Everything here is used under the vCPU's mutex, by one thread at a time; there are no locks. An
 * instruction changes nothing before its last access to memory has succeeded: an {@link Abort} leaves it as if it had not begun,
 * and it starts anew. What an instruction has read from MMIO is kept until it is done. A native address is used before memory is
 * asked for another one, never after. Nothing is allocated per instruction that runs from the code cache.
 *
 * <p><b>Not modelled.</b> FPU and vector state, debug registers, single-stepping, task switches, 16-bit task state segments,
 * in-kernel interrupt controllers, nested guests.
 */
@NullMarked
package io.guestmem.soft.cpu;

import org.jspecify.annotations.NullMarked;
