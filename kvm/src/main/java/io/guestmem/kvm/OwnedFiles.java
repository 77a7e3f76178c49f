package io.guestmem.kvm;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * What an object has opened and must close before itself, youngest first.
 *
 * <p>Guarded by its own monitor. Children are closed outside of it, because a child that closes takes itself off the list.
 */
final class OwnedFiles {
    private final Deque<AutoCloseableFile> files = new ArrayDeque<>();
    private boolean closed;

    /** A thing whose close throws nothing checked. */
    interface AutoCloseableFile extends AutoCloseable {
        @Override
        void close();
    }

    /** Takes a new child; if the owner has been closed meanwhile the child is closed at once. */
    <T extends AutoCloseableFile> T add(T file, String owner) {
        synchronized (this) {
            if (!closed) {
                files.push(file);
                return file;
            }
        }
        file.close();
        throw new IllegalStateException(owner + " is closed");
    }

    /** Takes a child off the list that is closing by itself. */
    synchronized void remove(AutoCloseableFile file) {
        files.remove(file);
    }

    /**
     * Closes all children and then, the first time, the owner: whatever of them fails to close.
     *
     * @throws RuntimeException the last failure
     */
    void closeAll(Runnable owner) {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        RuntimeException failure = null;
        for (AutoCloseableFile file = next(); file != null; file = next()) {
            try {
                file.close();
            } catch (RuntimeException failed) {
                failure = failed;
            }
        }
        owner.run();
        if (failure != null) {
            throw failure;
        }
    }

    private synchronized @Nullable AutoCloseableFile next() {
        return files.poll();
    }
}
