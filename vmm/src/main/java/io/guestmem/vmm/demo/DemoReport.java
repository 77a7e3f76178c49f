package io.guestmem.vmm.demo;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.UUID;

/** The runs as one self-contained HTML page: a table, bars, and pictures of guest memory. */
public final class DemoReport {
    private static final int CELLS_PER_ROW = 128;
    private static final int CELL = 6;
    private static final BigDecimal MEBIBYTE = BigDecimal.valueOf(1 << 20);
    private static final int BAR_HEIGHT = 18;
    private static final int LABEL_WIDTH = 110;
    private static final int BARS_WIDTH = 700;
    private static final String SIMULATED =
            "<p>This kernel is <b>simulated</b>: it counts faults as a real one does, on a host that maps a page at each."
                    + " Times are those of an interpreter, not of a real kernel.</p>\n";
    private static final String SVG = "<svg viewBox=\"0 0 %d %d\" role=\"img\">\n";

    private DemoReport() {}

    /**
     * Writes the page; the file is whole or not there.
     *
     * @param file what to write; replaced if it is there
     * @throws IOException if it cannot be written
     */
    public static void write(Path file, DemoResult result) throws IOException {
        List<DemoRun> runs = result.runs();
        String page = template()
                .replace("@KERNEL@", escape(result.kernel()))
                .replace("@SIMULATED@", result.simulated() ? SIMULATED : "")
                .replace(
                        "@MEMORY@",
                        BigDecimal.valueOf(result.memory())
                                .divide(MEBIBYTE)
                                .stripTrailingZeros()
                                .toPlainString())
                .replace("@SUBJECT@", subject(result.subject()))
                .replace("@TABLE@", table(runs))
                .replace("@BARS@", bars(runs))
                .replace("@PICTURES@", pictures(runs));
        Path absolute = file.toAbsolutePath();
        Path directory = Objects.requireNonNullElse(absolute.getParent(), absolute);
        Path unfinished = directory.resolve(".guestmem-" + UUID.randomUUID() + ".html");
        try {
            Files.writeString(unfinished, page, StandardOpenOption.CREATE_NEW);
            Files.move(unfinished, absolute, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(unfinished);
        }
    }

    /**
     * Finds out before a long run whether {@link #write} could write a file.
     *
     * @throws IOException if its directory is not there or may not be written, or it is a directory itself
     */
    public static void checkTarget(Path file) throws IOException {
        Path absolute = file.toAbsolutePath();
        Path directory = Objects.requireNonNullElse(absolute.getParent(), absolute);
        if (Files.isDirectory(absolute)) {
            throw new FileSystemException(file.toString(), null, "is a directory");
        }
        if (!Files.isDirectory(directory)) {
            throw new NoSuchFileException(directory.toString(), null, "no such directory");
        }
        if (!Files.isWritable(directory)) {
            throw new AccessDeniedException(directory.toString(), null, "not writable");
        }
    }

    private static String template() {
        try (InputStream resource = DemoReport.class.getResourceAsStream("report.html")) {
            return new String(Objects.requireNonNull(resource).readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static String subject(DemoSubject subject) {
        return switch (subject) {
            case DemoSubject.Image image ->
                " filled from <code>" + escape(image.file().toString())
                        + "</code>. The guest reads and checksums all of its memory.";
            case DemoSubject.Boot boot ->
                ". The guest touches it in the order in which the kernel "
                        + escape(boot.trace().kernelRelease()) + " did when it booted.";
        };
    }

    private static String table(List<DemoRun> runs) {
        StringBuilder html = new StringBuilder("<table><tr><th>populate</th><th>guest faults</th><th>host faults</th>"
                + "<th>uffd faults</th><th>populate s</th><th>guest s</th><th>checksum</th></tr>\n");
        for (DemoRun run : runs) {
            html.append(String.format(
                    Locale.ROOT,
                    "<tr><td title=\"%s\">%s</td>",
                    escape(run.way().description()),
                    run.way().id()));
            switch (run) {
                case DemoRun.Skipped skipped ->
                    html.append("<td class=\"text\" colspan=\"6\">skipped: ")
                            .append(escape(skipped.reason()))
                            .append("</td>");
                case DemoRun.Completed done ->
                    html.append(String.format(
                            Locale.ROOT,
                            "<td>%s</td><td>%d</td><td>%d</td><td>%.4f</td><td>%.4f</td><td>%s</td>",
                            done.guestFaults().isPresent() ? done.guestFaults().getAsLong() : "unknown",
                            done.hostFaults(),
                            done.uffdFaults(),
                            done.populateSeconds(),
                            done.guestSeconds(),
                            done.ok() ? "ok" : "wrong"));
            }
            html.append("</tr>\n");
        }
        return html.append("</table>").toString();
    }

    private static String bars(List<DemoRun> runs) {
        List<DemoRun.Completed> done =
                runs.stream().flatMap(run -> run.completed().stream()).toList();
        double longest = done.stream()
                .mapToDouble(run -> run.populateSeconds() + run.guestSeconds())
                .max()
                .orElse(1);
        StringBuilder svg = new StringBuilder(
                String.format(Locale.ROOT, SVG, LABEL_WIDTH + BARS_WIDTH + 90, done.size() * (BAR_HEIGHT + 6)));
        int y = 0;
        for (DemoRun.Completed run : done) {
            double populate = run.populateSeconds() / longest * BARS_WIDTH;
            double guest = run.guestSeconds() / longest * BARS_WIDTH;
            svg.append(String.format(
                    Locale.ROOT,
                    """
                    <text x="0" y="%d">%s</text>
                    <rect class="away" x="%d" y="%d" width="%.1f" height="%d"><title>populate %.4f s</title></rect>
                    <rect class="here" x="%.1f" y="%d" width="%.1f" height="%d"><title>guest %.4f s</title></rect>
                    <text x="%.1f" y="%d">%.4f s</text>
                    """,
                    y + BAR_HEIGHT - 5,
                    run.way().id(),
                    LABEL_WIDTH,
                    y,
                    populate,
                    BAR_HEIGHT,
                    run.populateSeconds(),
                    LABEL_WIDTH + populate,
                    y,
                    guest,
                    BAR_HEIGHT,
                    run.guestSeconds(),
                    LABEL_WIDTH + populate + guest + 6,
                    y + BAR_HEIGHT - 5,
                    run.populateSeconds() + run.guestSeconds()));
            y += BAR_HEIGHT + 6;
        }
        return svg.append("</svg>\n<p><small>Pale: populating, before the guest runs. Dark: the guest.</small></p>")
                .toString();
    }

    private static String pictures(List<DemoRun> runs) {
        StringBuilder html = new StringBuilder();
        for (DemoRun run : runs) {
            if (run instanceof DemoRun.Completed done) {
                html.append("<h3>").append(done.way().id()).append("</h3>\n");
                done.pictures().forEach(picture -> html.append(figure(picture, shown(done.way()))));
            }
        }
        return html.toString();
    }

    /** Private memory is in no page table of the host: its pictures show what the kernel took content for. */
    private static String shown(PopulationWay way) {
        return way == PopulationWay.GMEM_POPULATE ? "populated, which no page table of the host shows" : "mapped";
    }

    /** Runs of equal pieces are one rectangle; the page's grid cuts them into cells. */
    private static String figure(MemoryPicture picture, String shown) {
        int rows = Math.ceilDiv(picture.pieces(), CELLS_PER_ROW);
        StringBuilder svg = new StringBuilder("<figure>")
                .append(String.format(Locale.ROOT, SVG, CELLS_PER_ROW * CELL, rows * CELL));
        for (int first = 0; first < picture.pieces(); ) {
            int rowEnd = Math.min((first / CELLS_PER_ROW + 1) * CELLS_PER_ROW, picture.pieces());
            int end = first + 1;
            while (end < rowEnd && picture.present(end) == picture.present(first)) {
                end++;
            }
            cells(svg, "away", first, end, 1);
            cells(svg, "here", first, end, picture.present(first));
            first = end;
        }
        svg.append(String.format(
                Locale.ROOT,
                "<rect fill=\"url(#grid)\" width=\"%d\" height=\"%d\"/>",
                CELLS_PER_ROW * CELL,
                rows * CELL));
        String caption = String.format(Locale.ROOT, "%s: %.1f %% %s", picture.moment(), 100 * picture.present(), shown);
        return svg.append("</svg><figcaption>")
                .append(caption)
                .append("</figcaption></figure>\n")
                .toString();
    }

    private static void cells(StringBuilder svg, String kind, int first, int end, double opacity) {
        if (opacity > 0) {
            svg.append(String.format(
                    Locale.ROOT,
                    "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" opacity=\"%.2f\"/>",
                    kind,
                    first % CELLS_PER_ROW * CELL,
                    first / CELLS_PER_ROW * CELL,
                    (end - first) * CELL,
                    CELL,
                    opacity));
        }
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
