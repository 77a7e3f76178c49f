package io.guestmem.measure.firmware;

import io.guestmem.measure.layout.LittleEndian;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.zip.CRC32;

/**
 * An IGVM file (Independent Guest Virtual Machine file format, {@code igvm_defs} 0.4): a fixed header, variable headers in three
 * sections (platforms, initialization, directives), file data.
 *
 * <pre>{@code
 *  struct igvm_fixed_header { u32 magic "IGVM"; u32 format_version; u32 variable_header_offset, variable_header_size;
 *                             u32 total_file_size; u32 checksum; };   // version 2: u32 architecture, page_size
 *  struct igvm_variable_header { u32 type; u32 length; u8 body[length]; };  // each at a multiple of 8
 * }</pre>
 *
 * @param platforms in the order of the file
 * @param directives in the order of the file
 */
public record IgvmFile(List<Platform> platforms, List<IgvmDirective> directives) {
    /** {@code IgvmPlatformType} of SEV-SNP. */
    public static final int SNP = 2;
    /** {@code IgvmPlatformType} of TDX. */
    public static final int TDX = 3;
    /** {@code IgvmPlatformType} of SEV. */
    public static final int SEV = 4;
    /** {@code IgvmPlatformType} of SEV-ES. */
    public static final int SEV_ES = 5;

    private static final MemorySegment MAGIC = MemorySegment.ofArray(new byte[] {'I', 'G', 'V', 'M'});
    private static final int FIXED = 24;
    private static final int FIXED_2 = 32;
    private static final int CHECKSUM = 20;
    private static final int HEAD = 8;
    private static final long OPTIONAL = 1L << 31;
    private static final int SUPPORTED_PLATFORM = 1;
    private static final int LAST_PLATFORM = 0x100;
    private static final int LAST_INITIALIZATION = 0x200;
    private static final int PARAMETER_AREA = 0x301;
    private static final int PAGE_DATA = 0x302;
    private static final int PARAMETER_INSERT = 0x303;
    private static final int VP_CONTEXT = 0x304;
    private static final int SNP_ID_BLOCK = 0x30b;
    private static final int LAST_KNOWN_INITIALIZATION = 0x106;
    private static final int LAST_KNOWN_DIRECTIVE = 0x313;
    private static final int PAGE = 4096;
    private static final int LARGE_PAGE = 2 << 20;
    /** More than any parameters take: 1 GiB. */
    private static final long MOST_PARAMETERS = 1 << 30;
    /** The save area of a VMSA; the rest of the page is zero. */
    private static final int VMSA = 0x670;

    /**
     * A platform that the file supports.
     *
     * @param mask its bit in the directives
     * @param type {@link #SNP}, …
     */
    public record Platform(long mask, int type) {}

    /** Keeps its own copies. */
    public IgvmFile {
        platforms = List.copyOf(platforms);
        directives = List.copyOf(directives);
    }

    /** Whether a file begins like one. */
    public static boolean is(FirmwareFile file) {
        return file.size() >= FIXED && file.bytes().asSlice(0, MAGIC.byteSize()).mismatch(MAGIC) < 0;
    }

    /** The bit of a platform type, if the file supports it. */
    public OptionalLong mask(int type) {
        return platforms.stream()
                .filter(each -> each.type == type)
                .mapToLong(Platform::mask)
                .findFirst();
    }

