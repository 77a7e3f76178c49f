package io.guestmem.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Says at once, from files alone, how far the lab is. */
record LabCheck(LabCache cache, DebianTools tools, Map<String, String> environment) {

    LabAvailability check(LabKernel kernel) {
        String architecture = System.getProperty("os.arch");
        if (!architecture.equals("amd64")) {
            return unavailable("the lab runs on x86-64, this is " + architecture);
        }
        String given = environment.getOrDefault(PrivateKernel.VARIABLE, "");
        boolean isGiven = kernel == LabKernel.PRIVATE && !given.isEmpty();
        if (isGiven && !Files.isReadable(Path.of(given))) {
            return unavailable(PrivateKernel.VARIABLE + " names " + given + ", which cannot be read");
        }
        if (tools.areReady()
                && (isGiven || cache.find(DebianKernel.entry(kernel)).isPresent())) {
            return new LabAvailability(LabAvailability.State.READY, "everything is in the cache");
        }
        try {
            HostApt apt = tools.hostApt();
            apt.ownRelease();
            apt.forSuite(kernel.suite());
        } catch (LabUnavailableException reason) {
            return unavailable(String.valueOf(reason.getMessage()));
        } catch (IOException unreadable) {
            return unavailable("apt's configuration cannot be read: " + unreadable.getMessage());
        }
        return new LabAvailability(LabAvailability.State.PREPARABLE, preparation(kernel));
    }

    private static String preparation(LabKernel kernel) {
        return kernel == LabKernel.PRIVATE
                ? "the first run downloads and builds a kernel"
                : "the first run downloads about 100 MB with apt";
    }

    private static LabAvailability unavailable(String reason) {
        return new LabAvailability(LabAvailability.State.UNAVAILABLE, reason);
    }
}
