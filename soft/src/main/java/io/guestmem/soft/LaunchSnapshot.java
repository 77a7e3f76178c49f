package io.guestmem.soft;

import io.guestmem.abi.VmType;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;

/**
 * The launch of a confidential guest at a moment.
 *
 * @param technology what the guest is now: {@code SEV}, {@code SEV_ES}, {@code SNP}, {@code TDX}; {@code DEFAULT} before a legacy
 *     command has made it one
 * @param state how far the launch is: {@code NEW}, {@code INITIALIZED}, {@code LAUNCHING}, {@code MEASURED}, {@code RUNNING}
 * @param digest the measurement of what was populated so far, in hexadecimal; empty before there is one
 * @param steps how many steps were measured
 * @param pages of guest memory that are not the hypervisor's, by address
 */
public record LaunchSnapshot(VmType technology, String state, String digest, long steps, List<Page> pages) {
    /** Sorts the pages. */
    public LaunchSnapshot {
        pages = pages.stream().sorted(Comparator.comparingLong(Page::gpa)).toList();
    }

    /** With a digest as bytes. */
    public static LaunchSnapshot of(VmType technology, String state, byte[] digest, long steps, List<Page> pages) {
        return new LaunchSnapshot(technology, state, HexFormat.of().formatHex(digest), steps, pages);
    }

    /**
     * A page of 4096 bytes.
     *
     * @param gpa guest-physical address; of memory that SEV encrypts where it lies, the hva
     * @param state as the technology calls it: {@code GUEST_VALID} (RMP), {@code MAPPED} (secure EPT), {@code ENCRYPTED} (SEV)
     */
    public record Page(long gpa, String state) {}
}
