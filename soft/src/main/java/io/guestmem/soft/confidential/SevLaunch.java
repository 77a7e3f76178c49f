package io.guestmem.soft.confidential;

import io.guestmem.abi.SevGuestStatusLayout;
import io.guestmem.abi.SevLaunchMeasureLayout;
import io.guestmem.abi.SevLaunchSecretLayout;
import io.guestmem.abi.SevLaunchStartLayout;
import io.guestmem.abi.SevLaunchUpdateDataLayout;
import io.guestmem.abi.VmType;
import io.guestmem.measure.LaunchMeasurement;
import io.guestmem.measure.LaunchSecret;
import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.SevMeasurement;
import io.guestmem.measure.Technology;
import io.guestmem.soft.LaunchSnapshot;
import io.guestmem.soft.SevSession;
import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.util.Optional;
import java.util.Set;

/**
 * The launch of a SEV or SEV-ES guest, whose memory is that of the process, encrypted where it lies.
 *
 * <pre>{@code
 *   INITIALIZED ── START ──> LAUNCHING ── UPDATE_DATA*, UPDATE_VMSA ── MEASURE ──> MEASURED ── SECRET* ── FINISH ──> RUNNING
 * }</pre>
 *
 * <p>KVM looks at arguments only, the firmware at states: a command out of order is {@code EIO} with a status. Under the VM's
 * lock, but for {@link #snapshot}. Source: Linux 7.2 {@code sev.c:sev_launch_start} to {@code sev_guest_status}; AMD SEV API,
 * chapter 6.
 */
final class SevLaunch {
    private static final int API_MAJOR = 1;
    private static final int API_MINOR = 55;
    private static final int BUILD = 24;
    private static final int HANDLE = 1;

    /** {@code SEV_FW_BLOB_MAX_SIZE}. */
    private static final long BLOB_MAX = 0x4000;

    private static final int PAGE = LaunchStep.PAGE;
    private static final long IN_PAGE = PAGE - 1;

    private final GuestMachine machine;
    private final EncryptedMemory memory;
    private final Set<Integer> protectedVcpus;
    private final VmType technology;
    private final long features;
    private final HostPages pages;
    private final SevMeasurement measurement;
    private final SevSession session;

    /** Where the guest is, for the firmware. */
    private enum State {
        INITIALIZED,
        LAUNCHING,
        MEASURED,
        RUNNING
    }

    private volatile State state = State.INITIALIZED;
    private int policy;
    private byte[] measured = new byte[LaunchMeasurement.SIZE];

    SevLaunch(
            GuestMachine machine,
            EncryptedMemory memory,
            Set<Integer> protectedVcpus,
            VmType technology,
            long features) {
        this.machine = machine;
        this.memory = memory;
        this.protectedVcpus = protectedVcpus;
        this.technology = technology;
        this.features = features;
        this.pages = new HostPages(machine);
        this.measurement = new SevMeasurement(technology == VmType.SEV_ES ? Technology.SEV_ES : Technology.SEV);
        this.session = new SevSession(
                random(LaunchMeasurement.KEY_SIZE), random(LaunchMeasurement.KEY_SIZE), API_MAJOR, API_MINOR, BUILD);
    }

    private static byte[] random(int bytes) {
        byte[] made = new byte[bytes];
        new SecureRandom().nextBytes(made);
        return made;
    }

    SevSession session() {
        return session;
    }

    HostPages pages() {
        return pages;
    }

    /** The status of a command that is legal in one state only. */
    private FirmwareStatus in(State legal) {
        if (state == State.INITIALIZED) {
            return FirmwareStatus.INVALID_GUEST;
        }
        return state == legal ? FirmwareStatus.SUCCESS : FirmwareStatus.INVALID_GUEST_STATE;
    }

    long start(Command command) {
        MemorySegment start = command.read(SevLaunchStartLayout.STRUCT);
        if (start == null) {
            return Failure.EFAULT;
        }
        long certificate = start.get(Command.U64, SevLaunchStartLayout.DH_UADDR);
        long owner = start.get(Command.U64, SevLaunchStartLayout.SESSION_UADDR);
        int refused = certificate == 0 ? 0 : blob(command, certificate, start, SevLaunchStartLayout.DH_LEN);
        if (refused == 0 && owner != 0) {
            refused = blob(command, owner, start, SevLaunchStartLayout.SESSION_LEN);
        }
        if (refused != 0) {
            return refused;
        }
        if (state != State.INITIALIZED) {
            return command.fails(FirmwareStatus.ASID_OWNED);
        }
        command.succeeds();
        policy = start.get(Command.U32, SevLaunchStartLayout.POLICY);
        state = State.LAUNCHING;
        start.set(Command.U32, SevLaunchStartLayout.HANDLE, HANDLE);
        return command.write(start);
    }

