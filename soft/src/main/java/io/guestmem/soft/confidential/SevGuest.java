package io.guestmem.soft.confidential;

import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.SevInitLayout;
import io.guestmem.abi.VmType;
import io.guestmem.soft.LaunchSnapshot;
import io.guestmem.soft.SevSession;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A guest of AMD's: what {@code KVM_SEV_INIT2} makes of a VM of the types SEV, SEV_ES and SNP, and the legacy commands of a
 * default one.
 *
 * <pre>{@code
 *   SEV, SEV_ES, SNP ── INIT2 ──────────────> SevLaunch or SnpLaunch
 *   DEFAULT ── KVM_SEV_INIT, KVM_SEV_ES_INIT ──> SevLaunch
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code sev.c:sev_mem_enc_ioctl}, {@code __sev_guest_init}, {@code sev_guest_init2}.
 */
final class SevGuest implements ConfidentialGuest {
    /** {@code GHCB_VERSION_MAX}. */
    private static final int GHCB_VERSION_MAX = 2;

    private final GuestMachine machine;
    private final EncryptedMemory memory;
    private final ReverseMap reverseMap = new ReverseMap();
    private final Set<Integer> protectedVcpus = ConcurrentHashMap.newKeySet();

    /** What the guest is; {@code DEFAULT} before it is anything. */
    private volatile VmType technology = VmType.DEFAULT;

    private volatile SnpLaunch snp;
    private volatile SevLaunch sev;

    SevGuest(GuestMachine machine) {
        this.machine = machine;
        this.memory = new EncryptedMemory(machine);
        this.snp = new SnpLaunch(machine, memory, reverseMap, protectedVcpus, 0);
        this.sev = new SevLaunch(machine, memory, protectedVcpus, VmType.SEV, 0);
    }

    @Override
    public boolean answersProbe() {
        return true;
    }

    @Override
    public long command(GuestUser user, MemorySegment struct) {
        Command command = new Command(user, struct);
        int id = command.id();
        if (technology == VmType.SNP && Integer.compareUnsigned(id, SevCommandLayout.SNP_LAUNCH_START) < 0) {
            return Failure.EPERM;
        }
        return switch (id) {
            case SevCommandLayout.INIT, SevCommandLayout.ES_INIT -> initLegacy(id == SevCommandLayout.ES_INIT);
            case SevCommandLayout.INIT2 -> init2(command);
            case SevCommandLayout.SNP_LAUNCH_START -> technology == VmType.SNP ? snp.start(command) : Failure.ENOTTY;
            case SevCommandLayout.SNP_LAUNCH_UPDATE -> technology == VmType.SNP ? snp.update(command) : Failure.EINVAL;
            case SevCommandLayout.SNP_LAUNCH_FINISH -> technology == VmType.SNP ? snp.finish(command) : Failure.ENOTTY;
            case SevCommandLayout.SNP_ENABLE_REQ_CERTS -> enableCertificates();
            case SevCommandLayout.LAUNCH_START,
                    SevCommandLayout.LAUNCH_UPDATE_DATA,
                    SevCommandLayout.LAUNCH_UPDATE_VMSA,
                    SevCommandLayout.LAUNCH_MEASURE,
                    SevCommandLayout.LAUNCH_SECRET,
                    SevCommandLayout.LAUNCH_FINISH,
                    SevCommandLayout.GUEST_STATUS -> isActive() ? launch(command) : Failure.ENOTTY;
            default -> UNKNOWN;
        };
    }

    /** {@code snp_enable_certs}. No guest asks for certificates here, so that nothing comes of it. */
    private long enableCertificates() {
        return technology == VmType.SNP && machine.vcpus().isEmpty() ? 0 : Failure.EINVAL;
    }

    private long launch(Command command) {
        return switch (command.id()) {
            case SevCommandLayout.LAUNCH_START -> sev.start(command);
            case SevCommandLayout.LAUNCH_UPDATE_DATA -> sev.updateData(command);
            case SevCommandLayout.LAUNCH_UPDATE_VMSA -> sev.updateVmsa(command);
            case SevCommandLayout.LAUNCH_MEASURE -> sev.measure(command);
            case SevCommandLayout.LAUNCH_SECRET -> sev.secret(command);
            case SevCommandLayout.LAUNCH_FINISH -> sev.finish(command);
            default -> sev.status(command);
        };
    }

    private boolean isActive() {
        return technology != VmType.DEFAULT;
    }

