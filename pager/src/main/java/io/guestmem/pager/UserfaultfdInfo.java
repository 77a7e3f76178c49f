package io.guestmem.pager;

import io.guestmem.linux.HandshakeResult;
import io.guestmem.linux.Userfaultfd;
import io.guestmem.linux.UserfaultfdFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * What {@code /proc/self/fdinfo} says of a userfaultfd, of whichever process it is.
 *
 * <pre>{@code
 * pending:	1                              // threads whose message is unread
 * total:	3                              // all threads that wait
 * API:	aa:80000008:9000000000000005       // features that its VMM agreed on; bit 31 is the kernel's own
 * }</pre>
 *
 * <p>Source: Linux 7.2 {@code mm/userfaultfd.c}, {@code userfaultfd_show_fdinfo}.
 *
 * @param pending threads that wait and whose message is unread
 * @param total all threads that wait
 * @param features agreed on
 */
record UserfaultfdInfo(long pending, long total, Set<UserfaultfdFeature> features) {
    /**
     * Looks.
     *
     * @throws IOException if the kernel does not say
     */
    static UserfaultfdInfo of(Userfaultfd userfaultfd) throws IOException {
        int number = userfaultfd.descriptor().number();
        return parse(Files.readString(Path.of("/proc/self/fdinfo/" + number)));
    }

    static UserfaultfdInfo parse(String text) throws IOException {
        Map<String, String> fields = new HashMap<>();
        for (String line : text.lines().toList()) {
            String[] parts = line.split(":\\s*", 2);
            if (parts.length == 2) {
                fields.put(parts[0].toLowerCase(Locale.ROOT), parts[1]);
            }
        }
        try {
            String[] api = fields.getOrDefault("api", "").split(":", -1);
            long features = api.length < 2 ? 0 : Long.parseLong(api[1], 16);
            return new UserfaultfdInfo(
                    Long.parseLong(fields.getOrDefault("pending", "")),
                    Long.parseLong(fields.getOrDefault("total", "")),
                    new HandshakeResult.Agreed(features, 0).offered());
        } catch (NumberFormatException unknown) {
            throw new IOException("not of a userfaultfd: " + unknown.getMessage(), unknown);
        }
    }
}
