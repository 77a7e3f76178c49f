package io.guestmem.vmm.demo;

import io.guestmem.abi.VmType;
import java.util.Set;

/** The demonstration on a software kernel, in VMs with private memory. */
class PrivateDemonstrationTest extends SoftDemonstrationTest {
    @Override
    VmType type() {
        return VmType.SW_PROTECTED;
    }

    @Override
    Set<PopulationWay> lacking() {
        return Set.of(PopulationWay.GUEST_MEMFD);
    }
}
