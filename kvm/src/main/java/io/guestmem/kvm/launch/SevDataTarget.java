package io.guestmem.kvm.launch;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.HostAdvice;
import io.guestmem.abi.HostMemory;
import io.guestmem.abi.HostVirtual;
import io.guestmem.kvm.populate.Access;
import io.guestmem.kvm.populate.Measured;
import io.guestmem.kvm.populate.PageSize;
import io.guestmem.kvm.populate.PopulationTarget;
import java.lang.foreign.MemorySegment;

/**
 * Memory of the process behind a SEV or SEV-ES guest: content is stored, then encrypted where it lies by
 * {@code KVM_SEV_LAUNCH_UPDATE_DATA}. For one thread.
 *
 * <p>When a piece is refused, the kernel does not say how much of it was encrypted and measured before: the launch has to start over.
 */
public final class SevDataTarget implements PopulationTarget {
    private static final long UNSUPPORTED = -ErrorNumber.EOPNOTSUPP.number();

    private final SevCommands commands;
    private final HostMemory memory;
    private final SourcePages pages = new SourcePages();
    private String said = "";

    /**
     * All of some memory.
     *
     * @param memory behind the memslot; stays owned by the caller
     */
    public SevDataTarget(SevCommands commands, HostMemory memory) {
        this.commands = commands;
        this.memory = memory;
    }

    /** {@inheritDoc} With what the firmware objected to, if it did. */
    @Override
    public String call() {
        return "KVM_SEV_LAUNCH_UPDATE_DATA" + said;
    }

    @Override
    public boolean isOrdered() {
        return true;
    }

    @Override
    public long write(long offset, MemorySegment content) {
        return write(offset, content, Measured.CONTENT);
    }

    /** {@inheritDoc} Everything that SEV encrypts is measured. */
    @Override
    public long write(long offset, MemorySegment content, Measured measured) {
        if (measured != Measured.CONTENT) {
            return UNSUPPORTED;
        }
        long stored = memory.store(offset, content);
        if (stored < 0) {
            return stored;
        }
        CommandResult result =
                commands.launchUpdateData(new HostVirtual(memory.hva() + offset), Math.toIntExact(content.byteSize()));
        if (result instanceof CommandResult.Refused refused) {
            said = refused.status() == 0 ? "" : " (" + refused.says() + ")";
            return -refused.errno();
        }
        return content.byteSize();
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
        HostAdvice advice = access == Access.WRITE ? HostAdvice.POPULATE_WRITE : HostAdvice.POPULATE_READ;
        return memory.advise(advice, offset, length);
    }

    /** {@inheritDoc} Pages that are encrypted stay where they are. */
    @Override
    public long prefer(PageSize size, long offset, long length) {
        return size == PageSize.ANY ? 0 : UNSUPPORTED;
    }
}
