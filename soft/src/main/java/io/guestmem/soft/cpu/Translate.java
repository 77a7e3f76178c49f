package io.guestmem.soft.cpu;

import io.guestmem.abi.TranslationLayout;
import io.guestmem.paging.Access;
import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.WalkResult;
import io.guestmem.paging.Walker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * {@code KVM_TRANSLATE}: a supervisor data read with KVM's own walker; it sets Accessed bits. Source: kernel.md 1.11; Linux 7.2
 * {@code x86.c:kvm_arch_vcpu_ioctl_translate}.
 */
final class Translate {
    private static final long INVALID = -1;

    private Translate() {}

    /** Fills a {@code struct kvm_translation}; its padding stays as it is. */
    static void fill(Core core, MemorySegment translation) {
        long linear = translation.get(ValueLayout.JAVA_LONG, TranslationLayout.LINEAR_ADDRESS);
        long gpa = gpa(core, linear);
        translation.set(ValueLayout.JAVA_LONG, TranslationLayout.PHYSICAL_ADDRESS, gpa);
        translation.set(ValueLayout.JAVA_BYTE, TranslationLayout.VALID, (byte) (gpa == INVALID ? 0 : 1));
        translation.set(ValueLayout.JAVA_BYTE, TranslationLayout.WRITEABLE, (byte) 1);
        translation.set(ValueLayout.JAVA_BYTE, TranslationLayout.USERMODE, (byte) 0);
    }

    private static long gpa(Core core, long linear) {
        Walker walker = new Walker(core.walkPlan(), core.context.tables());
        if (walker.plan().mode() == PagingMode.NONE) {
            return linear;
        }
        long result = walker.walk(linear, access(core, Access.READ), SetBits.ACCESSED, CheckOrder.ARCHITECTURAL);
        return WalkResult.isPage(result) ? WalkResult.address(result) : INVALID;
    }

    /** An access by the vCPU as it is: its RFLAGS.AC decides about SMAP. */
    static int access(Core core, int wanted) {
        return wanted | ((core.registers.rflags & Flags.AC) != 0 ? Access.ALIGNMENT_CHECK : 0);
    }
}
