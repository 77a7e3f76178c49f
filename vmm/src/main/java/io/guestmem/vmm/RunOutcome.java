package io.guestmem.vmm;

import io.guestmem.kvm.Exit;
import io.guestmem.kvm.Registers;

/** How a run of a guest program ended. */
public sealed interface RunOutcome {
    /**
     * The program said that it is done.
     *
     * @param registers its results
     */
    record Finished(Registers registers) implements RunOutcome {}

    /**
     * The time was up.
     *
     * @param registers where it was then
     */
    record TimedOut(Registers registers) implements RunOutcome {}

    /**
     * Somebody called {@link RunLoop#stop}.
     *
     * @param registers where it was then
     */
    record Stopped(Registers registers) implements RunOutcome {}

    /**
     * The guest did something that this VMM has no answer to.
     *
     * @param exit what it did
     * @param registers where
     */
    record Failed(Exit exit, Registers registers) implements RunOutcome {}
}
