package io.guestmem.kvm.populate;

import io.guestmem.soft.SoftKernel;
import io.guestmem.soft.VmSnapshot;
import java.util.Map;
import java.util.TreeMap;

/** The second-stage tables of the software kernel's newest VM, to be compared. */
final class StageTwo {
    private StageTwo() {}

    /** By gfn, how each leaf is mapped: {@code rwx A D … level 1}, without the frame. */
    static Map<Long, String> leaves(SoftKernel kernel) {
        Map<Long, String> leaves = new TreeMap<>();
        VmSnapshot newest = kernel.inspect().processes().getFirst().machines().getLast();
        for (VmSnapshot.RootTable root : newest.roots()) {
            for (VmSnapshot.Entry leaf : root.leaves()) {
                String words = leaf.words().replaceFirst("pfn 0x[0-9a-f]+ ", "");
                leaves.put(leaf.gfn(), words + " level " + leaf.level());
            }
        }
        return leaves;
    }
}
