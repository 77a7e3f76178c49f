package io.guestmem.diff.translate;

import io.guestmem.abi.Capability;
import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.TranslationLayout;
import io.guestmem.kvm.Registers;
import io.guestmem.paging.Access;
import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.PagingFeatures;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.PagingState;
import io.guestmem.paging.PdpteRegisters;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.WalkPlan;
import io.guestmem.paging.WalkResult;
import io.guestmem.paging.Walker;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.SplittableRandom;

/**
 * A kernel's {@code KVM_TRANSLATE}: KVM's own walk in software, a supervisor's read, which sets accessed bits when it succeeds.
 *
 * <p>Compared are validity, the physical address, and all tables afterwards. MAXPHYADDR, the vendor and pages of 1 GiB in the
 * vCPU's CPUID are random, too. Source: Linux 7.2 {@code arch/x86/kvm/x86.c:kvm_arch_vcpu_ioctl_translate}, {@code
 * mmu/paging_tmpl.h:walk_addr_generic}.
 */
final class TranslateOracle implements Oracle {
    private static final int STATES = 4;
    private static final int ADDRESSES = 4096;
    private static final int NARROWEST = 32;
    private static final int WIDEST = 52;
    private static final long RFLAGS_FIXED = 2;
    private static final long RFLAGS_AC = 1 << 18;

    private final OracleGuest guest;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment struct = arena.allocate(TranslationLayout.STRUCT.size(), Long.BYTES);
    private final boolean tdp;

    TranslateOracle(Kernel kernel) {
        this.guest = new OracleGuest(kernel, true);
        this.tdp = guest.kvm().capability(Capability.PRE_FAULT_MEMORY) != 0;
    }

    @Override
    public String name() {
        return "KVM_TRANSLATE";
    }

    @Override
    public void round(PagingMode mode, long seed, OracleTally tally) {
        SplittableRandom random = new SplittableRandom(seed);
        GuestRam ram = guest.ram();
        RandomTables tables = new RandomTables(ram, mode, false);
        tables.fill(random);
        PagingFeatures features = features(random);
        guest.vcpu().setCpuid(CpuFeatures.changed(guest.supported(), features));
        for (int i = 0; i < STATES && tally.difference().isEmpty(); i++) {
            long cr3 = tables.root(random, features.maxPhysicalAddressBits());
            ram.show();
            PdpteRegisters pdptes = mode == PagingMode.PAE
                    ? PdpteRegisters.load(ram.ranges(), cr3, features.maxPhysicalAddressBits())
                            .orElseThrow()
                    : PdpteRegisters.NONE;
            PagingState state = guest.features().with(features).state(random, mode, cr3, pdptes);
            boolean alignmentCheck = random.nextBoolean();
            if (!enter(state, alignmentCheck)) {
                tally.missing("this kernel's vCPUs do not take the registers of this mode");
                return;
            }
            compare(random, seed, state, alignmentCheck ? Access.ALIGNMENT_CHECK : 0, tally);
        }
    }

    /** As the kernel works it out. Source: Linux 7.2 {@code mmu.c:guest_can_use_gbpages}. */
    private PagingFeatures features(SplittableRandom random) {
        PagingFeatures own = guest.features().paging();
        boolean wanted = random.nextBoolean();
        boolean ownBits = random.nextBoolean();
        int bits = ownBits ? own.maxPhysicalAddressBits() : NARROWEST + random.nextInt(WIDEST - NARROWEST + 1);
        return new PagingFeatures(
                bits,
                random.nextBoolean(),
                own.gigabytePages() && (tdp || wanted),
                PagingFeatures.processorPse36Bits(bits));
    }

    private boolean enter(PagingState state, boolean alignmentCheck) {
        guest.vcpu()
                .setRegisters(Registers.initial()
                        .with(Registers.Register.RFLAGS, RFLAGS_FIXED | (alignmentCheck ? RFLAGS_AC : 0)));
        return guest.enter(state);
    }

    private void compare(SplittableRandom random, long seed, PagingState state, int access, OracleTally tally) {
        GuestRam ram = guest.ram();
        PagingFeatures features = KnownDeviation.features(Processor.KVM, state.features(), state.mode());
        Walker walker = new Walker(WalkPlan.of(CpuFeatures.with(state, features)), ram.ranges());
        Walker manual = new Walker(WalkPlan.of(state), ram.ranges());
        boolean deviates = !features.equals(state.features());
        KvmFile vcpu = guest.vcpu().file();
        for (int i = 0; i < ADDRESSES; i++) {
            long linear = random.nextLong();
            if (deviates && walk(walker, linear, access) != walk(manual, linear, access)) {
                Processor.KVM.forEach(tally::explained);
            }
            long walked = walker.walk(linear, access, SetBits.ACCESSED, CheckOrder.ARCHITECTURAL);
            boolean page = WalkResult.isPage(walked);
            long address = !page ? -1 : state.mode() == PagingMode.NONE ? linear : WalkResult.address(walked);
            struct.set(ValueLayout.JAVA_LONG, TranslationLayout.LINEAR_ADDRESS, linear);
            long result;
            do {
                result = vcpu.ioctl(KvmIoctl.TRANSLATE.code(), struct);
            } while (result == -ErrorNumber.EINTR.number());
            boolean valid = struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.VALID) != 0;
            long physical = struct.get(ValueLayout.JAVA_LONG, TranslationLayout.PHYSICAL_ADDRESS);
            tally.counted(!page);
            if (result != 0 || valid != page || physical != address) {
                String oracle = result != 0 ? "errno " + -result : answer(valid, physical);
                tally.differs(difference(seed, state, linear, access, walker, answer(page, address), oracle));
                return;
            }
        }
        long at = ram.firstDifference(new BitSet());
        if (at >= 0) {
            String real = "0x" + Integer.toHexString(ram.real().get(ValueLayout.JAVA_INT, at));
            String model = "0x" + Integer.toHexString(ram.load32(at));
            tally.differs(difference(
                    seed, state, 0, access, walker, "the word at offset " + at + " is " + model, "it is " + real));
        }
    }

    private static long walk(Walker walker, long linear, int access) {
        return walker.walk(linear, access, SetBits.NONE, CheckOrder.ARCHITECTURAL);
    }

    private static OracleDifference difference(
            long seed, PagingState state, long linear, int access, Walker walker, String ours, String oracle) {
        return new OracleDifference(
                seed, state, linear, access, walker.explain(linear, access, CheckOrder.ARCHITECTURAL), ours, oracle);
    }

    private static String answer(boolean valid, long physical) {
        return valid ? "0x" + Long.toHexString(physical) : "not valid";
    }

    @Override
    public void close() {
        guest.close();
        arena.close();
    }
}
