package io.guestmem.soft.confidential;

import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.Struct;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * A command of {@code KVM_MEMORY_ENCRYPT_OP} that is under way: {@code kvm_sev_cmd} or {@code kvm_tdx_cmd}, whose ids and data
 * stand at the same places.
 *
 * @param user who gave it
 * @param struct its 24 bytes
 */
record Command(GuestUser user, MemorySegment struct) {
    static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
    static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED;
    static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED;
    static final ValueLayout.OfLong U64 = ValueLayout.JAVA_LONG_UNALIGNED;

    int id() {
        return struct.get(U32, SevCommandLayout.ID);
    }

    long data() {
        return struct.get(U64, SevCommandLayout.DATA);
    }

    /** Copies the command's own struct; null is {@code EFAULT}. */
    @Nullable
    MemorySegment read(Struct layout) {
        MemorySegment copy = buffer(layout.size());
        return user.read(data(), copy) ? copy : null;
    }

    /** Writes the command's own struct back: 0 or {@code -EFAULT}. */
    long write(MemorySegment changed) {
        return user.write(data(), changed) ? 0 : Failure.EFAULT;
    }

    /** The security processor did what it was told, or was not asked. */
    void succeeds() {
        struct.set(U32, SevCommandLayout.ERROR, FirmwareStatus.SUCCESS.code());
    }

    /** The security processor refuses. */
    long fails(FirmwareStatus status) {
        struct.set(U32, SevCommandLayout.ERROR, status.code());
        return Failure.EIO;
    }

    /** Heap memory that is aligned to 8 bytes. */
    static MemorySegment buffer(long size) {
        return MemorySegment.ofArray(new long[(int) ((size + 7) / 8)]).asSlice(0, size);
    }
}