    private long initLegacy(boolean registersToo) {
        if (registersToo && !machine.hostTypes().contains(VmType.SEV_ES)) {
            return Failure.ENOTTY;
        }
        if (machine.type() != VmType.DEFAULT || !machine.vcpus().isEmpty() || isActive()) {
            return Failure.EINVAL;
        }
        become(registersToo ? VmType.SEV_ES : VmType.SEV, 0);
        return 0;
    }

    private long init2(Command command) {
        VmType type = machine.type();
        if (type == VmType.DEFAULT || isActive()) {
            return Failure.EINVAL;
        }
        MemorySegment init = command.read(SevInitLayout.STRUCT);
        if (init == null) {
            return Failure.EFAULT;
        }
        long features = init.get(Command.U64, SevInitLayout.VMSA_FEATURES);
        int ghcb = Short.toUnsignedInt(init.get(Command.U16, SevInitLayout.GHCB_VERSION));
        boolean registersToo = type != VmType.SEV;
        if (!machine.vcpus().isEmpty()
                || init.get(Command.U32, SevInitLayout.FLAGS) != 0
                || (features & ~VmsaFeatures.supported(type)) != 0
                || ghcb > GHCB_VERSION_MAX
                || (!registersToo && ghcb != 0)
                || (type == VmType.SNP && ghcb == 1)) {
            return Failure.EINVAL;
        }
        become(type, features);
        return 0;
    }

    private void become(VmType type, long features) {
        if (type == VmType.SNP) {
            long active = features | VmsaFeatures.SNP_ACTIVE;
            snp = new SnpLaunch(machine, memory, reverseMap, protectedVcpus, active);
        } else {
            sev = new SevLaunch(machine, memory, protectedVcpus, type, features);
        }
        technology = type;
    }

    @Override
    public long command(GuestUser user, GuestVcpu vcpu, MemorySegment command) {
        return UNKNOWN;
    }

    @Override
    public long register(long address, long size) {
        return isActive() ? sev.pages().register(address, size) : Failure.ENOTTY;
    }

    @Override
    public long unregister(long address, long size) {
        return isActive() ? sev.pages().unregister(address, size) : Failure.ENOTTY;
    }

    @Override
    public int mayCreateVcpu() {
        return 0;
    }

    @Override
    public boolean mayPreFault() {
        return machine.type() != VmType.SNP || snp.isFinished();
    }

    @Override
    public boolean isAlias(long gpa) {
        return false;
    }

    @Override
    public RunPermission mayRun(int vcpu) {
        if (machine.type() != VmType.DEFAULT && !isActive()) {
            return RunPermission.INVALID;
        }
        boolean encrypts = technology == VmType.SEV_ES || technology == VmType.SNP;
        return encrypts && !protectedVcpus.contains(vcpu) ? RunPermission.FAILS : RunPermission.ENTERS;
    }

    @Override
    public boolean isStateProtected(int vcpu) {
        // The registers of a legacy guest can still be asked for, though they are not the guest's any more.
        return machine.type() != VmType.DEFAULT && protectedVcpus.contains(vcpu);
    }

    @Override
    public int prepare(long gfn, long pfn) {
        if (technology == VmType.SNP && reverseMap.state(pfn) == ReverseMap.State.SHARED) {
            reverseMap.assign(pfn, gfn, ReverseMap.State.GUEST_INVALID);
        }
        return 0;
    }

    @Override
    public void unmapped(long fromGfn, long toGfn, boolean privateToo) {
        memory.forget(fromGfn, toGfn);
    }

    @Override
    public void freed(long pfn) {
        reverseMap.makeShared(pfn);
    }

    @Override
    public long guestAddress(long gfn, long pfn) {
        boolean encrypted = technology == VmType.SNP ? machine.isPrivate(gfn) : isActive();
        if (!encrypted) {
            return machine.frame(pfn).address();
        }
        if (technology == VmType.SNP) {
            reverseMap.validate(pfn);
        }
        return memory.address(gfn, pfn);
    }

    @Override
    public void entered() {
        memory.entered();
    }

    @Override
    public void left() {
        memory.left();
    }

    @Override
    public Optional<SevSession> session() {
        return technology == VmType.SEV || technology == VmType.SEV_ES ? Optional.of(sev.session()) : Optional.empty();
    }

    @Override
    public LaunchSnapshot snapshot() {
        if (technology == VmType.SNP) {
            return snp.snapshot();
        }
        return isActive() ? sev.snapshot() : new LaunchSnapshot(technology, "NEW", "", 0, List.of());
    }
}
