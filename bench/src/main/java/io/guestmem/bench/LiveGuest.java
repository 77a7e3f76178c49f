package io.guestmem.bench;

import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostVirtual;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.TranslationLayout;
import io.guestmem.abi.VmType;
import io.guestmem.kvm.Cpuid;
import io.guestmem.kvm.Kvm;
import io.guestmem.kvm.LinuxKernel;
import io.guestmem.kvm.Memslot;
import io.guestmem.kvm.Segment;
import io.guestmem.kvm.SystemRegisters;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import io.guestmem.kvm.translate.PausedVcpu;
import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.Translation;
import io.guestmem.paging.WalkPlan;
import io.guestmem.paging.Walker;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A VM of the real kernel whose memory is an address space, mapped by this process as a VMM maps its guest's, and whose one vCPU
 * has that space's root in its registers and does not run. For one thread.
 */
final class LiveGuest implements AutoCloseable {
    /** PG, NE, ET, MP, PE. */
    private static final long CR0 = 0x8000_0033L;

    private static final long WRITE_PROTECT = 1 << 16;
    private static final long PAE = 1 << 5;
    /** LME, LMA, NXE. */
    private static final long EFER = 0xD00;

    private final GuestSpace space;
    private final Kvm kvm;
    private final Cpuid cpuid;
    private final Vcpu vcpu;
    private final int descriptor;

    /**
     * Makes it.
     *
     * @throws io.guestmem.abi.KernelUnavailableException if there is no {@code /dev/kvm} or it may not be opened
     * @throws io.guestmem.abi.KernelException if KVM refuses
     */
    LiveGuest(GuestSpace space) {
        this.space = space;
        WatchedKernel kernel = new WatchedKernel(new LinuxKernel());
        kvm = Kvm.open(kernel);
        try {
            Vm vm = kvm.createVm(VmType.DEFAULT);
            vm.set(Memslot.of(0, GuestRange.of(0, space.size()), new HostVirtual(space.hva())));
            vcpu = vm.createVcpu(0);
            descriptor = kernel.newest().descriptor();
            cpuid = kvm.supportedCpuid();
            vcpu.setCpuid(cpuid);
            SystemRegisters reset = vcpu.systemRegisters();
            vcpu.setSystemRegisters(reset.withSegments(reset.segments()
                            .flat(Segment.longModeCode(8, 0), Segment.flatData(16, 0), Segment.task(24, 0, 103)))
                    .withPaging(CR0 | WRITE_PROTECT, space.root(), PAE, EFER));
        } catch (RuntimeException failed) {
            kvm.close();
            throw failed;
        }
    }

    /** A pass by us: the registers once, then a walk through the VMM's mapping for each address. */
    WalkPass.Side walks(long[] queries) {
        return WalkPass.timed(() -> {
            PausedVcpu paused = PausedVcpu.of(vcpu, cpuid)
                    .orElseThrow(() -> new BenchmarkException("a vCPU that never ran is in guest mode"));
            return sum(new Walker(WalkPlan.of(paused.state()), space.memory()), paused.access(), queries);
        });
    }

    private static long sum(Walker walker, int access, long[] queries) {
        long sum = 0;
        for (long linear : queries) {
            if (walker.translate(linear, access, SetBits.NONE, CheckOrder.ARCHITECTURAL)
                    instanceof Translation.Translated page) {
                sum += page.address();
            }
        }
        return sum;
    }

    /** A pass by the kernel: a bare {@code KVM_TRANSLATE} for each address. */
    WalkPass.Side ioctls(long[] queries) {
        BareIoctl bare = new BareIoctl();
        long code = Integer.toUnsignedLong(KvmIoctl.TRANSLATE.code());
        MemorySegment struct = Arena.ofAuto().allocate(TranslationLayout.STRUCT.size(), Long.BYTES);
        return WalkPass.timed(() -> sum(bare, descriptor, code, struct, queries));
    }

    private static long sum(BareIoctl bare, int descriptor, long code, MemorySegment struct, long[] queries) {
        long address = struct.address();
        long sum = 0;
        for (long linear : queries) {
            struct.set(ValueLayout.JAVA_LONG, TranslationLayout.LINEAR_ADDRESS, linear);
            int result = bare.call(descriptor, code, address);
            if (result != 0) {
                throw new BenchmarkException(KvmIoctl.TRANSLATE.request() + ": errno " + -result);
            }
            if (struct.get(ValueLayout.JAVA_BYTE, TranslationLayout.VALID) != 0) {
                sum += struct.get(ValueLayout.JAVA_LONG, TranslationLayout.PHYSICAL_ADDRESS);
            }
        }
        return sum;
    }

    @Override
    public void close() {
        kvm.close();
    }
}
