package io.guestmem.linux;

import java.util.Set;

/** How {@code UFFDIO_API} ended. */
public sealed interface HandshakeResult {
    /**
     * The userfaultfd is ready, with the features that were asked for.
     *
     * @param features bits of all features that the kernel has, asked for or not, those without a name here included
     * @param ioctls bit n is set if the ioctl with number n may be used on the descriptor
     */
    record Agreed(long features, long ioctls) implements HandshakeResult {
        /** The features of this kernel that have a name here. */
        public Set<UserfaultfdFeature> offered() {
            return UserfaultfdFeature.of(features);
        }
    }

    /**
     * The kernel refused; the handshake can be tried again with fewer features.
     *
     * @param errno {@code EINVAL} for a feature that this kernel does not have, or if the handshake was made before;
     *     {@code EPERM} for {@link UserfaultfdFeature#EVENT_FORK} without CAP_SYS_PTRACE
     */
    record Refused(Errno errno) implements HandshakeResult {}
}