    /** {@code psp_copy_user_blob} of what is not looked at. */
    private static int blob(Command command, long address, MemorySegment struct, int lengthAt) {
        long length = Integer.toUnsignedLong(struct.get(Command.U32, lengthAt));
        if (length > BLOB_MAX) {
            return Failure.EINVAL;
        }
        return command.user().read(address, Command.buffer(length)) ? 0 : Failure.EFAULT;
    }

    long updateData(Command command) {
        MemorySegment update = command.read(SevLaunchUpdateDataLayout.STRUCT);
        if (update == null) {
            return Failure.EFAULT;
        }
        long address = update.get(Command.U64, SevLaunchUpdateDataLayout.UADDR);
        long length = Integer.toUnsignedLong(update.get(Command.U32, SevLaunchUpdateDataLayout.LEN));
        long[] frames = new long[HostPages.count(address, length)];
        int pinned = pages.find(address, length, frames);
        if (pinned != 0) {
            return pinned;
        }
        long at = address;
        command.succeeds();
        for (long pfn : frames) {
            int offset = (int) (at & IN_PAGE);
            int size = (int) Math.min(PAGE - offset, address + length - at);
            FirmwareStatus status = encrypt(pfn, offset, size, at);
            if (status != FirmwareStatus.SUCCESS) {
                return command.fails(status);
            }
            at += size;
        }
        return 0;
    }

    private FirmwareStatus encrypt(long pfn, int offset, int size, long hva) {
        FirmwareStatus status = in(State.LAUNCHING);
        if (status != FirmwareStatus.SUCCESS) {
            return status;
        }
        if (offset % LaunchStep.SEV_BLOCK != 0) {
            return FirmwareStatus.INVALID_ADDRESS;
        }
        if (size % LaunchStep.SEV_BLOCK != 0) {
            return FirmwareStatus.INVALID_LENGTH;
        }
        byte[] plaintext = memory.encryptInPlace(pfn, offset, size);
        pages.encrypted(hva);
        measure(new LaunchStep.SevData(hva, MemorySegment.ofArray(plaintext), ""));
        return FirmwareStatus.SUCCESS;
    }

    private void measure(LaunchStep step) {
        synchronized (measurement) {
            measurement.apply(step);
        }
    }

    /** All vCPUs; those before a failure stay protected. */
    long updateVmsa(Command command) {
        if (technology != VmType.SEV_ES) {
            return Failure.ENOTTY;
        }
        command.succeeds();
        int index = 0;
        for (GuestVcpu vcpu : machine.vcpus()) {
            if (protectedVcpus.contains(vcpu.id())) {
                return Failure.EINVAL;
            }
            FirmwareStatus status = in(State.LAUNCHING);
            if (status != FirmwareStatus.SUCCESS) {
                return command.fails(status);
            }
            byte[] page = VmsaPage.of(vcpu, features, machine.type() != VmType.DEFAULT);
            measure(new LaunchStep.SevVmsa(index++, MemorySegment.ofArray(page)));
            protectedVcpus.add(vcpu.id());
        }
        return 0;
    }

    long measure(Command command) {
        MemorySegment struct = command.read(SevLaunchMeasureLayout.STRUCT);
        if (struct == null) {
            return Failure.EFAULT;
        }
        long length = Integer.toUnsignedLong(struct.get(Command.U32, SevLaunchMeasureLayout.LEN));
        if (length > BLOB_MAX) {
            return Failure.EINVAL;
        }
        FirmwareStatus status = in(State.LAUNCHING);
        if (status == FirmwareStatus.SUCCESS && length < LaunchMeasurement.SIZE) {
            status = FirmwareStatus.INVALID_LENGTH;
        }
        if (status != FirmwareStatus.SUCCESS && length != 0) {
            return command.fails(status);
        }
        struct.set(Command.U32, SevLaunchMeasureLayout.LEN, LaunchMeasurement.SIZE);
        if (length == 0) {
            long written = command.write(struct);
            return written != 0 ? written : command.fails(status);
        }
        command.succeeds();
        byte[] made = new LaunchMeasurement(API_MAJOR, API_MINOR, BUILD, Integer.toUnsignedLong(policy))
                .of(session.integrityKey(), digest(), random(LaunchMeasurement.NONCE_SIZE));
        measured = made;
        state = State.MEASURED;
        long address = struct.get(Command.U64, SevLaunchMeasureLayout.UADDR);
        return command.user().write(address, MemorySegment.ofArray(made)) ? command.write(struct) : Failure.EFAULT;
    }

