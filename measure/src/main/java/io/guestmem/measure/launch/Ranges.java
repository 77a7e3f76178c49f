package io.guestmem.measure.launch;

import io.guestmem.measure.LaunchStep;
import java.util.ArrayList;
import java.util.List;

/** Guest-physical ranges of steps. */
final class Ranges {
    private Ranges() {}

    /**
     * A page is populated once: SNP and TDX answer the second time with EIO.
     *
     * @throws RefusedException if two steps populate the same page
     */
    static void refuseOverlaps(List<LaunchStep> steps) throws RefusedException {
        List<LaunchStep> sorted = new ArrayList<>(steps);
        sorted.sort((one, other) -> Long.compare(one.gpa(), other.gpa()));
        for (int i = 1; i < sorted.size(); i++) {
            LaunchStep before = sorted.get(i - 1);
            LaunchStep step = sorted.get(i);
            if (before.gpa() + before.size() > step.gpa()) {
                throw new RefusedException(before.what() + " and " + step.what() + " both populate the page at 0x"
                        + Long.toHexString(step.gpa()) + ", which the kernel answers with EIO");
            }
        }
    }
}
