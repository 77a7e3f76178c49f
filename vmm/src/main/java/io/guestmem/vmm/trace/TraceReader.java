package io.guestmem.vmm.trace;

import io.guestmem.abi.GuestPhysical;
import io.guestmem.vmm.trace.FirstTouchTrace.Run;
import io.guestmem.vmm.trace.FirstTouchTrace.Sample;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.ZipException;

/** Reads the text of a {@link TraceFile}, line by line; whatever is wrong is said with the line's offset. For one trace. */
final class TraceReader {
    /** Longer than any line that is right. */
    private static final int LONGEST_LINE = 200;

    private final InputStream text;
    private final String name;

    /** The offset of the next line in the text, and of the one that was read last. */
    private long offset;

    private long lineOffset;

    /**
     * A reader.
     *
     * @param text not compressed
     * @param name for messages
     */
    TraceReader(InputStream text, String name) {
        this.text = text;
        this.name = name;
    }

    FirstTouchTrace read() throws IOException {
        String version = field(TraceFile.MAGIC, "not a first-touch trace");
        if (!version.equals(Integer.toString(TraceFile.VERSION))) {
            throw wrong("version " + version + " of the format, not " + TraceFile.VERSION);
        }
        String kernel = field("kernel ", "no line with the kernel");
        if (!kernel.matches("[!-~]+")) {
            throw wrong("not the release of a kernel");
        }
        long memory = number(field("memory ", "no line with the memory"), 10);
        if (!FirstTouchTrace.isMemory(memory)) {
            throw wrong("not a size for memory, which is a multiple of 4096 up to " + FirstTouchTrace.MOST_MEMORY);
        }
        if (number(field("page ", "no line with the page size"), 10) != GuestPhysical.PAGE_SIZE) {
            throw wrong("pages are not of 4096 bytes");
        }
        field("loaded", "no line 'loaded'");
        return body(kernel, memory);
    }

    private FirstTouchTrace body(String kernel, long memory) throws IOException {
        FirstTouchTrace.Pages pages = new FirstTouchTrace.Pages(memory);
        List<Run> loaded = new ArrayList<>();
        List<Sample> samples = new ArrayList<>();
        List<Run> runs = loaded;
        long micros = -1;
        String line = line();
        for (; !line.startsWith("end "); line = line()) {
            if (line.startsWith("sample ")) {
                add(samples, micros, runs);
                micros = later(line.substring("sample ".length()), micros);
                runs = new ArrayList<>();
            } else {
                runs.add(run(line, pages));
            }
        }
        add(samples, micros, runs);
        if (number(line.substring("end ".length()), 10) != pages.count()) {
            throw wrong("the runs have " + pages.count() + " pages");
        }
        if (pages.count() == 0) {
            throw wrong("a trace without a page");
        }
        lineOffset = offset;
        if (next() >= 0) {
            throw wrong("something after the end");
        }
        return new FirstTouchTrace(kernel, memory, loaded, samples);
    }

    private static void add(List<Sample> samples, long micros, List<Run> runs) {
        if (micros >= 0) {
            samples.add(new Sample(micros, runs));
        }
    }

    private long later(String digits, long last) {
        long micros = number(digits, 10);
        if (micros < last) {
            throw wrong("earlier than the sample before");
        }
        return micros;
    }

    private Run run(String line, FirstTouchTrace.Pages pages) {
        int blank = line.indexOf(' ');
        if (!line.startsWith("0x") || blank < 0) {
            throw wrong("not a run: '" + line + "'");
        }
        Run run = new Run(number(line.substring(2, blank), 16), number(line.substring(blank + 1), 10));
        try {
            pages.add(run);
        } catch (IllegalArgumentException refused) {
            throw wrong(String.valueOf(refused.getMessage()));
        }
        return run;
    }

    private String field(String start, String otherwise) throws IOException {
        String line = line();
        if (!line.startsWith(start)) {
            throw wrong(otherwise);
        }
        return line.substring(start.length());
    }

    private long number(String digits, int radix) {
        if (digits.matches(radix == 16 ? "[0-9a-f]{1,15}" : "[0-9]{1,18}")) {
            return Long.parseLong(digits, radix);
        }
        throw wrong("not a number: '" + digits + "'");
    }

    private String line() throws IOException {
        StringBuilder line = new StringBuilder();
        lineOffset = offset;
        for (int one = next(); one != '\n'; one = next()) {
            if (one < 0) {
                lineOffset = offset;
                throw wrong("the file ends here, without a line 'end'");
            }
            offset++;
            if (one < ' ' || one > '~' || line.length() == LONGEST_LINE) {
                throw wrong("not a line of text");
            }
            line.append((char) one);
        }
        offset++;
        return line.toString();
    }

    private int next() throws IOException {
        try {
            return text.read();
        } catch (ZipException | EOFException broken) {
            lineOffset = offset;
            throw wrong("the compressed file is broken or ends here: " + broken.getMessage());
        }
    }

    private MalformedTraceException wrong(String what) {
        return new MalformedTraceException(name + ": at byte " + lineOffset + ": " + what);
    }
}
