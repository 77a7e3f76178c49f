package io.guestmem.kvm.launch;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.kvm.Vcpu;
import io.guestmem.kvm.populate.Access;
import io.guestmem.kvm.populate.Measured;
import io.guestmem.kvm.populate.PageSize;
import io.guestmem.kvm.populate.PopulationTarget;
import java.lang.foreign.MemorySegment;

/**
 * Private memory of a TD before it is finalised, given by {@code KVM_TDX_INIT_MEM_REGION}. After that the kernel answers EINVAL. For
 * one thread.
 */
public final class TdxRegionTarget implements PopulationTarget {
    private static final long ABSENT = -ErrorNumber.ENOTTY.number();

    private final TdxCommands commands;
    private final Vcpu vcpu;
    private final GuestPhysical base;
    private final SourcePages pages = new SourcePages();

    /**
     * A range of memory.
     *
     * @param vcpu any that is initialised
     * @param base the gpa where it begins
     */
    public TdxRegionTarget(TdxCommands commands, Vcpu vcpu, GuestPhysical base) {
        this.commands = commands;
        this.vcpu = vcpu;
        this.base = base;
    }

    @Override
    public String call() {
        return "KVM_TDX_INIT_MEM_REGION";
    }

    @Override
    public boolean isOrdered() {
        return true;
    }

    @Override
    public long write(long offset, MemorySegment content) {
        return write(offset, content, Measured.CONTENT);
    }

    /** {@inheritDoc} The kernel returns an error after progress, too; it is told when it is met again without any. */
    @Override
    public long write(long offset, MemorySegment content, Measured measured) {
        if (measured == Measured.SECRETS || measured == Measured.CPUID) {
            return -ErrorNumber.EOPNOTSUPP.number();
        }
        UpdateResult update = commands.initMemRegion(
                vcpu, new GuestPhysical(base.value() + offset), pages.aligned(content), measured == Measured.CONTENT);
        return update.done() == 0 && update.result() instanceof CommandResult.Refused refused
                ? -refused.errno()
                : update.done();
    }

    @Override
    public long zero(long offset, long length) {
        return zero(offset, length, Measured.CONTENT);
    }

    @Override
    public long zero(long offset, long length, Measured measured) {
        return write(offset, pages.zeroes(length), measured);
    }

    @Override
    public long touch(long offset, long length, Access access) {
        return ABSENT;
    }

    @Override
    public long prefer(PageSize size, long offset, long length) {
        return ABSENT;
    }
}
