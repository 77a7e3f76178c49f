package io.guestmem.vmm.demo;

import io.guestmem.abi.GuestRange;
import io.guestmem.abi.HostVirtual;
import io.guestmem.kvm.Memslot;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.GuardedMapping;
import io.guestmem.linux.HandshakeResult;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.PageMap;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.vmm.Machine;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.Set;

/** Anonymous memory that a userfaultfd guards and a second process fills, before the guest runs or as it touches it. */
final class UserfaultfdMemory implements DemoMemory {
    private final boolean before;
    private final GuardedMapping mapping;
    private final FaultServerProcess server;

    private UserfaultfdMemory(boolean before, GuardedMapping mapping, FaultServerProcess server) {
        this.before = before;
        this.mapping = mapping;
        this.server = server;
    }

    static UserfaultfdMemory create(GuestImage image, boolean before) {
        GuardedMapping mapping = GuardedMapping.anonymous(image.memory(), Sharing.PRIVATE);
        try (Userfaultfd userfaultfd = Userfaultfd.open(FaultScope.USER_AND_KERNEL)) {
            HandshakeResult handshake = userfaultfd.handshake(Set.of());
            if (handshake instanceof HandshakeResult.Refused refused) {
                throw new LinuxException("UFFDIO_API", refused.errno(), "no features");
            }
            userfaultfd.register(mapping, EnumSet.of(RegisterMode.MISSING));
            return new UserfaultfdMemory(
                    before, mapping, FaultServerProcess.start(userfaultfd.descriptor(), image, mapping));
        } catch (RuntimeException failed) {
            mapping.close();
            throw failed;
        }
    }

    @Override
    public Memslot slot() {
        return Memslot.of(Machine.MEMORY_SLOT, GuestRange.of(0, mapping.length()), new HostVirtual(mapping.address()));
    }

    @Override
    public BitSet presentPages() {
        return PageMap.present(mapping);
    }

    @Override
    public void populate(Machine machine) {
        if (before) {
            server.populate();
        }
    }

    @Override
    public long servedFaults() {
        return server.servedFaults();
    }

    @Override
    public void close() {
        try {
            server.close();
        } finally {
            mapping.close();
        }
    }
}
