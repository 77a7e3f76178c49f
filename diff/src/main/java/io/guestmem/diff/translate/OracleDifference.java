package io.guestmem.diff.translate;

import io.guestmem.paging.Access;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.Walker;
import java.util.ArrayList;
import java.util.List;

/**
 * A case that the walker and an oracle answered differently.
 *
 * @param seed of the round
 * @param state the registers
 * @param linear the address
 * @param access bits of {@link Access}
 * @param path the entries on the way; accessed and dirty bits may have been set by later cases
 * @param walker what the walker says
 * @param oracle what the oracle says
 */
public record OracleDifference(
        long seed, PagingState state, long linear, int access, List<Walker.Step> path, String walker, String oracle) {
    /** Copies the path. */
    public OracleDifference {
        path = List.copyOf(path);
    }

    /** Everything that one needs to see why, in lines. */
    public String describe() {
        StringBuilder text = new StringBuilder();
        text.append("seed ").append(seed).append(", ").append(state.mode()).append('\n');
        text.append("  CR0 ").append(hex(state.cr0())).append("  CR3 ").append(hex(state.cr3()));
        text.append("  CR4 ").append(hex(state.cr4())).append("  EFER ").append(hex(state.efer()));
        text.append("  PKRU ").append(Integer.toHexString(state.pkru())).append('\n');
        text.append("  ").append(state.features()).append('\n');
        text.append("  ")
                .append(accessText())
                .append(" at ")
                .append(hex(linear))
                .append('\n');
        for (Walker.Step step : path) {
            text.append("    level ").append(step.level()).append(" at ").append(hex(step.address()));
            text.append(" = ").append(hex(step.value())).append('\n');
        }
        return text.append("  walker  ")
                .append(walker)
                .append("\n  oracle  ")
                .append(oracle)
                .append('\n')
                .toString();
    }

    private String accessText() {
        List<String> words = new ArrayList<>();
        words.add((access & Access.IMPLICIT) != 0 ? "implicit" : (access & Access.USER) != 0 ? "user" : "supervisor");
        words.add((access & Access.EXECUTE) != 0 ? "fetch" : (access & Access.WRITE) != 0 ? "write" : "read");
        if ((access & Access.ALIGNMENT_CHECK) != 0) {
            words.add("with AC");
        }
        return String.join(" ", words);
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
