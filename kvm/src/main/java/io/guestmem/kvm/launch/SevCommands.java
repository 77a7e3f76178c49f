package io.guestmem.kvm.launch;

import io.guestmem.abi.EncRegionLayout;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostVirtual;
import io.guestmem.abi.KernelException;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.SevGuestStatusLayout;
import io.guestmem.abi.SevLaunchMeasureLayout;
import io.guestmem.abi.SevLaunchSecretLayout;
import io.guestmem.abi.SevLaunchStartLayout;
import io.guestmem.abi.SevLaunchUpdateDataLayout;
import io.guestmem.abi.UserMemory;
import io.guestmem.kvm.Vm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The launch of a SEV or SEV-ES guest, command by command: {@code INIT2}, {@code LAUNCH_START}, {@code LAUNCH_UPDATE_DATA} as often
 * as wanted, {@code LAUNCH_UPDATE_VMSA} for SEV-ES, {@code LAUNCH_MEASURE}, {@code LAUNCH_SECRET}, {@code LAUNCH_FINISH}. Out of order
 * is EIO with the firmware's status. Thread-safe.
 *
 * <p>Source: Linux 7.2 {@code arch/x86/kvm/svm/sev.c}; AMD SEV API, chapter 6.
 */
public final class SevCommands {
    /** Bytes of a measurement: HMAC and nonce. */
    public static final int MEASUREMENT_SIZE = 48;

    private final Vm vm;
    private final EncryptOp op;
    private final int device;

    /**
     * Commands of a VM.
     *
     * @param device stays owned by the caller, open while commands are made
     */
    public SevCommands(Vm vm, SevDevice device) {
        this.vm = vm;
        this.op = new EncryptOp(vm.kernel(), vm.file());
        this.device = device.descriptor();
    }

    /** Whether the VM is one that can be or become a SEV guest: a null pointer in the place of a command asks. */
    public boolean isSupported() {
        return op.probe() == 0;
    }

    /**
     * {@code KVM_SEV_INIT2}, once, before any vCPU.
     *
     * @param vmsaFeatures SEV_FEATURES of the vCPUs without the bits that KVM sets itself: 0 for SEV
     */
    public CommandResult init2(long vmsaFeatures) {
        return SnpCommands.init2(op, device, vmsaFeatures);
    }

    /**
     * {@code KVM_SEV_INIT} or {@code KVM_SEV_ES_INIT}: makes a VM of the default type a guest, as before Linux 6.10.
     *
     * @param registersToo whether it is SEV-ES
     */
    public CommandResult initLegacy(boolean registersToo) {
        return registersToo
                ? op.sev("KVM_SEV_ES_INIT", SevCommandLayout.ES_INIT, MemorySegment.NULL, device)
                : op.sev("KVM_SEV_INIT", SevCommandLayout.INIT, MemorySegment.NULL, device);
    }

