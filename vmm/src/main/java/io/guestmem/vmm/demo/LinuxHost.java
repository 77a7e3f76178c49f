package io.guestmem.vmm.demo;

import io.guestmem.abi.HostMemory;
import io.guestmem.kvm.MappedHostMemory;
import io.guestmem.linux.FaultScope;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.Mapping;
import io.guestmem.linux.PageMap;
import io.guestmem.linux.Protection;
import io.guestmem.linux.ResourceUsage;
import io.guestmem.linux.Sharing;
import io.guestmem.linux.Userfaultfd;
import java.util.BitSet;
import java.util.Optional;

/** This process on this machine. */
final class LinuxHost implements DemoHost {
    @Override
    public boolean isSimulated() {
        return false;
    }

    @Override
    public HostMemory map(GuestImage image) {
        Mapping mapping = Mapping.anonymous(image.memory(), Sharing.PRIVATE);
        try {
            mapping.replace(0, image.file(), 0, image.contentPages(), Protection.READ_WRITE, Sharing.PRIVATE);
            return new MappedHostMemory(mapping);
        } catch (RuntimeException failed) {
            mapping.close();
            throw failed;
        }
    }

    @Override
    public void read(GuestImage image, HostMemory into) {
        image.read(0, into.hva(), image.content());
    }

    @Override
    public Optional<String> lackingUserfaultfd() {
        try (Userfaultfd _ = Userfaultfd.open(FaultScope.USER_AND_KERNEL)) {
            return Optional.empty();
        } catch (LinuxException refused) {
            return Optional.of(refused.getMessage());
        }
    }

    @Override
    public DemoMemory guard(GuestImage image, boolean before) {
        return UserfaultfdMemory.create(image, before);
    }

    @Override
    public BitSet presentPages(HostMemory memory) {
        return PageMap.present(((MappedHostMemory) memory).mapping());
    }

    @Override
    public long pageFaults() {
        ResourceUsage usage = ResourceUsage.ofProcess();
        return usage.minorFaults() + usage.majorFaults();
    }
}
