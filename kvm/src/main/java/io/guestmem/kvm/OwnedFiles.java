package io.guestmem.kvm;

import java.util.ArrayDeque;
import java.util.Deque;

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

    /** Closes all children; true the first time. */
    boolean closeAll() {
        synchronized (this) {
            if (closed) {
                return false;
            }
            closed = true;
        }
        for (AutoCloseableFile file = next(); file != null; file = next()) {
            file.close();
        }
        return true;
    }

    private synchronized @org.jspecify.annotations.Nullable AutoCloseableFile next() {
        return files.poll();
    }
}