    /**
     * Reads a file.
     *
     * @throws MalformedFirmwareException if it is broken, or has a header that this version does not know and may not skip
     */
    public static IgvmFile of(FirmwareFile file) throws MalformedFirmwareException {
        byte[] fixed = file.copy("IGVM header", 0, FIXED);
        long version = LittleEndian.u32(fixed, 4);
        long start = LittleEndian.u32(fixed, 8);
        long size = LittleEndian.u32(fixed, 12);
        if (version != 1 && version != 2) {
            throw new MalformedFirmwareException("IGVM header: format version", 4, version + " and not 1 or 2");
        }
        int header = version == 1 ? FIXED : FIXED_2;
        if (LittleEndian.u32(fixed, 16) != file.size()) {
            throw new MalformedFirmwareException(
                    "IGVM header: total file size", 16, LittleEndian.u32(fixed, 16) + ", of a file of " + file.size());
        }
        if (start < header || start % HEAD != 0) {
            throw new MalformedFirmwareException("IGVM header: variable header offset", 8, String.valueOf(start));
        }
        if (size > Integer.MAX_VALUE) {
            throw new MalformedFirmwareException("IGVM header: variable header size", 12, String.valueOf(size));
        }
        byte[] headers = file.copy("IGVM header: variable headers", start, (int) size);
        CRC32 crc = new CRC32();
        byte[] summed = file.copy("IGVM header", 0, header);
        LittleEndian.put32(summed, CHECKSUM, 0);
        crc.update(summed);
        crc.update(headers);
        if (crc.getValue() != LittleEndian.u32(fixed, CHECKSUM)) {
            throw new MalformedFirmwareException(
                    "IGVM header: checksum",
                    CHECKSUM,
                    "not the CRC-32 of the headers: 0x" + Long.toHexString(crc.getValue()));
        }
        return new Reader(file, start, headers).read();
    }

    /** Walks the variable headers. */
    private static final class Reader {
        private final FirmwareFile file;
        private final long start;
        private final byte[] headers;
        private final List<Platform> platforms = new ArrayList<>();
        private final List<IgvmDirective> directives = new ArrayList<>();
        private final Map<Long, Long> areas = new HashMap<>();
        /** The platforms whose processor state is a VMSA. */
        private long amd;

        Reader(FirmwareFile file, long start, byte[] headers) {
            this.file = file;
            this.start = start;
            this.headers = headers;
        }

        IgvmFile read() throws MalformedFirmwareException {
            int section = 0;
            for (int at = 0; at < headers.length; ) {
                if (headers.length - at < HEAD) {
                    throw new MalformedFirmwareException("IGVM variable header", start + at, "is cut off");
                }
                long type = LittleEndian.u32(headers, at);
                long length = LittleEndian.u32(headers, at + 4);
                if (length > headers.length - at - HEAD) {
                    throw new MalformedFirmwareException(
                            "IGVM variable header: length", start + at + 4, length + " bytes run beyond the headers");
                }
                int known = (int) (type & ~OPTIONAL);
                int its = known <= LAST_PLATFORM ? 0 : known <= LAST_INITIALIZATION ? 1 : 2;
                if (its < section) {
                    throw new MalformedFirmwareException(
                            "IGVM variable header: type", start + at, hex(type) + " comes after a later section");
                }
                section = its;
                header(known, (type & OPTIONAL) != 0, at + HEAD, (int) length);
                at += HEAD + Math.toIntExact((length + HEAD - 1) / HEAD * HEAD);
            }
            return new IgvmFile(platforms, directives);
        }

        private void header(int type, boolean optional, int body, int length) throws MalformedFirmwareException {
            switch (type) {
                case SUPPORTED_PLATFORM -> {
                    need(type, body, length, 16);
                    Platform platform = new Platform(LittleEndian.u32(headers, body), headers[body + 5] & 0xff);
                    platforms.add(platform);
                    amd |= platform.type == SNP || platform.type == SEV || platform.type == SEV_ES ? platform.mask : 0;
                }
                case PAGE_DATA -> {
                    need(type, body, length, 24);
                    directives.add(pageData(body));
                }
                case PARAMETER_AREA -> {
                    need(type, body, length, 16);
                    long bytes = LittleEndian.u64(headers, body);
                    if (bytes <= 0 || bytes % PAGE != 0 || bytes > MOST_PARAMETERS) {
                        throw new MalformedFirmwareException(
                                "IGVM parameter area: number of bytes", start + body, hex(bytes));
                    }
                    areas.put(LittleEndian.u32(headers, body + 8), bytes);
                }
                case PARAMETER_INSERT -> {
                    need(type, body, length, 16);
                    directives.add(parameters(body));
                }
                case VP_CONTEXT -> {
                    need(type, body, length, 18);
                    if ((LittleEndian.u32(headers, body + 8) & amd) != 0) {
                        directives.add(vpContext(body));
                    }
                }
                case SNP_ID_BLOCK -> {
                    need(type, body, length, 56);
                    directives.add(new IgvmDirective.IdBlock(
                            start + body,
                            LittleEndian.u32(headers, body),
                            HexFormat.of().formatHex(headers, body + 8, body + 56)));
                }
                default -> {
                    boolean initialization = type > LAST_PLATFORM && type <= LAST_KNOWN_INITIALIZATION;
                    boolean directive = type >= PARAMETER_AREA && type <= LAST_KNOWN_DIRECTIVE;
                    if (!initialization && !directive && !optional) {
                        throw new MalformedFirmwareException(
                                "IGVM variable header: type", start + body - HEAD, hex(type) + " is unknown");
                    }
                }
            }
        }

