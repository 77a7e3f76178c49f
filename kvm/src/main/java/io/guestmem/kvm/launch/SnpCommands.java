package io.guestmem.kvm.launch;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.SevInitLayout;
import io.guestmem.abi.SnpLaunchFinishLayout;
import io.guestmem.abi.SnpLaunchStartLayout;
import io.guestmem.abi.SnpLaunchUpdateLayout;
import io.guestmem.abi.UserMemory;
import io.guestmem.kvm.Vm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * The launch of a SEV-SNP guest, command by command: {@code INIT2}, {@code SNP_LAUNCH_START}, {@code SNP_LAUNCH_UPDATE} as often as
 * wanted, {@code SNP_LAUNCH_FINISH}, after which memory can be pre-faulted. Thread-safe.
 *
 * <p>Source: Linux 7.2 {@code sev.c:snp_launch_start}, {@code snp_launch_update}, {@code snp_launch_finish}; SEV-SNP firmware ABI,
 * 8.16 to 8.18.
 */
public final class SnpCommands {
    private static final int PAGE_SHIFT = 12;

    private final EncryptOp op;
    private final int device;

    /**
     * Commands of a VM.
     *
     * @param device stays owned by the caller, open while commands are made
     */
    public SnpCommands(Vm vm, SevDevice device) {
        this.op = new EncryptOp(vm.kernel(), vm.file());
        this.device = device.descriptor();
    }

    /**
     * {@code KVM_SEV_INIT2}, once, before any vCPU.
     *
     * @param vmsaFeatures SEV_FEATURES of the vCPUs without the bit of SNP, which KVM sets
     */
    public CommandResult init2(long vmsaFeatures) {
        return init2(op, device, vmsaFeatures);
    }

    static CommandResult init2(EncryptOp op, int device, long vmsaFeatures) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment init = arena.allocate(SevInitLayout.STRUCT.size(), Long.BYTES);
            init.set(ValueLayout.JAVA_LONG, SevInitLayout.VMSA_FEATURES, vmsaFeatures);
            return op.sev("KVM_SEV_INIT2", SevCommandLayout.INIT2, init, device);
        }
    }

    /**
     * {@code KVM_SEV_SNP_LAUNCH_START}.
     *
     * @param policy of the guest; bit 17 must be set
     */
    public CommandResult launchStart(long policy) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment start = arena.allocate(SnpLaunchStartLayout.STRUCT.size(), Long.BYTES);
            start.set(ValueLayout.JAVA_LONG, SnpLaunchStartLayout.POLICY, policy);
            return op.sev("KVM_SEV_SNP_LAUNCH_START", SevCommandLayout.SNP_LAUNCH_START, start, device);
        }
    }

    /**
     * {@code KVM_SEV_SNP_LAUNCH_UPDATE}, once: private pages get a content and are measured. After any progress the kernel answers
     * success, and tells the rest in the struct; whatever hinders the first page is EIO.
     *
     * @param start a multiple of 4096, in a memslot with guest_memfd, private by its attributes
     * @param content native memory, its address and size multiples of 4096. Of ZERO pages only the size counts. A CPUID page that the
     *     firmware refuses is corrected there
     */
    public UpdateResult launchUpdate(SnpPageKind kind, GuestPhysical start, MemorySegment content) {
        try (Arena arena = Arena.ofConfined();
                UserMemory source = op.kernel().expose(content)) {
            return update(kind, start, content.byteSize(), source.address(), arena);
        }
    }

    /** {@link #launchUpdate} of pages of zeroes, by the firmware. */
    public UpdateResult launchZeroes(GuestPhysical start, long size) {
        try (Arena arena = Arena.ofConfined()) {
            return update(SnpPageKind.ZERO, start, size, 0, arena);
        }
    }

    private UpdateResult update(SnpPageKind kind, GuestPhysical start, long size, long source, Arena arena) {
        MemorySegment update = arena.allocate(SnpLaunchUpdateLayout.STRUCT.size(), Long.BYTES);
        update.set(ValueLayout.JAVA_LONG, SnpLaunchUpdateLayout.GFN_START, start.value() >>> PAGE_SHIFT);
        update.set(ValueLayout.JAVA_LONG, SnpLaunchUpdateLayout.UADDR, source);
        update.set(ValueLayout.JAVA_LONG, SnpLaunchUpdateLayout.LEN, size);
        update.set(ValueLayout.JAVA_BYTE, SnpLaunchUpdateLayout.TYPE, (byte) kind.code());
        CommandResult result = op.sev("KVM_SEV_SNP_LAUNCH_UPDATE", SevCommandLayout.SNP_LAUNCH_UPDATE, update, device);
        return new UpdateResult(size - update.get(ValueLayout.JAVA_LONG, SnpLaunchUpdateLayout.LEN), result);
    }

    /**
     * What proves the identity of a guest.
     *
     * @param block the ID block, 96 bytes: the firmware finishes the launch only if its digest is the one in here
     * @param authentication the page with the keys and signatures, 4096 bytes
     * @param author whether the author's key in it counts
     */
    @SuppressWarnings("ArrayRecordComponent") // bytes for an ioctl, compared by nobody
    public record Identity(byte[] block, byte[] authentication, boolean author) {}

    /**
     * {@code KVM_SEV_SNP_LAUNCH_FINISH}: the registers of all vCPUs are encrypted and measured, and the guest may run. Nothing can be
     * tried again after a refusal: vCPUs stay protected.
     *
     * @param identity if the firmware is to compare the launch digest
     */
    public CommandResult launchFinish(Optional<Identity> identity) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment finish = arena.allocate(SnpLaunchFinishLayout.STRUCT.size(), Long.BYTES);
            if (identity.isEmpty()) {
                return finish(finish);
            }
            Identity with = identity.get();
            finish.set(ValueLayout.JAVA_BYTE, SnpLaunchFinishLayout.ID_BLOCK_EN, (byte) 1);
            finish.set(ValueLayout.JAVA_BYTE, SnpLaunchFinishLayout.AUTH_KEY_EN, (byte) (with.author ? 1 : 0));
            try (UserMemory block = op.kernel().expose(arena.allocateFrom(ValueLayout.JAVA_BYTE, with.block));
                    UserMemory proof =
                            op.kernel().expose(arena.allocateFrom(ValueLayout.JAVA_BYTE, with.authentication))) {
                finish.set(ValueLayout.JAVA_LONG, SnpLaunchFinishLayout.ID_BLOCK_UADDR, block.address());
                finish.set(ValueLayout.JAVA_LONG, SnpLaunchFinishLayout.ID_AUTH_UADDR, proof.address());
                return finish(finish);
            }
        }
    }

    private CommandResult finish(MemorySegment finish) {
        return op.sev("KVM_SEV_SNP_LAUNCH_FINISH", SevCommandLayout.SNP_LAUNCH_FINISH, finish, device);
    }
}
