package io.guestmem.soft.cpu;

import io.guestmem.abi.Translation2Layout;
import io.guestmem.paging.Access;
import io.guestmem.paging.Translate2.Answer;
import io.guestmem.paging.Translate2.Rules;
import io.guestmem.paging.Walker;
import io.guestmem.soft.cpu.CpuOptions.Translate2Rules;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** {@code KVM_TRANSLATE2}, as it was proposed: the struct and the vCPU's state around {@link io.guestmem.paging.Translate2}. */
final class Translate2 {
    private Translate2() {}

    /**
     * Fills a {@code struct kvm_translation2}; what the outcome does not decide stays as it is.
     *
     * @return false for {@code EINVAL}: flags or access make no sense
     */
    static boolean fill(Core core, MemorySegment struct) {
        // The flags and accesses of the struct are the walker's own.
        int flags = Short.toUnsignedInt(struct.get(ValueLayout.JAVA_SHORT, Translation2Layout.FLAGS));
        int access = Short.toUnsignedInt(struct.get(ValueLayout.JAVA_SHORT, Translation2Layout.ACCESS));
        if (!io.guestmem.paging.Translate2.isValid(flags, access)) {
            return false;
        }
        long linear = struct.get(ValueLayout.JAVA_LONG, Translation2Layout.LINEAR_ADDRESS);
        Walker walker = new Walker(core.walkPlan(), core.context.tables());
        boolean alignmentCheck = (Translate.access(core, Access.READ) & Access.ALIGNMENT_CHECK) != 0;
        write(struct, rules(core).answer(walker, linear, flags, access, core.bits == 64, alignmentCheck));
        return true;
    }

    private static io.guestmem.paging.Translate2 rules(Core core) {
        boolean exact = core.options.translate2Rules() == Translate2Rules.RFC_EXACT;
        return new io.guestmem.paging.Translate2(
                exact ? Rules.RFC_EXACT : Rules.DOCUMENTED, core.options.translate2Order());
    }

    private static void write(MemorySegment struct, Answer answer) {
        struct.set(ValueLayout.JAVA_BYTE, Translation2Layout.VALID, (byte) (answer.valid() ? 1 : 0));
        if (answer.writesAddress()) {
            struct.set(ValueLayout.JAVA_LONG, Translation2Layout.PHYSICAL_ADDRESS, answer.address());
        }
        if (answer.writesErrorCode()) {
            struct.set(ValueLayout.JAVA_SHORT, Translation2Layout.ERROR_CODE, (short) answer.errorCode());
        }
        if (answer.writesBitsSet()) {
            byte bitsSet = (byte) (answer.bitsSet() ? 1 : 0);
            struct.set(ValueLayout.JAVA_BYTE, Translation2Layout.SET_BITS_SUCCEEDED, bitsSet);
        }
    }
}
