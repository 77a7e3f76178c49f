package io.guestmem.bench;

import io.guestmem.abi.Capability;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.PreFaultMemoryLayout;
import io.guestmem.abi.RegsLayout;
import io.guestmem.kvm.PreFaultResult;
import io.guestmem.kvm.Registers.Register;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.Vm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The same request twice, each in a loop of its own: through the typed API, and bare. Both fill the same fields before each call
 * and read the same fields after it.
 *
 * @param request what is called
 * @param typed sums up what the typed API returned
 * @param bare sums up the same, read from the struct
 */
record IoctlSides(KvmIoctl request, TimedLoop.Operation typed, TimedLoop.Operation bare) {
    private static final Capability ASKED = Capability.USER_MEMORY;

    /** {@code KVM_CHECK_EXTENSION}: a value in, a value out. */
    static IoctlSides checkExtension(BenchmarkVm guest) {
        Vm vm = guest.vm();
        int descriptor = guest.vmDescriptor();
        BareIoctl bare = new BareIoctl();
        long code = code(KvmIoctl.CHECK_EXTENSION);
        return new IoctlSides(
                KvmIoctl.CHECK_EXTENSION,
                times -> {
                    long sum = 0;
                    for (int i = 0; i < times; i++) {
                        sum += vm.capability(ASKED);
                    }
                    return sum;
                },
                times -> {
                    long sum = 0;
                    for (int i = 0; i < times; i++) {
                        sum += bare.call(descriptor, code, ASKED.number());
                    }
                    return sum;
                });
    }

    /** {@code KVM_GET_REGS}: a struct out, which becomes an array of the heap. */
    static IoctlSides getRegisters(BenchmarkVm guest) {
        Vcpu vcpu = guest.vcpu();
        int descriptor = guest.vcpuDescriptor();
        BareIoctl bare = new BareIoctl();
        long code = code(KvmIoctl.GET_REGS);
        MemorySegment struct = Arena.ofAuto().allocate(RegsLayout.STRUCT.size(), Long.BYTES);
        return new IoctlSides(
                KvmIoctl.GET_REGS,
                times -> {
                    long sum = 0;
                    for (int i = 0; i < times; i++) {
                        sum += vcpu.registers().get(Register.RIP);
                    }
                    return sum;
                },
                times -> {
                    long sum = 0;
                    for (int i = 0; i < times; i++) {
                        sum += bare.call(descriptor, code, struct.address());
                        long[] values = struct.toArray(ValueLayout.JAVA_LONG);
                        sum += values[RegsLayout.RIP / Long.BYTES];
                    }
                    return sum;
                });
    }

    /**
     * {@code KVM_PRE_FAULT_MEMORY} of one page: a struct in and out. The page is there already, or the kernel refuses: neither
     * maps anything.
     */
    static IoctlSides preFault(BenchmarkVm guest) {
        Vcpu vcpu = guest.vcpu();
        int descriptor = guest.vcpuDescriptor();
        BareIoctl bare = new BareIoctl();
        long code = code(KvmIoctl.PRE_FAULT_MEMORY);
        MemorySegment struct = Arena.ofAuto().allocate(PreFaultMemoryLayout.STRUCT.size(), Long.BYTES);
        return new IoctlSides(
                KvmIoctl.PRE_FAULT_MEMORY,
                times -> {
                    long sum = 0;
                    for (int i = 0; i < times; i++) {
                        sum += answer(vcpu.preFault(BenchmarkVm.PAGE));
                    }
                    return sum;
                },
                times -> {
                    long sum = 0;
                    for (int i = 0; i < times; i++) {
                        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.GPA, 0);
                        struct.set(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE, BenchmarkVm.PAGE.size());
                        int result = bare.call(descriptor, code, struct.address());
                        long left = struct.get(ValueLayout.JAVA_LONG, PreFaultMemoryLayout.SIZE);
                        sum += result < 0 ? result : BenchmarkVm.PAGE.size() - left;
                    }
                    return sum;
                });
    }

    /** Bytes done, or the negated errno. */
    private static long answer(PreFaultResult result) {
        return result instanceof PreFaultResult.Refused refused
                ? -refused.error().number()
                : result.done();
    }

    private static long code(KvmIoctl request) {
        return Integer.toUnsignedLong(request.code());
    }
}
