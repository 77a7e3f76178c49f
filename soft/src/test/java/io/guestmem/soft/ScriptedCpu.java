package io.guestmem.soft;

import io.guestmem.abi.ExitReason;
import io.guestmem.abi.RunLayout;
import io.guestmem.soft.mmu.GuestAccess;
import io.guestmem.soft.vm.UserArgument;
import io.guestmem.soft.vm.VcpuContext;
import io.guestmem.soft.vm.VirtualCpu;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** A vCPU without registers: KVM_RUN runs what a test has put in, on the guest's memory. */
final class ScriptedCpu implements VirtualCpu {
    final VcpuContext context;
    volatile ToLongFunction<GuestAccess> program = _ -> 0;
    boolean systemManagement;
    boolean guestMode;
    boolean nestedPaging;

    private ScriptedCpu(VcpuContext context) {
        this.context = context;
    }

    /** Makes such vCPUs. */
    static final class Factory implements VirtualCpu.Factory {
        private volatile @Nullable ScriptedCpu last;

        ScriptedCpu last() {
            return Objects.requireNonNull(last);
        }

        @Override
        public VirtualCpu create(VcpuContext context) {
            ScriptedCpu made = new ScriptedCpu(context);
            last = made;
            return made;
        }

        @Override
        public long supportedCpuid(SoftKernelOptions options, UserArgument argument) {
            return 0;
        }
    }

    @Override
    public long request(int code, UserArgument argument) {
        return UNKNOWN_REQUEST;
    }

    @Override
    public long run(GuestAccess memory) {
        if (context.ringIsFull()) {
            context.run().set(ValueLayout.JAVA_INT, RunLayout.EXIT_REASON, ExitReason.DIRTY_RING_FULL);
            return 0;
        }
        return program.applyAsLong(memory);
    }

    @Override
    public void setGuest(@Nullable JavaGuest guest) {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean inSystemManagementMode() {
        return systemManagement;
    }

    @Override
    public boolean inGuestMode() {
        return guestMode;
    }

    @Override
    public boolean nestedPaging() {
        return nestedPaging;
    }

    @Override
    public int physicalAddressBits() {
        return 36;
    }
}
