package io.guestmem.kvm.populate;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.abi.GuestPhysical;
import io.guestmem.abi.GuestRange;
import io.guestmem.kvm.GuestMemfdPopulate;
import java.lang.foreign.MemorySegment;

/**
 * Private memory filled by {@code KVM_GUEST_MEMFD_POPULATE}, from the VM's process or any other.
 *
 * @param request on the VM
 * @param base the gpa where the range begins
 */
public record PopulateRequestTarget(GuestMemfdPopulate request, GuestPhysical base) implements PopulationTarget {
    private static final long ABSENT = -ErrorNumber.ENOTTY.number();

    @Override
    public String call() {
        return "KVM_GUEST_MEMFD_POPULATE";
    }

    @Override
    public long write(long offset, MemorySegment content) {
        return request.write(new GuestPhysical(base.value() + offset), content);
    }

    @Override
    public long zero(long offset, long length) {
        return request.zero(GuestRange.of(base.value() + offset, length));
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
