package io.guestmem.soft.confidential;

import io.guestmem.abi.SnpLaunchFinishLayout;
import io.guestmem.abi.SnpLaunchStartLayout;
import io.guestmem.abi.SnpLaunchUpdateLayout;
import io.guestmem.abi.VmType;
import io.guestmem.measure.IdAuthentication;
import io.guestmem.measure.IdBlock;
import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.SnpMeasurement;
import io.guestmem.measure.SnpPageType;
import io.guestmem.soft.LaunchSnapshot;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Set;

/**
 * The launch of an SNP guest, which nothing can take back.
 *
 * <pre>{@code
 *   INITIALIZED ── LAUNCH_START ──> LAUNCHING ── LAUNCH_UPDATE* ── LAUNCH_FINISH ──> RUNNING
 * }</pre>
 *
 * <p>Under the VM's lock, but for {@link #isFinished} and {@link #snapshot}. Source: Linux 7.2 {@code sev.c:snp_launch_start},
 * {@code snp_launch_update}, {@code snp_launch_update_vmsa}, {@code snp_launch_finish}; SEV-SNP firmware ABI 8.16 to 8.18.
 */
final class SnpLaunch {
    /** ABI version, SMT, the bit that must be one, DEBUG to PAGE_SWAP_DISABLE; KVM has no migration agents (18). */
    static final long POLICY_BITS = 0x3FB_FFFF;

    private static final long POLICY_MUST_BE_ONE = 1 << 17;

    private final GuestMachine machine;
    private final EncryptedMemory memory;
    private final ReverseMap reverseMap;
    private final Set<Integer> protectedVcpus;
    private final long features;
    private final SnpMeasurement measurement = new SnpMeasurement();

    /** Where the guest is, for the firmware and for KVM. */
    private enum State {
        INITIALIZED,
        LAUNCHING,
        RUNNING
    }

    private volatile State state = State.INITIALIZED;
    private long policy;
    private byte[] workarounds = new byte[0];

    SnpLaunch(
            GuestMachine machine,
            EncryptedMemory memory,
            ReverseMap reverseMap,
            Set<Integer> protectedVcpus,
            long features) {
        this.machine = machine;
        this.memory = memory;
        this.reverseMap = reverseMap;
        this.protectedVcpus = protectedVcpus;
        this.features = features;
    }

    boolean isFinished() {
        return state == State.RUNNING;
    }

    long start(Command command) {
        MemorySegment start = command.read(SnpLaunchStartLayout.STRUCT);
        if (start == null) {
            return Failure.EFAULT;
        }
        long wanted = start.get(Command.U64, SnpLaunchStartLayout.POLICY);
        if (state != State.INITIALIZED
                || start.get(Command.U16, SnpLaunchStartLayout.FLAGS) != 0
                || (wanted & ~POLICY_BITS) != 0
                || (wanted & POLICY_MUST_BE_ONE) == 0) {
            return Failure.EINVAL;
        }
        policy = wanted;
        workarounds = start.asSlice(SnpLaunchStartLayout.GOSVW, 16).toArray(Command.U8);
        state = State.LAUNCHING;
        command.succeeds();
        return 0;
    }

    long update(Command command) {
        if (state == State.INITIALIZED) {
            return Failure.EINVAL;
        }
        MemorySegment update = command.read(SnpLaunchUpdateLayout.STRUCT);
        if (update == null) {
            return Failure.EFAULT;
        }
        int type = Byte.toUnsignedInt(update.get(Command.U8, SnpLaunchUpdateLayout.TYPE));
        long length = update.get(Command.U64, SnpLaunchUpdateLayout.LEN);
        boolean zero = type == SnpLaunchUpdateLayout.ZERO;
        long source = zero ? 0 : update.get(Command.U64, SnpLaunchUpdateLayout.UADDR);
        boolean known = type >= SnpLaunchUpdateLayout.NORMAL
                && type <= SnpLaunchUpdateLayout.CPUID
                && type != SnpPageType.VMSA.code();
        if (length == 0
                || length % LaunchStep.PAGE != 0
                || update.get(Command.U16, SnpLaunchUpdateLayout.FLAGS) != 0
                || !known
                || source % LaunchStep.PAGE != 0) {
            return Failure.EINVAL;
        }
        return machine.withSlotsLock(() -> populate(command, update, SnpPage.type(type), source));
    }

    private long populate(Command command, MemorySegment update, SnpPageType type, long source) {
        long gfn = update.get(Command.U64, SnpLaunchUpdateLayout.GFN_START);
        long length = update.get(Command.U64, SnpLaunchUpdateLayout.LEN);
        long available = machine.privatePages(gfn);
        if (available == 0) {
            return Failure.EINVAL;
        }
        long count = Math.min(length >>> 12, available);
        SnpPage page = new SnpPage(command.user(), type);
        long done = 0;
        command.succeeds();
        while (done < count && populate(page, gfn + done, source == 0 ? 0 : source + done * LaunchStep.PAGE)) {
            done++;
        }
        if (done == 0) {
            return command.fails(page.status);
        }
        update.set(Command.U64, SnpLaunchUpdateLayout.GFN_START, gfn + done);
        update.set(Command.U64, SnpLaunchUpdateLayout.LEN, length - done * LaunchStep.PAGE);
        if (type != SnpPageType.ZERO) {
            update.set(Command.U64, SnpLaunchUpdateLayout.UADDR, source + done * LaunchStep.PAGE);
        }
        return command.write(update);
    }

