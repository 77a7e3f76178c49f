package io.guestmem.pager;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What a server serves, and how.
 *
 * @param socket where VMs connect; a socket that nobody listens at any more is replaced
 * @param snapshot the memory file
 * @param bases what lies below it, from the oldest to the newest
 * @param state directory for journal and page states; without one a server that dies leaves its VMs waiting for ever
 * @param takeOver whether the VMs of the living server on {@code state} are taken over
 * @param onFailure of every VM
 * @param prefetch whether everything is installed before it is asked for
 * @param workingSet what is recorded, and what is installed ahead
 * @param peers users whose VMs are served, beside this process's own
 * @param serving what else is done
 */
public record ServerOptions(
        Path socket,
        Path snapshot,
        List<Path> bases,
        Optional<Path> state,
        boolean takeOver,
        FailurePolicy onFailure,
        boolean prefetch,
        WorkingSetOptions workingSet,
        Set<Integer> peers,
        ServingOptions serving) {
    /** Copies the collections. */
    public ServerOptions {
        bases = List.copyOf(bases);
        peers = Set.copyOf(peers);
    }

    /** One snapshot file, nothing kept, nothing ahead. */
    public static ServerOptions of(Path socket, Path snapshot) {
        return new ServerOptions(
                socket,
                snapshot,
                List.of(),
                Optional.empty(),
                false,
                FailurePolicy.KILL,
                false,
                WorkingSetOptions.NONE,
                Set.of(),
                ServingOptions.DEFAULT);
    }

    /** The same with another policy. */
    public ServerOptions onFailure(FailurePolicy policy) {
        return new ServerOptions(
                socket, snapshot, bases, state, takeOver, policy, prefetch, workingSet, peers, serving);
    }

    /** The same with state in a directory. */
    public ServerOptions state(Path directory, boolean fromLivingServer) {
        return new ServerOptions(
                socket,
                snapshot,
                bases,
                Optional.of(directory),
                fromLivingServer,
                onFailure,
                prefetch,
                workingSet,
                peers,
                serving);
    }

    /** The same with prefetching. */
    public ServerOptions prefetching() {
        return new ServerOptions(socket, snapshot, bases, state, takeOver, onFailure, true, workingSet, peers, serving);
    }

    /** The same over older files. */
    public ServerOptions over(List<Path> olderFirst) {
        return new ServerOptions(
                socket, snapshot, olderFirst, state, takeOver, onFailure, prefetch, workingSet, peers, serving);
    }

    /** The same with working sets. */
    public ServerOptions workingSet(WorkingSetOptions recordedAndInstalled) {
        return new ServerOptions(
                socket, snapshot, bases, state, takeOver, onFailure, prefetch, recordedAndInstalled, peers, serving);
    }

    /** The same for more users. */
    public ServerOptions peers(Set<Integer> users) {
        return new ServerOptions(
                socket, snapshot, bases, state, takeOver, onFailure, prefetch, workingSet, users, serving);
    }

    /** The same with more that is done. */
    public ServerOptions serving(ServingOptions more) {
        return new ServerOptions(
                socket, snapshot, bases, state, takeOver, onFailure, prefetch, workingSet, peers, more);
    }
}
