package io.guestmem.soft.confidential;

import io.guestmem.abi.MemoryMappingV1Layout;
import io.guestmem.abi.TdxCommandLayout;
import io.guestmem.abi.TdxInitMemRegionLayout;
import io.guestmem.abi.VmType;
import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.TdxMeasurement;
import io.guestmem.soft.LaunchSnapshot;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A TD.
 *
 * <pre>{@code
 *   NEW ── INIT_VM ──> INITIALIZED ── INIT_VCPU, INIT_MEM_REGION*, EXTEND_MEMORY* ── FINALIZE_VM ──> RUNNING
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code tdx.c:tdx_vm_ioctl}, {@code tdx_vcpu_unlocked_ioctl}, {@code tdx_vcpu_init_mem_region},
 * {@code tdx_gmem_post_populate}, {@code tdx_td_finalize}; of {@code EXTEND_MEMORY}, which was never merged, TDX patches v19.
 */
final class TdxGuest implements ConfidentialGuest {
    /** {@code TDX_NO_VCPUS} of the TDX module. */
    private static final long NO_VCPUS = 0xC000_0609_0000_0000L;

    /** {@code nr_pages & GENMASK_ULL(63, 63 - PAGE_SHIFT)}. */
    private static final int TOO_MANY_PAGES = 51;

    private final GuestMachine machine;
    private final EncryptedMemory memory;
    private final SecurePageTable table = new SecurePageTable();
    private final TdxSettings settings;
    private final TdxMeasurement measurement = new TdxMeasurement();
    private final Set<Integer> initialized = ConcurrentHashMap.newKeySet();

    /** Where the TD is. */
    private enum State {
        NEW,
        INITIALIZED,
        RUNNING
    }

    private volatile State state = State.NEW;

    TdxGuest(GuestMachine machine) {
        this.machine = machine;
        this.memory = new EncryptedMemory(machine);
        this.settings = new TdxSettings(machine);
    }

    @Override
    public boolean answersProbe() {
        return false;
    }

    @Override
    public long command(GuestUser user, MemorySegment struct) {
        if (struct.get(Command.U64, TdxCommandLayout.HW_ERROR) != 0) {
            return Failure.EINVAL;
        }
        Command command = new Command(user, struct);
        return switch (command.id()) {
            case TdxCommandLayout.CAPABILITIES -> settings.capabilities(command);
            case TdxCommandLayout.INIT_VM -> initialize(command);
            case TdxCommandLayout.EXTEND_MEMORY -> extend(command);
            case TdxCommandLayout.FINALIZE_VM -> finish(command);
            default -> UNKNOWN;
        };
    }

    private long initialize(Command command) {
        long result = state == State.NEW ? settings.initialize(command) : Failure.EINVAL;
        if (result == 0) {
            state = State.INITIALIZED;
        }
        return result;
    }

    private long finish(Command command) {
        if (state != State.INITIALIZED) {
            return Failure.EINVAL;
        }
        if (initialized.isEmpty()) {
            return TdxSettings.fails(command, NO_VCPUS);
        }
        state = State.RUNNING;
        return 0;
    }

    @Override
    public long command(GuestUser user, GuestVcpu vcpu, MemorySegment struct) {
        if (state != State.INITIALIZED || struct.get(Command.U64, TdxCommandLayout.HW_ERROR) != 0) {
            return Failure.EINVAL;
        }
        Command command = new Command(user, struct);
        return switch (command.id()) {
            case TdxCommandLayout.INIT_VCPU -> initialize(command, vcpu);
            case TdxCommandLayout.INIT_MEM_REGION -> initialized.contains(vcpu.id()) ? add(command) : Failure.EINVAL;
            case TdxCommandLayout.GET_CPUID -> settings.cpuid(command);
            default -> UNKNOWN;
        };
    }

    private long initialize(Command command, GuestVcpu vcpu) {
        boolean allowed = TdxSettings.flags(command) == 0 && initialized.add(vcpu.id());
        return allowed ? 0 : Failure.EINVAL;
    }

    private long add(Command command) {
        int flags = TdxSettings.flags(command);
        if ((flags & ~TdxCommandLayout.MEASURE_MEMORY_REGION) != 0) {
            return Failure.EINVAL;
        }
        MemorySegment region = command.read(TdxInitMemRegionLayout.STRUCT);
        if (region == null) {
            return Failure.EFAULT;
        }
        long source = region.get(Command.U64, TdxInitMemRegionLayout.SOURCE_ADDR);
        long gpa = region.get(Command.U64, TdxInitMemRegionLayout.GPA);
        long pages = region.get(Command.U64, TdxInitMemRegionLayout.NR_PAGES);
        long end = gpa + (pages << 12);
        if (((source | gpa) & (LaunchStep.PAGE - 1)) != 0
                || pages == 0
                || Long.compareUnsigned(end, gpa) <= 0
                || isAlias(gpa)
                || isAlias(end - 1)) {
            return Failure.EINVAL;
        }
        long result = machine.withSlotsLock(() -> add(command.user(), region, flags != 0));
        long written = command.write(region);
        return written != 0 ? written : result;
    }

