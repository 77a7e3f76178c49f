package io.guestmem.measure.rtmr;

import io.guestmem.measure.layout.Hashes;
import io.guestmem.measure.layout.LittleEndian;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The Authenticode digest of a PE image, with SHA-384 (Microsoft, "Windows Authenticode Portable Executable Signature Format"; edk2
 * {@code PeCoffLib}): headers without the checksum and the certificate directory, sections by their place in the file, what follows
 * them, without the certificates.
 */
public final class PeImage {
    private static final int PE_OFFSET = 0x3c;
    private static final long SIGNATURE = 0x4550;
    private static final int COFF = 4;
    private static final int OPTIONAL = 24;
    private static final int PE32_PLUS = 0x20b;
    private static final int PE32 = 0x10b;
    private static final int SECTION = 40;
    private static final int SECURITY = 4;

    private PeImage() {}

    private record Section(long offset, long size) {}

    /**
     * The digest.
     *
     * @throws IllegalArgumentException if it is no PE image; the message names the field and its offset
     */
    public static byte[] authenticode(byte[] image) {
        long pe = u32(image, "PE offset", PE_OFFSET);
        require(u32(image, "PE signature", pe) == SIGNATURE, "PE signature", pe, "not PE");
        int sections = u16(image, "number of sections", pe + COFF + 2);
        int optionalSize = u16(image, "size of the optional header", pe + COFF + 16);
        long optional = pe + OPTIONAL;
        int magic = u16(image, "magic", optional);
        require(magic == PE32_PLUS || magic == PE32, "magic", optional, "0x" + Integer.toHexString(magic));
        long checksum = optional + 64;
        long directories = optional + (magic == PE32_PLUS ? 112 : 96);
        long certificates = directories + SECURITY * 8;
        boolean directory = u32(image, "number of directories", directories - 4) > SECURITY;
        long headers = u32(image, "size of headers", optional + 60);
        long behind = directory ? certificates + 8 : checksum + 4;
        require(
                headers >= behind && headers <= image.length,
                "size of headers",
                optional + 60,
                String.valueOf(headers));

        MessageDigest digest = Hashes.sha384();
        digest.update(image, 0, (int) checksum);
        if (directory) {
            update(digest, image, checksum + 4, certificates);
        }
        update(digest, image, behind, headers);
        long hashed = headers;
        for (Section section : sections(image, optional + optionalSize, sections)) {
            update(digest, image, section.offset, Math.min(section.offset + section.size, image.length));
            hashed += section.size;
        }
        long signed = directory ? u32(image, "size of certificates", certificates + 4) : 0;
        long end = image.length - signed;
        if (hashed < end) {
            update(digest, image, hashed, end);
        }
        // images are hashed as if they ended on a multiple of 8, where certificates would begin
        digest.update(new byte[(8 - image.length % 8) % 8]);
        return digest.digest();
    }

    private static List<Section> sections(byte[] image, long table, int count) {
        List<Section> sections = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            long at = table + (long) i * SECTION;
            Section section =
                    new Section(u32(image, "pointer to raw data", at + 20), u32(image, "size of raw data", at + 16));
            if (section.size > 0) {
                require(section.offset <= image.length, "pointer to raw data", at + 20, String.valueOf(section.offset));
                sections.add(section);
            }
        }
        sections.sort(Comparator.comparingLong(Section::offset));
        return sections;
    }

    private static void update(MessageDigest digest, byte[] image, long from, long to) {
        digest.update(image, (int) from, (int) (to - from));
    }

    private static long u32(byte[] image, String field, long at) {
        require(at + 4 <= image.length, field, at, "beyond the file");
        return LittleEndian.u32(image, (int) at);
    }

    private static int u16(byte[] image, String field, long at) {
        require(at + 2 <= image.length, field, at, "beyond the file");
        return LittleEndian.u16(image, (int) at);
    }

    private static void require(boolean holds, String field, long at, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException(
                    "the kernel is no PE image: " + field + " at 0x" + Long.toHexString(at) + ": " + otherwise);
        }
    }
}
