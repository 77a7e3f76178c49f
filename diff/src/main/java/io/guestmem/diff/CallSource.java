package io.guestmem.diff;

import io.guestmem.abi.Capability;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostProtection;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Throws the dice for one call after the other. For one thread. */
final class CallSource {
    private static final List<Capability> CAPABILITIES = List.of(Capability.values());
    private static final long PAGE = Plan.PAGE;
    private static final long HUGE_PAGE = Plan.HUGE_PAGE;
    private static final int LOG = 1;
    private static final int READ_ONLY = 2;
    private static final int GUEST_MEMFD = 4;

    /** Advice whose effect depends on nothing but the memory. */
    private static final List<HostAdvice> ADVICE = List.of(
            HostAdvice.DONT_NEED,
            HostAdvice.DONT_NEED,
            HostAdvice.REMOVE,
            HostAdvice.HUGE_PAGE,
            HostAdvice.NO_HUGE_PAGE,
            HostAdvice.POPULATE_READ,
            HostAdvice.POPULATE_WRITE);

    private final Plan plan;
    private final Scope scope;
    private final List<Supplier<Call>> kinds = new ArrayList<>();

    CallSource(Plan plan, Scope scope) {
        this.plan = plan;
        this.scope = scope;
        kinds(10, this::region);
        kinds(3, this::again);
        kinds(18, this::run);
        kinds(scope.tdp() ? 14 : 0, this::preFault);
        kinds(5, this::dirtyLog);
        kinds(4, this::clearDirtyLog);
        kinds(4, this::store);
        kinds(2, this::load);
        kinds(5, this::advise);
        kinds(3, this::protect);
        kinds(scope.privateMemory() ? 6 : 1, this::attributes);
        kinds(scope.guestMemfd() ? 3 : 1, this::createGuestMemfd);
        kinds(scope.guestMemfd() ? 5 : 1, this::guestMemfdRegion);
        kinds(scope.guestMemfd() ? 4 : 1, this::fallocate);
        kinds(scope.guestMemfd() ? 2 : 1, this::mapGuestMemfd);
        kinds(1, this::capability);
        kinds(1, () -> new Call.CheckExtension(number()));
        kinds(1, () -> new Call.CreateVcpu(plan.below(3)));
        kinds(3, this::translate);
        kinds(2, this::setSregs);
        kinds(1, () -> new Call.CollectRing(plan.vcpu(), plan.pick(1, 3, 8, 256)));
        kinds(1, Call.ResetRings::new);
    }

    private void kinds(int weight, Supplier<Call> kind) {
        for (int i = 0; i < weight; i++) {
            kinds.add(kind);
        }
    }

    /** What most sequences begin with. */
    void begin(List<Call> calls) {
        if (plan.oneIn(8)) {
            calls.add(new Call.EnableCapability(
                    Capability.DIRTY_LOG_RING.number(),
                    0,
                    plan.pick(4096, 4096, 8192, 1 << 16, 1024, 5000, 2 << 20, 0)));
        }
        if (plan.oneIn(6)) {
            calls.add(new Call.EnableCapability(
                    Capability.MANUAL_DIRTY_LOG_PROTECT2.number(), 0, plan.pick(0, 1, 1, 3, 3, 2, 4)));
        }
        int vcpus = plan.oneIn(5) ? 2 : 1;
        for (int i = 0; i < vcpus; i++) {
            calls.add(new Call.CreateVcpu(i));
            plan.rememberVcpu();
        }
        calls.add(region());
        calls.add(region());
    }

    Call next() {
        return kinds.get(plan.below(kinds.size())).get();
    }

    private Call region() {
        Call.SetRegion made =
                new Call.SetRegion(slotNumber(), flags(), plan.base(), plan.pages() * PAGE, plan.memory(), 0);
        made = withOffset(made);
        Call.SetRegion region = plan.oneIn(6) ? broken(made) : made;
        if (region.equals(made)) {
            plan.remember(region);
        }
        return region;
    }

