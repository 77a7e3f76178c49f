package io.guestmem.cli;

import picocli.CommandLine.IVersionProvider;

/** What {@code --version} prints. */
final class Version implements IVersionProvider {
    /** The version of this build; a test compares it with the build file. */
    static final String GUESTMEM = "0.1.0-SNAPSHOT";

    @Override
    public String[] getVersion() {
        return new String[] {"guestmem " + GUESTMEM, "Java " + Runtime.version()};
    }
}
