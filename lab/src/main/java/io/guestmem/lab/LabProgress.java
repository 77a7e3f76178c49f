package io.guestmem.lab;

/** Hears what the lab does while it prepares. */
@FunctionalInterface
public interface LabProgress {
    /** Hears nothing. */
    LabProgress SILENT = _ -> {};

    /**
     * A stage begins. Called on the thread that runs the lab.
     *
     * @param text one line without a full stop, such as {@code downloading linux-image-6.12.107+deb13-cloud-amd64}
     */
    void stage(String text);
}
