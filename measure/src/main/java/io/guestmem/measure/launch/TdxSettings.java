package io.guestmem.measure.launch;

import io.guestmem.measure.rtmr.MemoryRange;
import java.util.List;
import java.util.Optional;

/**
 * What decides about the launch of a TD besides its firmware.
 *
 * @param vmm whose checks
 * @param order of adding and extending
 * @param measureAll the "TD HOB bug" of early GCE hosts: every section is extended, whatever its attributes, and with it the TD HOB,
 *     so that MRTD depends on the memory
 * @param memory the guest's memory, if it is known
 * @param earlyAccept whether GCE's TD HOB asks for all memory to be accepted early
 */
public record TdxSettings(
        TdxVmm vmm, TdxOrder order, boolean measureAll, Optional<List<MemoryRange>> memory, boolean earlyAccept) {
    /** QEMU on a current kernel. */
    public static final TdxSettings STANDARD =
            new TdxSettings(TdxVmm.QEMU, TdxOrder.PAGE, false, Optional.empty(), false);

    /** Keeps its own copy. */
    public TdxSettings {
        memory = memory.map(List::copyOf);
    }

    /** With the checks of another VMM. */
    public TdxSettings with(TdxVmm other) {
        return new TdxSettings(other, order, measureAll, memory, earlyAccept);
    }

    /** With another order. */
    public TdxSettings with(TdxOrder other) {
        return new TdxSettings(vmm, other, measureAll, memory, earlyAccept);
    }

    /** With this memory. */
    public TdxSettings withMemory(List<MemoryRange> ranges) {
        return new TdxSettings(vmm, order, measureAll, Optional.of(ranges), earlyAccept);
    }

    /** With everything measured, as early GCE hosts did. */
    public TdxSettings withMeasureAll(boolean early) {
        return new TdxSettings(vmm, order, true, memory, early);
    }
}