    /** Where in its memory it lies: so that a huge page of the guest can be one of the host, or anywhere. */
    private Call.SetRegion withOffset(Call.SetRegion region) {
        long length = Backing.length(region.memory());
        long room = Math.max(0, length - region.size());
        long offset = switch (plan.below(4)) {
            case 0 -> plan.offset(region.memory());
            case 1 -> region.gpa() & (HUGE_PAGE - PAGE);
            default -> 0;
        };
        long size = Math.min(region.size(), length);
        return new Call.SetRegion(
                region.slot(), region.flags(), region.gpa(), size, region.memory(), Math.min(offset, room));
    }

    private long slotNumber() {
        if (plan.oneIn(40)) {
            return plan.pick(32763, 32764, 32765, 1 << 16, (1 << 16) | 1, 2 << 16, 0xFFFF, -1);
        }
        return plan.below(5);
    }

    private long flags() {
        return switch (plan.below(12)) {
            case 0, 1, 2 -> LOG;
            case 3 -> READ_ONLY;
            case 4 -> plan.oneIn(3) ? LOG | READ_ONLY : 0;
            case 5 -> plan.oneIn(10) ? plan.pick(4, 8, 1 << 16, 1 << 17, -1) : 0;
            default -> 0;
        };
    }

    private Call.SetRegion broken(Call.SetRegion from) {
        return switch (plan.below(6)) {
            case 0 -> new Call.SetRegion(from.slot(), from.flags(), from.gpa() + 1, from.size(), from.memory(), 0);
            case 1 ->
                new Call.SetRegion(
                        from.slot(), from.flags(), from.gpa(), from.size() / 2 + 1, from.memory(), from.offset());
            case 2 -> new Call.SetRegion(from.slot(), from.flags(), from.gpa(), from.size() - PAGE, from.memory(), 8);
            case 3 ->
                new Call.SetRegion(
                        from.slot(), from.flags(), from.gpa(), plan.pick(1L << 43, -PAGE, Long.MIN_VALUE), -1, 0);
            case 4 -> new Call.SetRegion(from.slot(), from.flags(), plan.edge(), from.size(), from.memory(), 0);
            default -> new Call.SetRegion(from.slot(), from.flags(), from.gpa(), 16 * PAGE, -1, plan.pick(0, PAGE, 1));
        };
    }

    /** A change of a slot: deleted, moved, logging or not, the same again. */
    private Call again() {
        Call.SetRegion slot = plan.slot();
        Call.SetRegion changed = switch (plan.below(6)) {
            case 0 -> new Call.SetRegion(slot.slot(), 0, 0, 0, -1, 0);
            case 1, 2 ->
                new Call.SetRegion(
                        slot.slot(), slot.flags() ^ LOG, slot.gpa(), slot.size(), slot.memory(), slot.offset());
            case 3 ->
                new Call.SetRegion(slot.slot(), slot.flags(), plan.base(), slot.size(), slot.memory(), slot.offset());
            case 4 ->
                new Call.SetRegion(
                        slot.slot(),
                        slot.flags() ^ LOG,
                        slot.gpa() + PAGE * plan.below(20),
                        slot.size(),
                        slot.memory(),
                        slot.offset());
            default -> slot;
        };
        plan.remember(changed);
        return plan.oneIn(4) ? new Call.SetRegion2(changed, -1, 0) : changed;
    }

    private Call run() {
        GuestAccess access = Argument.ACCESSES.get(plan.below(plan.oneIn(4) ? 4 : 3));
        long gpa = plan.gpa();
        if (Long.compareUnsigned(gpa, GuestCode.BOOT_SIZE) < 0) {
            gpa = 0x10_0000; // the guest's own tables and code
        }
        boolean whole = plan.oneIn(4);
        long count = whole ? plan.pick(2, 4, 16, 64) : 1;
        long stride = plan.pick(PAGE, PAGE, PAGE, 8, 2 * PAGE, -PAGE);
        long within = access == GuestAccess.FETCH || !plan.oneIn(20) ? 0 : plan.pick(8, 4, 1, PAGE - 8);
        return new Call.Run(access, plan.vcpu(), gpa + within, stride, count);
    }

