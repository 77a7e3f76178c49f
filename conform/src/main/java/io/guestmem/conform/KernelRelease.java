package io.guestmem.conform;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A release of Linux, as far as KVM's answers depend on it.
 *
 * @param major 6 of 6.12
 * @param minor 12 of 6.12
 */
public record KernelRelease(int major, int minor) implements Comparable<KernelRelease> {
    private static final Pattern RELEASE = Pattern.compile("(\\d+)\\.(\\d+).*", Pattern.DOTALL);

    /**
     * Reads the beginning of a release.
     *
     * @param text as of {@code uname -r}: {@code 6.12.57+deb13-cloud-amd64}
     * @throws IllegalArgumentException if it does not begin with two numbers
     */
    public static KernelRelease parse(String text) {
        Matcher matcher = RELEASE.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("not a release of Linux: " + text);
        }
        return new KernelRelease(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
    }

    /** Whether this is that release or a later one. */
    public boolean isAtLeast(int otherMajor, int otherMinor) {
        return compareTo(new KernelRelease(otherMajor, otherMinor)) >= 0;
    }

    @Override
    public int compareTo(KernelRelease other) {
        return major != other.major ? Integer.compare(major, other.major) : Integer.compare(minor, other.minor);
    }

    @Override
    public String toString() {
        return major + "." + minor;
    }
}