    /** Whatever goes wrong with a page looks the same to the user. */
    private boolean populate(SnpPage page, long gfn, long source) {
        return !page.user.signalPending()
                && page.read(source)
                && machine.isPrivate(gfn)
                && machine.populate(gfn, pfn -> put(page, gfn, pfn, source)) == 0;
    }

    private int put(SnpPage page, long gfn, long pfn, long source) {
        if (reverseMap.state(pfn) != ReverseMap.State.SHARED) {
            return Failure.EEXIST;
        }
        reverseMap.assign(pfn, gfn, ReverseMap.State.PRE_GUEST);
        page.status = state == State.LAUNCHING
                ? page.check(machine.supportedCpuid(), source)
                : FirmwareStatus.INVALID_GUEST_STATE;
        if (page.status != FirmwareStatus.SUCCESS) {
            reverseMap.makeShared(pfn);
            return Failure.EIO;
        }
        memory.put(pfn, page.contents(workarounds));
        reverseMap.validate(pfn);
        MemorySegment measured = page.type.measuresContents() ? MemorySegment.ofArray(page.source) : MemorySegment.NULL;
        measure(new LaunchStep.SnpPages(page.type, gfn << 12, LaunchStep.PAGE, measured, ""));
        return 0;
    }

    private void measure(LaunchStep step) {
        synchronized (measurement) {
            measurement.apply(step);
        }
    }

    long finish(Command command) {
        if (state == State.INITIALIZED) {
            return Failure.EINVAL;
        }
        MemorySegment finish = command.read(SnpLaunchFinishLayout.STRUCT);
        if (finish == null) {
            return Failure.EFAULT;
        }
        if (finish.get(Command.U16, SnpLaunchFinishLayout.FLAGS) != 0) {
            return Failure.EINVAL;
        }
        command.succeeds();
        long result = protectVcpus(command);
        if (result != 0) {
            return result;
        }
        if (state != State.LAUNCHING) {
            return command.fails(FirmwareStatus.INVALID_GUEST_STATE);
        }
        if (finish.get(Command.U8, SnpLaunchFinishLayout.ID_BLOCK_EN) != 0) {
            MemorySegment block = Command.buffer(IdBlock.SIZE);
            MemorySegment page = Command.buffer(IdAuthentication.SIZE);
            if (!command.user().read(finish.get(Command.U64, SnpLaunchFinishLayout.ID_BLOCK_UADDR), block)
                    || !command.user().read(finish.get(Command.U64, SnpLaunchFinishLayout.ID_AUTH_UADDR), page)) {
                return Failure.EFAULT;
            }
            boolean author = finish.get(Command.U8, SnpLaunchFinishLayout.AUTH_KEY_EN) != 0;
            FirmwareStatus status = check(new IdBlock(block.toArray(Command.U8)), page.toArray(Command.U8), author);
            if (status != FirmwareStatus.SUCCESS) {
                return command.fails(status);
            }
        }
        state = State.RUNNING;
        return 0;
    }

    /** Every vCPU's registers go to the guest, in their order; those that were added before a failure stay. */
    private long protectVcpus(Command command) {
        for (GuestVcpu vcpu : machine.vcpus()) {
            if (protectedVcpus.contains(vcpu.id())) {
                return Failure.EINVAL;
            }
            if (state != State.LAUNCHING) {
                return command.fails(FirmwareStatus.INVALID_GUEST_STATE);
            }
            measure(new LaunchStep.SnpPages(
                    SnpPageType.VMSA,
                    SnpMeasurement.VMSA_GPA,
                    LaunchStep.PAGE,
                    MemorySegment.ofArray(VmsaPage.of(vcpu, features, true)),
                    ""));
            protectedVcpus.add(vcpu.id());
        }
        return 0;
    }

    private FirmwareStatus check(IdBlock block, byte[] authentication, boolean author) {
        if (!IdAuthentication.verifies(authentication, block, author)) {
            return FirmwareStatus.BAD_SIGNATURE;
        }
        if (!Arrays.equals(block.digest(), digest())) {
            return FirmwareStatus.BAD_MEASUREMENT;
        }
        return block.policy() == policy ? FirmwareStatus.SUCCESS : FirmwareStatus.POLICY_FAILURE;
    }

    private byte[] digest() {
        synchronized (measurement) {
            return measurement.digest();
        }
    }

    LaunchSnapshot snapshot() {
        synchronized (measurement) {
            return LaunchSnapshot.of(
                    VmType.SNP, state.name(), measurement.digest(), measurement.steps(), reverseMap.pages());
        }
    }
}