    private Call preFault() {
        long gpa = plan.gpa();
        long size = switch (plan.below(8)) {
            case 0 -> plan.slot().size();
            case 1 -> HUGE_PAGE;
            case 2 -> plan.oneIn(4) ? plan.pick(0, 1, PAGE + 1, -PAGE, Long.MIN_VALUE, -gpa) : 2 * PAGE;
            case 3 -> 16 * PAGE;
            default -> PAGE;
        };
        long flags = plan.oneIn(60) ? plan.pick(1, 8, -1) : 0;
        return new Call.PreFault(plan.vcpu(), plan.oneIn(60) ? gpa + 1 : gpa, size, flags);
    }

    private Call dirtyLog() {
        return new Call.GetDirtyLog(plan.oneIn(10) ? slotNumber() : plan.slot().slot());
    }

    private Call clearDirtyLog() {
        Call.SetRegion slot = plan.slot();
        long pages = slot.size() / PAGE;
        long pattern = plan.pick(-1, -1, 0, 0x5555_5555_5555_5555L, 1);
        return switch (plan.below(5)) {
            case 0 -> new Call.ClearDirtyLog(slot.slot(), 64, Math.max(0, pages - 64), pattern);
            case 1 -> new Call.ClearDirtyLog(slot.slot(), 0, 64, pattern);
            case 2 ->
                new Call.ClearDirtyLog(
                        slot.slot(), plan.pick(0, 1, 64, pages, -64), plan.pick(0, 1, 63, 64, 65, pages, -1), pattern);
            default -> new Call.ClearDirtyLog(slot.slot(), 0, pages, pattern);
        };
    }

    private Call store() {
        long memory = plan.memory();
        return new Call.Store(memory, plan.offset(memory) + 8 * plan.pick(0, 0, 1, 511), GuestCode.WORD);
    }

    private Call load() {
        long memory = plan.memory();
        return new Call.Load(memory, plan.offset(memory));
    }

    private long length() {
        return plan.oneIn(40) ? plan.pick(0, 1, HUGE_PAGE) : PAGE * plan.pick(1, 1, 2, 8, 16, 64);
    }

    /**
     * What splits a mapping of the process keeps to 2 MiB where huge pages are: when the kernel joins mappings again is not what
     * is compared here.
     */
    private Call advise() {
        long memory = plan.memory();
        HostAdvice advice = ADVICE.get(plan.below(ADVICE.size()));
        if (memory == 0 && (advice == HostAdvice.HUGE_PAGE || advice == HostAdvice.NO_HUGE_PAGE)) {
            return new Call.Advise(advice, 0, HUGE_PAGE * plan.below(2), HUGE_PAGE);
        }
        boolean all = plan.oneIn(4);
        long length = all ? Backing.length(memory) : length();
        return new Call.Advise(advice, memory, all ? 0 : plan.offset(memory), length);
    }

    private Call protect() {
        long memory = plan.memory();
        HostProtection protection = plan.oneIn(2)
                ? HostProtection.READ_WRITE
                : Argument.PROTECTIONS.get(plan.below(Argument.PROTECTIONS.size()));
        if (memory == 0) {
            return new Call.Protect(protection, 0, HUGE_PAGE * plan.below(2), HUGE_PAGE);
        }
        return new Call.Protect(protection, memory, plan.offset(memory), length());
    }

    private Call attributes() {
        long gpa = plan.gpa();
        long size =
                plan.oneIn(20) ? plan.pick(0, 1, -PAGE, -gpa, Long.MIN_VALUE) : PAGE * plan.pick(1, 1, 4, 16, 64, 512);
        long attributes = plan.oneIn(30) ? plan.pick(1, 4, 16, -1) : plan.pick(0, 8, 8);
        return new Call.SetAttributes(gpa, size, attributes, plan.oneIn(60) ? 1 : 0);
    }

    private Call createGuestMemfd() {
        long size = plan.oneIn(12) ? plan.pick(0, 1, -PAGE, PAGE + 1) : PAGE * plan.pick(1, 16, 16, 64, 512);
        long flags = plan.oneIn(12) ? plan.pick(1, 2, 4, -1) : plan.pick(0, scope.guestMemfdFlags());
        plan.rememberFile(size);
        return new Call.CreateGuestMemfd(size, flags);
    }

