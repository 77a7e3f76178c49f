package io.guestmem.soft.cpu;

/** What an instruction does. */
@FunctionalInterface
interface Operation {
    /**
     * Executes an instruction. {@link Core#nextRip} points behind it.
     *
     * @throws Abort if it cannot be finished; nothing has changed then
     */
    void execute(Core core, Instruction i);
}
