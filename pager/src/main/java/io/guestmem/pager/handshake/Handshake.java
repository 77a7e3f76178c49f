package io.guestmem.pager.handshake;

import io.guestmem.linux.FileDescriptor;
import io.guestmem.linux.LinuxException;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.Userfaultfd;
import java.util.List;
import java.util.Set;

/**
 * A message that was understood: whose memory, and the descriptor that guards it.
 *
 * @param map of the guest's memory
 * @param userfaultfd belongs to whoever has this object
 */
public record Handshake(GuestMap map, Userfaultfd userfaultfd) {
    /**
     * Checks that the first descriptor guards the regions; closes the others, which forks of Firecracker send.
     *
     * @throws HandshakeException if it does not; all descriptors are closed then
     */
    static Handshake of(GuestMap map, List<FileDescriptor> descriptors) {
        if (descriptors.isEmpty()) {
            throw new HandshakeException("no descriptor");
        }
        descriptors.subList(1, descriptors.size()).forEach(FileDescriptor::close);
        Userfaultfd userfaultfd = Userfaultfd.adopt(descriptors.getFirst().nonBlocking());
        try {
            for (Region region : map.regions()) {
                checkGuards(userfaultfd, region.hostAddress(), region.size());
            }
            return new Handshake(map, userfaultfd);
        } catch (HandshakeException wrong) {
            userfaultfd.close();
            throw wrong;
        }
    }

    /**
     * Checks that a descriptor is the userfaultfd of a range, by registering it again: for what is registered with it, that
     * changes nothing.
     *
     * @throws HandshakeException if it is another's, is no userfaultfd, or if nothing is mapped there
     */
    public static void checkGuards(Userfaultfd userfaultfd, long address, long length) {
        try {
            userfaultfd.register(address, length, Set.of(RegisterMode.MISSING));
        } catch (LinuxException refused) {
            throw new HandshakeException("a descriptor that does not guard the memory: " + refused.getMessage());
        }
    }
}