    private Call guestMemfdRegion() {
        Call.SetRegion region = withOffset(
                new Call.SetRegion(slotNumber(), GUEST_MEMFD, plan.base(), plan.pages() * PAGE, plan.memory(), 0));
        if (plan.oneIn(20)) {
            region = broken(region);
        }
        if (plan.oneIn(30)) {
            region = new Call.SetRegion(
                    region.slot(), plan.pick(5, 6, 7), region.gpa(), region.size(), region.memory(), region.offset());
        }
        long file = plan.file();
        long offset = plan.oneIn(4) ? PAGE * plan.below(16) : plan.oneIn(30) ? plan.pick(1, -PAGE) : 0;
        long room = plan.fileSize(file) - offset;
        if (region.size() > room && room > 0 && !plan.oneIn(10)) {
            region = new Call.SetRegion(
                    region.slot(), region.flags(), region.gpa(), room & -PAGE, region.memory(), region.offset());
        }
        plan.remember(region);
        return new Call.SetRegion2(region, file, offset);
    }

    private Call fallocate() {
        long file = plan.file();
        if (plan.oneIn(20)) {
            return new Call.CloseGuestMemfd(file);
        }
        long mode = plan.oneIn(20) ? plan.pick(0, 2, 8, 16) : plan.pick(1, 3, 3);
        long offset = plan.oneIn(20) ? plan.pick(1, -PAGE, plan.fileSize(file)) : PAGE * plan.below(16);
        return new Call.Allocate(file, mode, offset, plan.oneIn(10) ? plan.fileSize(file) : length());
    }

    private Call mapGuestMemfd() {
        long file = plan.file();
        long length = Math.max(PAGE, plan.fileSize(file) & -PAGE);
        long page = plan.below((int) Math.min(64, length / PAGE));
        return new Call.MapGuestMemfd(file, length, page * PAGE, plan.oneIn(2) ? GuestCode.WORD : 0);
    }

    private long number() {
        Capability capability = CAPABILITIES.get(plan.below(CAPABILITIES.size()));
        boolean differs = switch (capability) {
            case NR_VCPUS, MAX_VCPUS, SPLIT_IRQCHIP, EXIT_HYPERCALL, DISABLE_QUIRKS2, DIRTY_LOG_RING_WITH_BITMAP ->
                true;
            case PRE_FAULT_MEMORY -> !scope.tdp();
            default -> false;
        };
        return differs ? Capability.USER_MEMORY.number() : capability.number();
    }

    private Call capability() {
        return switch (plan.below(4)) {
            case 0 ->
                new Call.EnableCapability(
                        Capability.MANUAL_DIRTY_LOG_PROTECT2.number(), plan.below(2), plan.pick(0, 1, 2, 3, 4));
            case 1 ->
                new Call.EnableCapability(
                        Capability.DIRTY_LOG_RING_ACQ_REL.number(), 0, plan.pick(4096, 8192, 0, 3, 2 << 20));
            case 2 -> new Call.EnableCapability(Capability.DISABLE_QUIRKS2.number(), 0, plan.pick(0, 128, 128));
            default -> new Call.EnableCapability(plan.pick(Capability.USER_MEMORY.number(), 99999), 0, 0);
        };
    }

    private Call translate() {
        return new Call.Translate(
                plan.vcpu(), plan.oneIn(6) ? plan.pick(1L << 40, 1L << 46, -PAGE, -1) : plan.gpa() + 5);
    }

    private Call setSregs() {
        int field = plan.below(VcpuCalls.FIELDS.size());
        long value = switch (field) {
            case 0 -> plan.pick(0x8001_0031L, 0x31, 0x11, 0x8000_0010L, 0x1_0000_0031L, 0x2000_0031L);
            case 2 -> plan.pick(0, PAGE, 0x20_0000, 1L << 40, 1L << 52, Long.MIN_VALUE, 0x18);
            case 3 -> plan.pick(0x20, 0, 0x30, 0xA0, 1L << 40, 1L << 31);
            case 4 -> plan.pick(0, 1, 15);
            case 5 -> plan.pick(0x500, 0xD00, 0x100, 0, 0x400, 0x501, 1L << 40);
            default -> plan.pick(0, 0x1234, -1);
        };
        return new Call.SetSregs(plan.vcpu(), field, value);
    }
}
