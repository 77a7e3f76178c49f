package io.guestmem.soft;

/**
 * A guest written in Java: a vCPU runs it instead of the instructions in its memory. It reads, writes and fetches through both
 * stages of translation, with the vCPU's registers as they are, and causes the exits that a real guest would cause.
 *
 * <p>A step is what an instruction is. An access that exits ends the step at once, and the next {@code KVM_RUN} makes the same
 * step again; what it has read from MMIO or a port is remembered until it is through. So a step first accesses memory, and then
 * changes the guest's own state:
 *
 * <pre>{@code
 *   public void step(Cpu cpu) {
 *       cpu.write(at, 8, value);      // may exit, and then the step is made again
 *       at += 4096;                   // it is through
 *       if (at == end) {
 *           cpu.halt();
 *       }
 *   }
 * }</pre>
 *
 * <p>An access that faults is delivered as the guest's tables say, as for an instruction at rip. A step
 * ends by an unchecked exception of the vCPU's own: a guest lets it pass. Used by one thread at a time.
 */
@FunctionalInterface
public interface JavaGuest {
    /** Makes one step. */
    void step(Cpu cpu);

    /** The processor, for the time of a step. Addresses are linear. */
    interface Cpu {
        /**
         * Reads memory.
         *
         * @param size 1, 2, 4 or 8 bytes
         * @return the value, unsigned
         */
        long read(long linear, int size);

        /**
         * Writes memory.
         *
         * @param size 1, 2, 4 or 8 bytes
         */
        void write(long linear, int size, long value);

        /** Fetches an instruction, which is not executed. */
        void fetch(long linear);

        /**
         * Reads a port.
         *
         * @param size 1, 2 or 4 bytes
         */
        long in(int port, int size);

        /**
         * Writes a port; the exit comes after the step.
         *
         * @param size 1, 2 or 4 bytes
         */
        void out(int port, int size, long value);

        /** Halts after the step, as HLT does. */
        void halt();

        /**
         * A general register.
         *
         * @param number 0 to 15, as instructions number them: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 and so on
         */
        long register(int number);

        /** Sets a general register. */
        void setRegister(int number, long value);
    }
}
