package io.guestmem.diff;

import java.util.List;
import java.util.stream.Collectors;

/**
 * Calls, one after the other, on a fresh VM.
 *
 * @param seed that it was made of
 * @param calls in their order
 */
public record Sequence(long seed, List<Call> calls) {
    private static final int MEMORY_INTERVAL = 8;

    /** Copies the list. */
    public Sequence {
        calls = List.copyOf(calls);
    }

    /** Whether the memory at the end is compared too: not each time, for that takes longer than the calls. */
    boolean comparesMemory() {
        return seed % MEMORY_INTERVAL == 0;
    }

    /** The same seed, other calls. */
    public Sequence withCalls(List<Call> others) {
        return new Sequence(seed, others);
    }

    /** A test method that performs it. */
    public String java() {
        return calls.stream()
                .map(Call::java)
                .collect(Collectors.joining(
                        ",\n            ",
                        "    @Test\n    void seed" + seed + "() {\n        assertAgreement(\n            ",
                        ");\n    }\n"));
    }
}
