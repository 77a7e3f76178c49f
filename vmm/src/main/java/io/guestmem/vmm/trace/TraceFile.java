package io.guestmem.vmm.trace;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.vmm.trace.FirstTouchTrace.Run;
import io.guestmem.vmm.trace.FirstTouchTrace.Sample;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipException;

/**
 * The file of a {@link FirstTouchTrace}: ASCII text, each line ended by a line feed, compressed with gzip or not.
 *
 * <pre>{@code
 * guestmem first-touch trace 1         what it is, and the version of this format
 * kernel 6.12.107+deb13-cloud-amd64
 * memory 268435456                     bytes
 * page 4096                            bytes
 * loaded                               then runs: before the kernel's first instruction
 * 0x6 138                              gfn of the first page, number of pages
 * sample 50582                         microseconds since the kernel's first instruction, then runs: new at this look
 * 0x157 1
 * 0x3000 4564
 * end 8744                             the number of pages of all runs
 * }</pre>
 */
public final class TraceFile {
    /** The version of the format. */
    public static final int VERSION = 1;

    private static final String RESOURCE = "boot.trace.gz";

    /** What a trace begins with, before the version. */
    static final String MAGIC = "guestmem first-touch trace ";

    private static final int GZIP_MAGIC = 0x1F;

    private TraceFile() {}

    /**
     * The trace that comes with this library: a boot of Debian's cloud kernel in 256 MiB, recorded by {@code guestmem lab
     * --record-first-touch}.
     */
    public static FirstTouchTrace builtIn() {
        try (InputStream resource = Objects.requireNonNull(TraceFile.class.getResourceAsStream(RESOURCE), RESOURCE)) {
            return read(resource, RESOURCE);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /**
     * Reads a file.
     *
     * @throws IOException if it cannot be read
     * @throws MalformedTraceException if it is not a whole trace of this version
     */
    public static FirstTouchTrace read(Path file) throws IOException {
        try (InputStream stream = Files.newInputStream(file)) {
            return read(stream, file.toString());
        }
    }

    private static FirstTouchTrace read(InputStream stream, String name) throws IOException {
        BufferedInputStream bytes = new BufferedInputStream(stream);
        bytes.mark(1);
        boolean compressed = bytes.read() == GZIP_MAGIC;
        bytes.reset();
        return new TraceReader(compressed ? decompressed(bytes, name) : bytes, name).read();
    }

    private static InputStream decompressed(InputStream bytes, String name) throws IOException {
        try {
            return new GZIPInputStream(bytes);
        } catch (ZipException | EOFException broken) {
            throw new MalformedTraceException(name + ": at byte 0: no gzip file: " + broken.getMessage());
        }
    }

    /** Writes a trace, compressed if the file's name ends with {@code .gz}. A file that is there is replaced. */
    public static void write(FirstTouchTrace trace, Path file) throws IOException {
        byte[] text = text(trace).getBytes(StandardCharsets.US_ASCII);
        try (OutputStream out = Files.newOutputStream(file)) {
            if (file.toString().endsWith(".gz")) {
                try (GZIPOutputStream compressed = new GZIPOutputStream(out)) {
                    compressed.write(text);
                }
            } else {
                out.write(text);
            }
        }
    }

    /** A trace as text. */
    static String text(FirstTouchTrace trace) {
        StringBuilder text = new StringBuilder(MAGIC).append(VERSION);
        text.append("\nkernel ").append(trace.kernelRelease());
        text.append("\nmemory ").append(trace.memoryBytes());
        text.append("\npage ").append(GuestPhysical.PAGE_SIZE);
        text.append("\nloaded\n");
        append(text, trace.loaded());
        for (Sample sample : trace.samples()) {
            text.append("sample ").append(sample.micros()).append('\n');
            append(text, sample.runs());
        }
        long pages = trace.loadedPages() + trace.touchedPages();
        return text.append("end ").append(pages).append('\n').toString();
    }

    private static void append(StringBuilder text, List<Run> runs) {
        for (Run run : runs) {
            text.append("0x").append(Long.toHexString(run.gfn()));
            text.append(' ').append(run.count()).append('\n');
        }
    }
}