        private IgvmDirective pageData(int body) throws MalformedFirmwareException {
            long gpa = pageAligned("IGVM page data: gpa", body);
            long data = LittleEndian.u32(headers, body + 12);
            long flags = LittleEndian.u32(headers, body + 16);
            IgvmDirective.PageKind kind = switch (LittleEndian.u16(headers, body + 20)) {
                case 0 -> IgvmDirective.PageKind.NORMAL;
                case 1 -> IgvmDirective.PageKind.SECRETS;
                case 2 -> IgvmDirective.PageKind.CPUID_DATA;
                case 3 -> IgvmDirective.PageKind.CPUID_XF;
                default ->
                    throw new MalformedFirmwareException(
                            "IGVM page data: type",
                            start + body + 20,
                            LittleEndian.u16(headers, body + 20) + " is unknown");
            };
            if (flags > 7) {
                throw new MalformedFirmwareException(
                        "IGVM page data: flags", start + body + 16, hex(flags) + " are unknown");
            }
            int size = (flags & 1) != 0 ? LARGE_PAGE : PAGE;
            MemorySegment contents =
                    data == 0 ? MemorySegment.NULL : file.slice("IGVM page data: file data", data, size);
            return new IgvmDirective.PageData(
                    start + body,
                    LittleEndian.u32(headers, body + 8),
                    gpa,
                    size,
                    kind,
                    (flags & 2) != 0,
                    (flags & 4) != 0,
                    contents);
        }

        private IgvmDirective parameters(int body) throws MalformedFirmwareException {
            long index = LittleEndian.u32(headers, body + 12);
            Optional<Long> size = Optional.ofNullable(areas.get(index));
            if (size.isEmpty()) {
                throw new MalformedFirmwareException(
                        "IGVM parameter insert: area", start + body + 12, index + " was not declared before");
            }
            long gpa = pageAligned("IGVM parameter insert: gpa", body);
            return new IgvmDirective.Parameters(start + body, LittleEndian.u32(headers, body + 8), gpa, size.get());
        }

        private IgvmDirective vpContext(int body) throws MalformedFirmwareException {
            byte[] page = new byte[PAGE];
            long data = LittleEndian.u32(headers, body + 12);
            System.arraycopy(file.copy("IGVM VP context: file data", data, VMSA), 0, page, 0, VMSA);
            return new IgvmDirective.VpContext(
                    start + body,
                    LittleEndian.u32(headers, body + 8),
                    pageAligned("IGVM VP context: gpa", body),
                    LittleEndian.u16(headers, body + 16),
                    MemorySegment.ofArray(page));
        }

        private long pageAligned(String field, int at) throws MalformedFirmwareException {
            long gpa = LittleEndian.u64(headers, at);
            if (gpa < 0 || gpa % PAGE != 0) {
                throw new MalformedFirmwareException(field, start + at, hex(gpa) + " is no address of a page");
            }
            return gpa;
        }

        private void need(int type, int body, int length, int needed) throws MalformedFirmwareException {
            if (length < needed) {
                throw new MalformedFirmwareException(
                        "IGVM variable header: length",
                        start + body - 4,
                        length + " bytes are too few for type " + hex(type) + ", which has " + needed);
            }
        }

        private static String hex(long value) {
            return "0x" + Long.toHexString(value);
        }
    }
}
