package io.guestmem.kvm.launch;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.kvm.populate.Access;
import io.guestmem.kvm.populate.Measured;
import io.guestmem.kvm.populate.PageSize;
import io.guestmem.kvm.populate.PopulationTarget;
import java.lang.foreign.MemorySegment;

/**
 * Private memory of an SNP guest before its launch is finished, given by {@code KVM_SEV_SNP_LAUNCH_UPDATE}. After that the kernel
 * answers EIO. For one thread.
 */
public final class SnpLaunchTarget implements PopulationTarget {
    private static final long ABSENT = -ErrorNumber.ENOTTY.number();

    private final SnpCommands commands;
    private final GuestPhysical base;
    private final SourcePages pages = new SourcePages();
    private String said = "";

    /**
     * A range of memory.
     *
     * @param base the gpa where it begins
     */
    public SnpLaunchTarget(SnpCommands commands, GuestPhysical base) {
        this.commands = commands;
        this.base = base;
    }

    /** {@inheritDoc} With what the firmware objected to, if it did. */
    @Override
    public String call() {
        return "KVM_SEV_SNP_LAUNCH_UPDATE" + said;
    }

    @Override
    public boolean isOrdered() {
        return true;
    }

    @Override
    public long write(long offset, MemorySegment content) {
        return write(offset, content, Measured.CONTENT);
    }

    @Override
    public long write(long offset, MemorySegment content, Measured measured) {
        return answer(commands.launchUpdate(kind(measured), at(offset), pages.aligned(content)));
    }

    private static SnpPageKind kind(Measured measured) {
        return switch (measured) {
            case CONTENT -> SnpPageKind.NORMAL;
            case PLACE -> SnpPageKind.UNMEASURED;
            case SECRETS -> SnpPageKind.SECRETS;
            case CPUID -> SnpPageKind.CPUID;
        };
    }

    @Override
    public long zero(long offset, long length) {
        return zero(offset, length, Measured.CONTENT);
    }

    @Override
    public long zero(long offset, long length, Measured measured) {
        return measured == Measured.CONTENT
                ? answer(commands.launchZeroes(at(offset), length))
                : write(offset, pages.zeroes(length), measured);
    }

    private GuestPhysical at(long offset) {
        return new GuestPhysical(base.value() + offset);
    }

    private long answer(UpdateResult update) {
        if (update.result() instanceof CommandResult.Refused refused) {
            said = refused.status() == 0 ? "" : " (" + refused.says() + ")";
            return update.done() > 0 ? update.done() : -refused.errno();
        }
        return update.done();
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