    /** Adds page by page: 0 or a negated errno; the struct says how far it came. */
    private long add(GuestUser user, MemorySegment region, boolean extend) {
        byte[] page = new byte[LaunchStep.PAGE];
        while (region.get(Command.U64, TdxInitMemRegionLayout.NR_PAGES) != 0) {
            long source = region.get(Command.U64, TdxInitMemRegionLayout.SOURCE_ADDR);
            long gpa = region.get(Command.U64, TdxInitMemRegionLayout.GPA);
            int result = user.signalPending() ? Failure.EINTR : add(user, page, source, gpa >>> 12, extend);
            if (result != 0) {
                return result;
            }
            region.set(Command.U64, TdxInitMemRegionLayout.SOURCE_ADDR, source + LaunchStep.PAGE);
            region.set(Command.U64, TdxInitMemRegionLayout.GPA, gpa + LaunchStep.PAGE);
            region.set(
                    Command.U64,
                    TdxInitMemRegionLayout.NR_PAGES,
                    region.get(Command.U64, TdxInitMemRegionLayout.NR_PAGES) - 1);
        }
        return 0;
    }

    private int add(GuestUser user, byte[] page, long source, long gfn, boolean extend) {
        if (machine.privatePages(gfn) == 0) {
            return Failure.EINVAL;
        }
        if (source != 0 && !user.read(source, MemorySegment.ofArray(page))) {
            return Failure.EFAULT;
        }
        if (!machine.isPrivate(gfn)) {
            return Failure.EINVAL;
        }
        return machine.populate(gfn, pfn -> {
            if (source == 0) {
                return Failure.EOPNOTSUPP;
            }
            if (table.state(gfn) != SecurePageTable.State.FREE) {
                return Failure.EIO;
            }
            memory.put(pfn, page);
            table.set(gfn, SecurePageTable.State.MAPPED);
            synchronized (measurement) {
                measurement.apply(
                        new LaunchStep.TdxPages(gfn << 12, LaunchStep.PAGE, MemorySegment.ofArray(page), extend, ""));
            }
            return 0;
        });
    }

    /**
     * {@code KVM_TDX_EXTEND_MEMORY} as it was proposed: progress before an error is {@code EAGAIN}. The posted code goes on with the
     * next page after an error; here it stops.
     */
    private long extend(Command command) {
        if (state == State.RUNNING || TdxSettings.flags(command) != 0) {
            return Failure.EINVAL;
        }
        MemorySegment range = command.read(MemoryMappingV1Layout.STRUCT);
        if (range == null) {
            return Failure.EFAULT;
        }
        long pages = range.get(Command.U64, MemoryMappingV1Layout.NR_PAGES);
        long first = range.get(Command.U64, MemoryMappingV1Layout.BASE_GFN);
        if (range.get(Command.U64, MemoryMappingV1Layout.SOURCE) != 0
                || pages == 0
                || pages >>> TOO_MANY_PAGES != 0
                || Long.compareUnsigned(first + (pages << 12), first) <= 0) {
            return Failure.EINVAL;
        }
        long result = machine.withSlotsLock(() -> extend(command.user(), range));
        boolean progress = range.get(Command.U64, MemoryMappingV1Layout.NR_PAGES) != pages;
        long written = command.write(range);
        return written != 0 ? written : result != 0 && progress ? Failure.EAGAIN : result;
    }

    private long extend(GuestUser user, MemorySegment range) {
        for (long left = range.get(Command.U64, MemoryMappingV1Layout.NR_PAGES); left > 0; left--) {
            long gfn = range.get(Command.U64, MemoryMappingV1Layout.BASE_GFN);
            int result = user.signalPending() ? Failure.EINTR : extend(gfn);
            if (result != 0) {
                return result;
            }
            range.set(Command.U64, MemoryMappingV1Layout.BASE_GFN, gfn + 1);
            range.set(Command.U64, MemoryMappingV1Layout.NR_PAGES, left - 1);
        }
        return 0;
    }

    /** The module refuses pages that were not added. */
    private int extend(long gfn) {
        if (table.state(gfn) != SecurePageTable.State.MAPPED) {
            return Failure.EIO;
        }
        return machine.populate(gfn, pfn -> {
            MemorySegment content = MemorySegment.ofArray(memory.get(pfn));
            synchronized (measurement) {
                measurement.apply(new LaunchStep.TdxExtend(gfn << 12, LaunchStep.PAGE, content, ""));
            }
            return 0;
        });
    }

    @Override
    public long register(long address, long size) {
        return Failure.ENOTTY;
    }

    @Override
    public long unregister(long address, long size) {
        return Failure.ENOTTY;
    }

    @Override
    public int mayCreateVcpu() {
        return state == State.NEW ? Failure.EIO : 0;
    }

    @Override
    public boolean mayPreFault() {
        return state == State.RUNNING;
    }

    @Override
    public boolean isAlias(long gpa) {
        return (gpa & settings.sharedBit()) != 0;
    }

    @Override
    public RunPermission mayRun(int vcpu) {
        return state == State.RUNNING && initialized.contains(vcpu) ? RunPermission.ENTERS : RunPermission.INVALID;
    }

    @Override
    public boolean isStateProtected(int vcpu) {
        return true;
    }

    @Override
    public int prepare(long gfn, long pfn) {
        table.augment(gfn);
        return 0;
    }

    @Override
    public void unmapped(long fromGfn, long toGfn, boolean privateToo) {
        memory.forget(fromGfn, toGfn);
        if (privateToo) {
            table.remove(fromGfn, toGfn);
        }
    }

    @Override
    public void freed(long pfn) {
        // Its leaf went before: the guest_memfd has made its pages unreachable.
    }

    @Override
    public long guestAddress(long gfn, long pfn) {
        if (!machine.isPrivate(gfn)) {
            return machine.frame(pfn).address();
        }
        if (table.accept(gfn)) {
            memory.put(pfn, new byte[LaunchStep.PAGE]);
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
    public LaunchSnapshot snapshot() {
        synchronized (measurement) {
            return LaunchSnapshot.of(
                    VmType.TDX, state.name(), measurement.digest(), measurement.steps(), table.pages());
        }
    }
}
