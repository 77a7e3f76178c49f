package io.guestmem.soft.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;

/** What holds of the tables of an MMU when nothing is under way. */
public final class TableInvariants {
    private static final long NX_DISALLOWED = 1 << 3;

    private TableInvariants() {}

    /** Each table that a root reaches is in use, for the place where it hangs and for no other; none is in use elsewhere. */
    public static void check(TdpMmu mmu, String context) {
        Set<Long> reached = new HashSet<>();
        for (Root root : mmu.roots()) {
            reach(reached, root.table(), 0, root.role().level(), context);
            EntryVisitor.walk(root, 0, Long.MAX_VALUE, (_, gfn, level, spte) -> {
                if (Spte.isTable(spte, level)) {
                    reach(reached, Spte.tableAddress(spte), gfn, level - 1, context);
                }
            });
        }
        assertThat(mmu.tables()).as("tables in use, %s", context).isEqualTo(reached.size());
    }

    private static void reach(Set<Long> reached, long table, long gfn, int level, String context) {
        assertThat(reached.add(table))
                .as("table of gfn 0x%x level %d hangs in two places, %s", gfn, level, context)
                .isTrue();
        assertThat(NativeMemory.get(PageTables.description(table)) & ~NX_DISALLOWED)
                .as("table of gfn 0x%x level %d was freed, %s", gfn, level, context)
                .isEqualTo(gfn >>> 9 << 4 | level);
    }
}
