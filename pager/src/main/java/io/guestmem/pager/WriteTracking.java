package io.guestmem.pager;

import io.guestmem.linux.LinuxException;
import io.guestmem.linux.RegisterMode;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.linux.UserfaultfdFeature;
import io.guestmem.linux.UserfaultfdOperation;
import io.guestmem.pager.ServerEvent.Kind;
import io.guestmem.pager.handshake.GuestMap;
import io.guestmem.pager.handshake.Handshake;
import io.guestmem.pager.handshake.Region;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Makes writes of a guest visible whose VMM knows nothing of that: its memory is registered once more, for missing pages as
 * before and for write-protection. The VMM need not have asked for {@code PAGEFAULT_FLAG_WP}.
 */
final class WriteTracking {
    private static final Set<RegisterMode> MODES = Set.of(RegisterMode.MISSING, RegisterMode.WRITE_PROTECT);

    private WriteTracking() {}

    /**
     * Begins with a VM that has just connected.
     *
     * @return null if its writes cannot be tracked, which an event says
     */
    static @Nullable DirtyPages pages(
            int vm, Handshake handshake, @Nullable StateDirectory state, Consumer<ServerEvent> events) {
        Optional<String> refused = begin(handshake.userfaultfd(), handshake.map());
        if (refused.isPresent()) {
            events.accept(ServerEvent.of(Kind.WARNING, vm, "its writes are not tracked: " + refused.get()));
            return null;
        }
        long pages = handshake.map().pages();
        return state == null ? DirtyPages.anonymous(pages) : DirtyPages.create(state.dirty(vm), pages);
    }

    /** Registers the memory; why that cannot be, or empty if writes are visible now. */
    private static Optional<String> begin(Userfaultfd userfaultfd, GuestMap map) {
        try {
            Set<UserfaultfdFeature> features = UserfaultfdInfo.of(userfaultfd).features();
            if (features.contains(UserfaultfdFeature.WP_ASYNC)) {
                return Optional.of(
                        "its VMM has agreed on WP_ASYNC: the kernel allows writes by itself and tells nobody");
            }
            if (!features.contains(UserfaultfdFeature.EVENT_REMOVE)) {
                return Optional.of("its VMM has not agreed on EVENT_REMOVE: pages that it gives back would be missed");
            }
            for (Region region : map.regions()) {
                if (!userfaultfd
                        .register(region.hostAddress(), region.size(), MODES)
                        .contains(UserfaultfdOperation.WRITEPROTECT)) {
                    return Optional.of("the kernel cannot write-protect its memory");
                }
            }
            return Optional.empty();
        } catch (LinuxException refused) {
            return Optional.of("the kernel cannot write-protect its memory: " + refused.getMessage());
        } catch (IOException unknown) {
            return Optional.of("the features of its userfaultfd are not known: " + unknown.getMessage());
        }
    }
}