    /**
     * {@code KVM_SEV_LAUNCH_START} of a guest without an owner's session: the firmware makes the keys, and nobody can prove the
     * measurement.
     *
     * @param policy of the guest: bit 2 for SEV-ES
     */
    public CommandResult launchStart(int policy) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment start = arena.allocate(SevLaunchStartLayout.STRUCT.size(), Long.BYTES);
            start.set(ValueLayout.JAVA_INT, SevLaunchStartLayout.POLICY, policy);
            return op.sev("KVM_SEV_LAUNCH_START", SevCommandLayout.LAUNCH_START, start, device);
        }
    }

    /**
     * {@code KVM_SEV_LAUNCH_UPDATE_DATA}: encrypts memory of the process where it lies. KVM hands physically contiguous pieces to
     * the firmware; if one is refused, those before it are encrypted and measured, and nobody says how many.
     *
     * @param start a multiple of 16, which the firmware wants
     * @param length a positive multiple of 16 bytes
     */
    public CommandResult launchUpdateData(HostVirtual start, int length) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment update = arena.allocate(SevLaunchUpdateDataLayout.STRUCT.size(), Long.BYTES);
            update.set(ValueLayout.JAVA_LONG, SevLaunchUpdateDataLayout.UADDR, start.value());
            update.set(ValueLayout.JAVA_INT, SevLaunchUpdateDataLayout.LEN, length);
            return op.sev("KVM_SEV_LAUNCH_UPDATE_DATA", SevCommandLayout.LAUNCH_UPDATE_DATA, update, device);
        }
    }

    /** {@code KVM_SEV_LAUNCH_UPDATE_VMSA}: encrypts and measures the registers of all vCPUs. SEV-ES only, once. */
    public CommandResult launchUpdateVmsa() {
        return op.sev("KVM_SEV_LAUNCH_UPDATE_VMSA", SevCommandLayout.LAUNCH_UPDATE_VMSA, MemorySegment.NULL, device);
    }

    /**
     * {@code KVM_SEV_LAUNCH_MEASURE}: ends the population.
     *
     * @return {@value #MEASUREMENT_SIZE} bytes: the HMAC of the launch digest, which who knows the integrity key can check, and the
     *     nonce in it
     * @throws KernelException if it was refused
     */
    public byte[] launchMeasure() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment made = arena.allocate(MEASUREMENT_SIZE);
            MemorySegment measure = arena.allocate(SevLaunchMeasureLayout.STRUCT.size(), Long.BYTES);
            try (UserMemory into = op.kernel().expose(made)) {
                measure.set(ValueLayout.JAVA_LONG, SevLaunchMeasureLayout.UADDR, into.address());
                measure.set(ValueLayout.JAVA_INT, SevLaunchMeasureLayout.LEN, MEASUREMENT_SIZE);
                op.sev("KVM_SEV_LAUNCH_MEASURE", SevCommandLayout.LAUNCH_MEASURE, measure, device)
                        .orThrow();
            }
            return made.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /**
     * {@code KVM_SEV_LAUNCH_SECRET}: the firmware opens a packet of the owner and puts the secret into guest memory.
     *
     * @param header of the packet, 52 bytes
     * @param data of the packet, as long as the secret: a multiple of 16 bytes
     * @param into memory of the process; physically contiguous, so best within one page
     */
    public CommandResult launchSecret(byte[] header, byte[] data, HostVirtual into) {
        try (Arena arena = Arena.ofConfined();
                UserMemory head = op.kernel().expose(arena.allocateFrom(ValueLayout.JAVA_BYTE, header));
                UserMemory body = op.kernel().expose(arena.allocateFrom(ValueLayout.JAVA_BYTE, data))) {
            MemorySegment secret = arena.allocate(SevLaunchSecretLayout.STRUCT.size(), Long.BYTES);
            secret.set(ValueLayout.JAVA_LONG, SevLaunchSecretLayout.HDR_UADDR, head.address());
            secret.set(ValueLayout.JAVA_INT, SevLaunchSecretLayout.HDR_LEN, header.length);
            secret.set(ValueLayout.JAVA_LONG, SevLaunchSecretLayout.GUEST_UADDR, into.value());
            secret.set(ValueLayout.JAVA_INT, SevLaunchSecretLayout.GUEST_LEN, data.length);
            secret.set(ValueLayout.JAVA_LONG, SevLaunchSecretLayout.TRANS_UADDR, body.address());
            secret.set(ValueLayout.JAVA_INT, SevLaunchSecretLayout.TRANS_LEN, data.length);
            return op.sev("KVM_SEV_LAUNCH_SECRET", SevCommandLayout.LAUNCH_SECRET, secret, device);
        }
    }

    /** {@code KVM_SEV_LAUNCH_FINISH}: the guest may run. */
    public CommandResult launchFinish() {
        return op.sev("KVM_SEV_LAUNCH_FINISH", SevCommandLayout.LAUNCH_FINISH, MemorySegment.NULL, device);
    }

    /**
     * What the firmware knows of a guest.
     *
     * @param handle its number there
     * @param policy it was started with
     * @param state {@link SevGuestStatusLayout#STATE_LAUNCH_UPDATE} and its neighbours
     */
    public record GuestStatus(int handle, int policy, int state) {}

    /**
     * {@code KVM_SEV_GUEST_STATUS}.
     *
     * @throws KernelException if it was refused: before {@link #launchStart} there is no guest
     */
    public GuestStatus guestStatus() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment status = arena.allocate(SevGuestStatusLayout.STRUCT.size(), Long.BYTES);
            op.sev("KVM_SEV_GUEST_STATUS", SevCommandLayout.GUEST_STATUS, status, device)
                    .orThrow();
            return new GuestStatus(
                    status.get(ValueLayout.JAVA_INT, SevGuestStatusLayout.HANDLE),
                    status.get(ValueLayout.JAVA_INT, SevGuestStatusLayout.POLICY),
                    status.get(ValueLayout.JAVA_INT, SevGuestStatusLayout.STATE));
        }
    }

    /**
     * {@code KVM_MEMORY_ENCRYPT_REG_REGION}: pins memory of the process that will hold ciphertext, because ciphertext that moves to
     * another frame is lost.
     *
     * @throws KernelException with ENOMEM beyond the limit on locked memory
     */
    public void register(HostVirtual start, long size) {
        region(KvmIoctl.MEMORY_ENCRYPT_REG_REGION, start, size);
    }

    /**
     * {@code KVM_MEMORY_ENCRYPT_UNREG_REGION}.
     *
     * @throws KernelException with EINVAL if no such region was registered
     */
    public void unregister(HostVirtual start, long size) {
        region(KvmIoctl.MEMORY_ENCRYPT_UNREG_REGION, start, size);
    }

    private void region(KvmIoctl request, HostVirtual start, long size) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment region = arena.allocate(EncRegionLayout.STRUCT.size(), Long.BYTES);
            region.set(ValueLayout.JAVA_LONG, EncRegionLayout.ADDR, start.value());
            region.set(ValueLayout.JAVA_LONG, EncRegionLayout.SIZE, size);
            long result = vm.file().ioctl(request.code(), region);
            if (result < 0) {
                int errno = Math.toIntExact(-result);
                throw new KernelException(
                        request.request(), errno, ErrorNumber.symbol(errno), size + " bytes at " + start);
            }
        }
    }
}
