package io.guestmem.soft.cpu;

import static io.guestmem.abi.Translation2Layout.EXEC;
import static io.guestmem.abi.Translation2Layout.FAULT_INVALID_GVA;
import static io.guestmem.abi.Translation2Layout.FAULT_NOT_PRESENT;
import static io.guestmem.abi.Translation2Layout.FAULT_PRIVILEGE_VIOLATION;
import static io.guestmem.abi.Translation2Layout.FORCE_SET_ACCESSED;
import static io.guestmem.abi.Translation2Layout.SET_ACCESSED;
import static io.guestmem.abi.Translation2Layout.SET_DIRTY;
import static io.guestmem.abi.Translation2Layout.USER;
import static io.guestmem.abi.Translation2Layout.WRITE;

import io.guestmem.abi.Translation2Layout;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.WalkResult;
import io.guestmem.paging.Walker;
import io.guestmem.soft.cpu.CpuOptions.Translate2Rules;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * {@code KVM_TRANSLATE2}, as it was proposed. Source: kernel.md 4.1 to 4.4; the series 20240910152207.38974-1.
 *
 * <p>In two points this is not the series to the letter: SMEP, SMAP and keys are checked at the leaf, by the leaf's key, where the
 * series reads a key that is not set yet; and where it leaves the address of an absent PDPTE uninitialised, it is where CR3 has it.
 */
final class Translate2 {
    private static final int FLAGS = SET_ACCESSED | SET_DIRTY | FORCE_SET_ACCESSED;
    private static final int ACCESS = WRITE | USER | EXEC;
    private static final long TABLE = -4096;
    private static final int PDPTE_LEVEL = 3;

    private final Core core;
    private final MemorySegment struct;
    private final boolean exact;

    private Translate2(Core core, MemorySegment struct) {
        this.core = core;
        this.struct = struct;
        this.exact = core.options.translate2Rules() == Translate2Rules.RFC_EXACT;
    }

    /**
     * Fills a {@code struct kvm_translation2}; what the outcome does not decide stays as it is.
     *
     * @return false for {@code EINVAL}: flags or access make no sense
     */
    static boolean fill(Core core, MemorySegment struct) {
        int flags = Short.toUnsignedInt(struct.get(ValueLayout.JAVA_SHORT, Translation2Layout.FLAGS));
        int access = Short.toUnsignedInt(struct.get(ValueLayout.JAVA_SHORT, Translation2Layout.ACCESS));
        boolean needsAccessed = (flags & (SET_DIRTY | FORCE_SET_ACCESSED)) != 0;
        if ((needsAccessed && (flags & SET_ACCESSED) == 0)
                || ((flags & SET_DIRTY) != 0 && (access & WRITE) == 0)
                || (flags & ~FLAGS) != 0
                || (access & ~ACCESS) != 0) {
            return false;
        }
        new Translate2(core, struct).walk(flags, access);
        return true;
    }

    private void walk(int flags, int access) {
        long linear = struct.get(ValueLayout.JAVA_LONG, Translation2Layout.LINEAR_ADDRESS);
        Walker walker = new Walker(core.walkPlan(), core.context.tables());
        if (!walker.plan().isValid(linear, core.bits == 64)) {
            setValid(false);
            setError(FAULT_INVALID_GVA);
            if (!exact) {
                setAddress(0);
                setBitsSucceeded(false);
            }
            return;
        }
        if (walker.plan().mode() == PagingMode.NONE) {
            succeed(linear, flags != 0);
            return;
        }
        // The flags and accesses of the struct are the walker's own.
        long result = walker.walk(linear, Translate.access(core, access), flags, core.options.translate2Order());
        boolean bitsSet = flags != 0 && !WalkResult.bitsRefused(result);
        if (WalkResult.isPage(result)) {
            succeed(WalkResult.address(result), bitsSet);
        } else {
            boolean forced = (flags & FORCE_SET_ACCESSED) != 0;
            fail(
                    result,
                    access,
                    exact ? bitsSet : bitsSet && forced,
                    walker.plan().mode());
        }
    }

    private void succeed(long address, boolean bitsSet) {
        setValid(true);
        setAddress(address);
        setError(exact ? FAULT_NOT_PRESENT : 0);
        setBitsSucceeded(bitsSet);
    }

    private void fail(long fault, int access, boolean bitsSet, PagingMode mode) {
        setValid(false);
        boolean register = mode == PagingMode.PAE && WalkResult.level(fault) == PDPTE_LEVEL;
        setAddress(exact && !register ? WalkResult.address(fault) & TABLE : WalkResult.address(fault));
        setBitsSucceeded(bitsSet);
        int reason = WalkResult.reason(fault);
        // The series finds out by the bits of the error code, and a supervisor read has none of W, U and F.
        boolean unreported = exact && reason == FAULT_PRIVILEGE_VIOLATION && access == 0;
        if (!unreported) {
            setError(reason);
        }
    }

    private void setValid(boolean valid) {
        struct.set(ValueLayout.JAVA_BYTE, Translation2Layout.VALID, (byte) (valid ? 1 : 0));
    }

    private void setAddress(long address) {
        struct.set(ValueLayout.JAVA_LONG, Translation2Layout.PHYSICAL_ADDRESS, address);
    }

    private void setError(int error) {
        struct.set(ValueLayout.JAVA_SHORT, Translation2Layout.ERROR_CODE, (short) error);
    }

    private void setBitsSucceeded(boolean succeeded) {
        struct.set(ValueLayout.JAVA_BYTE, Translation2Layout.SET_BITS_SUCCEEDED, (byte) (succeeded ? 1 : 0));
    }
}