    long secret(Command command) {
        MemorySegment struct = command.read(SevLaunchSecretLayout.STRUCT);
        if (struct == null) {
            return Failure.EFAULT;
        }
        long address = struct.get(Command.U64, SevLaunchSecretLayout.GUEST_UADDR);
        long length = Integer.toUnsignedLong(struct.get(Command.U32, SevLaunchSecretLayout.GUEST_LEN));
        long[] frames = new long[HostPages.count(address, length)];
        int pinned = pages.find(address, length, frames);
        if (pinned != 0) {
            return pinned;
        }
        long headerLength = Integer.toUnsignedLong(struct.get(Command.U32, SevLaunchSecretLayout.HDR_LEN));
        long dataLength = Integer.toUnsignedLong(struct.get(Command.U32, SevLaunchSecretLayout.TRANS_LEN));
        if (!HostPages.areContiguous(frames) || headerLength > BLOB_MAX || dataLength > BLOB_MAX) {
            return Failure.EINVAL;
        }
        MemorySegment data = Command.buffer(dataLength);
        MemorySegment header = Command.buffer(headerLength);
        if (!command.user().read(struct.get(Command.U64, SevLaunchSecretLayout.TRANS_UADDR), data)
                || !command.user().read(struct.get(Command.U64, SevLaunchSecretLayout.HDR_UADDR), header)) {
            return Failure.EFAULT;
        }
        FirmwareStatus status = in(State.MEASURED);
        if (status == FirmwareStatus.SUCCESS) {
            status = inject(address, length, frames, header.toArray(Command.U8), data.toArray(Command.U8));
        }
        if (status != FirmwareStatus.SUCCESS) {
            return command.fails(status);
        }
        command.succeeds();
        return 0;
    }

    private FirmwareStatus inject(long address, long length, long[] frames, byte[] header, byte[] data) {
        if (header.length != LaunchSecret.HEADER_SIZE || data.length != length || length % LaunchStep.SEV_BLOCK != 0) {
            return FirmwareStatus.INVALID_LENGTH;
        }
        if (address % LaunchStep.SEV_BLOCK != 0) {
            return FirmwareStatus.INVALID_ADDRESS;
        }
        Optional<byte[]> secret =
                new LaunchSecret(header, data).open(session.encryptionKey(), session.integrityKey(), measured);
        if (secret.isEmpty()) {
            return FirmwareStatus.BAD_MEASUREMENT;
        }
        int done = 0;
        for (long pfn : frames) {
            int offset = (int) (address + done & IN_PAGE);
            byte[] part = new byte[(int) Math.min(PAGE - offset, length - done)];
            System.arraycopy(secret.get(), done, part, 0, part.length);
            memory.put(pfn, offset, part);
            pages.encrypted(address + done);
            done += part.length;
        }
        return FirmwareStatus.SUCCESS;
    }

    long finish(Command command) {
        FirmwareStatus status = in(State.MEASURED);
        if (status != FirmwareStatus.SUCCESS) {
            return command.fails(status);
        }
        command.succeeds();
        state = State.RUNNING;
        return 0;
    }

    long status(Command command) {
        if (state == State.INITIALIZED) {
            return command.fails(FirmwareStatus.INVALID_GUEST);
        }
        command.succeeds();
        MemorySegment struct = Command.buffer(SevGuestStatusLayout.STRUCT.size());
        struct.set(Command.U32, SevGuestStatusLayout.HANDLE, HANDLE);
        struct.set(Command.U32, SevGuestStatusLayout.POLICY, policy);
        struct.set(
                Command.U32,
                SevGuestStatusLayout.STATE,
                switch (state) {
                    case INITIALIZED, LAUNCHING -> SevGuestStatusLayout.STATE_LAUNCH_UPDATE;
                    case MEASURED -> SevGuestStatusLayout.STATE_LAUNCH_SECRET;
                    case RUNNING -> SevGuestStatusLayout.STATE_RUNNING;
                });
        return command.write(struct);
    }

    private byte[] digest() {
        synchronized (measurement) {
            return measurement.digest();
        }
    }

    LaunchSnapshot snapshot() {
        synchronized (measurement) {
            return LaunchSnapshot.of(
                    technology, state.name(), measurement.digest(), measurement.steps(), pages.snapshot());
        }
    }
}
