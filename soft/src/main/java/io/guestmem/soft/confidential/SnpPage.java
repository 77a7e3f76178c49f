package io.guestmem.soft.confidential;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.SnpPageType;
import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.util.Arrays;

/**
 * A page on its way into an SNP guest, as KVM and the firmware treat its type. One for each {@code KVM_SEV_SNP_LAUNCH_UPDATE};
 * used for one page after the other.
 *
 * <p>Source: SEV-SNP firmware ABI 8.17, and 7.1 for CPUID pages.
 *
 * <pre>{@code
 *  struct snp_cpuid_table {                                  // 16 bytes, then 48 for each function
 *      u32 count, reserved1; u64 reserved2;
 *      struct { u32 eax_in, ecx_in; u64 xcr0_in, xss_in;     // 24
 *               u32 eax, ebx, ecx, edx; u64 reserved; } fn[64];
 *  };
 *  struct snp_secrets_page {                                 // as far as it is filled here
 *      u32 version; u32 flags; u32 fms; u32 reserved;        // 16
 *      u8 gosvw[16];                                         // 16
 *      u8 vmpck[4][32];                                      // 32
 *  };
 * }</pre>
 */
final class SnpPage {
    private static final int SECRETS_VERSION = 3;
    private static final int SECRETS_GOSVW = 16;
    private static final int SECRETS_KEYS = 32;
    private static final int SECRETS_KEY_BYTES = 4 * 32;
    private static final int FUNCTIONS = 16;
    private static final int FUNCTION_SIZE = 48;
    private static final int FUNCTION_VALUES = 24;
    private static final int MOST_FUNCTIONS = 64;

    final GuestUser user;
    final SnpPageType type;
    final byte[] source = new byte[LaunchStep.PAGE];

    /** What the firmware said last. */
    FirmwareStatus status = FirmwareStatus.SUCCESS;

    SnpPage(GuestUser user, SnpPageType type) {
        this.user = user;
        this.type = type;
    }

    /** The type with a number that there is. */
    static SnpPageType type(int code) {
        return Arrays.stream(SnpPageType.values())
                .filter(each -> each.code() == code)
                .findFirst()
                .orElseThrow();
    }

    /** Copies the source, if the type has one. */
    boolean read(long address) {
        return type == SnpPageType.ZERO || user.read(address, MemorySegment.ofArray(source));
    }

    /**
     * The firmware looks at a CPUID page. It refuses features that the processor does not have, and the page without them goes
     * back to where it came from.
     */
    FirmwareStatus check(MemorySegment supported, long address) {
        if (type != SnpPageType.CPUID) {
            return FirmwareStatus.SUCCESS;
        }
        MemorySegment page = MemorySegment.ofArray(source);
        int count = page.get(Command.U32, 0);
        if (count < 0 || count > MOST_FUNCTIONS) {
            return FirmwareStatus.INVALID_PARAM;
        }
        boolean changed = false;
        for (int i = 0; i < count; i++) {
            changed |= correct(page.asSlice(FUNCTIONS + (long) i * FUNCTION_SIZE, FUNCTION_SIZE), supported);
        }
        if (!changed) {
            return FirmwareStatus.SUCCESS;
        }
        // Who cannot be told is told the status only.
        boolean _ = user.write(address, page);
        return FirmwareStatus.INVALID_PARAM;
    }

    /** Takes away what a function of feature bits claims beyond the processor; whether there was something. */
    private static boolean correct(MemorySegment function, MemorySegment supported) {
        int leaf = function.get(Command.U32, 0);
        boolean features = leaf == 1 || leaf == 7 || leaf == 0x8000_0001;
        int first = leaf == 7 ? CpuidLayout.ENTRY_EBX : CpuidLayout.ENTRY_ECX;
        for (long at = 0; features && at < supported.byteSize(); at += CpuidLayout.ENTRY.size()) {
            if (supported.get(Command.U32, at + CpuidLayout.ENTRY_FUNCTION) == leaf
                    && supported.get(Command.U32, at + CpuidLayout.ENTRY_INDEX) == function.get(Command.U32, 4)) {
                return mask(function, supported, at, first);
            }
        }
        return false;
    }

    private static boolean mask(MemorySegment function, MemorySegment supported, long entry, int first) {
        boolean changed = false;
        for (int register = first; register <= CpuidLayout.ENTRY_EDX; register += Integer.BYTES) {
            long at = (long) FUNCTION_VALUES + register - CpuidLayout.ENTRY_EAX;
            int wanted = function.get(Command.U32, at);
            int allowed = wanted & supported.get(Command.U32, entry + register);
            function.set(Command.U32, at, allowed);
            changed |= allowed != wanted;
        }
        return changed;
    }

    /** What the guest will find. */
    byte[] contents(byte[] workarounds) {
        return switch (type) {
            case ZERO -> new byte[LaunchStep.PAGE];
            case SECRETS -> secrets(workarounds);
            default -> source;
        };
    }

    private static byte[] secrets(byte[] workarounds) {
        byte[] page = new byte[LaunchStep.PAGE];
        byte[] keys = new byte[SECRETS_KEY_BYTES];
        new SecureRandom().nextBytes(keys);
        page[0] = SECRETS_VERSION;
        System.arraycopy(workarounds, 0, page, SECRETS_GOSVW, workarounds.length);
        System.arraycopy(keys, 0, page, SECRETS_KEYS, keys.length);
        return page;
    }
}
