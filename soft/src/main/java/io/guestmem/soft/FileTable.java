package io.guestmem.soft;

import io.guestmem.abi.ErrorNumber;
import io.guestmem.soft.vm.OpenFile;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The descriptors of a process. Thread-safe. */
final class FileTable {
    private static final int LIMIT = 1 << 20;

    /** By number; each entry has a reference to its file. Guarded by this object. */
    private final List<@Nullable Descriptor> descriptors = new ArrayList<>();

    /**
     * What a number refers to.
     *
     * @param closeOnExec whether programs that the process executes do not get it
     */
    record Descriptor(OpenFile file, boolean closeOnExec) {}

    /** The lowest free number for a file, whose reference becomes the table's; or {@code -EMFILE}. */
    synchronized int install(OpenFile file, boolean closeOnExec) {
        int number = descriptors.indexOf(null);
        if (number < 0) {
            number = descriptors.size();
            if (number == LIMIT) {
                return -ErrorNumber.EMFILE.number();
            }
            descriptors.add(null);
        }
        descriptors.set(number, new Descriptor(file, closeOnExec));
        return number;
    }

    /** The file of a number, with a reference for the caller; null if there is none. */
    synchronized @Nullable OpenFile get(int number) {
        Descriptor descriptor = descriptor(number);
        return descriptor != null && descriptor.file().get() ? descriptor.file() : null;
    }

    synchronized @Nullable Descriptor descriptor(int number) {
        return number >= 0 && number < descriptors.size() ? descriptors.get(number) : null;
    }

    synchronized void closeOnExec(int number) {
        Descriptor descriptor = descriptor(number);
        if (descriptor != null) {
            descriptors.set(number, new Descriptor(descriptor.file(), true));
        }
    }

    /** Frees a number. */
    void close(int number) {
        Descriptor descriptor;
        synchronized (this) {
            descriptor = descriptor(number);
            if (descriptor != null) {
                descriptors.set(number, null);
            }
        }
        if (descriptor != null) {
            descriptor.file().put();
        }
    }

    void closeAll() {
        int count;
        synchronized (this) {
            count = descriptors.size();
        }
        for (int number = 0; number < count; number++) {
            close(number);
        }
    }

    /** All open files. */
    synchronized List<Descriptor> all() {
        List<Descriptor> open = new ArrayList<>();
        for (Descriptor descriptor : descriptors) {
            if (descriptor != null) {
                open.add(descriptor);
            }
        }
        return open;
    }

    /** The table of a forked process: the same numbers, the same files. */
    synchronized FileTable fork() {
        FileTable child = new FileTable();
        for (Descriptor descriptor : descriptors) {
            boolean alive = descriptor != null && descriptor.file().get();
            child.descriptors.add(alive ? descriptor : null);
        }
        return child;
    }
}
