package io.guestmem.cli;

import io.guestmem.paging.Mapping;
import java.io.PrintWriter;
import java.util.Locale;

/** Prints the runs of an address space, a line each. */
final class MappingPrinter {
    private final PrintWriter out;
    private final boolean json;

    MappingPrinter(PrintWriter out, boolean json) {
        this.out = out;
        this.json = json;
    }

    void print(Mapping mapping) {
        if (!json) {
            out.println(String.format(
                    Locale.ROOT,
                    "0x%016x  0x%012x  %10s  %5s  %s",
                    mapping.linear(),
                    mapping.physical(),
                    pages(mapping.size()),
                    pages(mapping.pageSize()),
                    bits(mapping)));
            return;
        }
        JsonResult.line(out, line -> {
            line.writeStringProperty("gva", Hex.of(mapping.linear()));
            line.writeStringProperty("gpa", Hex.of(mapping.physical()));
            line.writeNumberProperty("size", mapping.size());
            line.writeNumberProperty("page_size", mapping.pageSize());
            line.writeBooleanProperty("writable", mapping.writable());
            line.writeBooleanProperty("user", mapping.user());
            line.writeBooleanProperty("executable", mapping.executable());
            line.writeBooleanProperty("accessed", mapping.accessed());
            line.writeBooleanProperty("dirty", mapping.dirty());
        });
    }

    /** In the largest unit that it is a multiple of. */
    static String pages(long bytes) {
        int unit = bytes == 0 ? 0 : Math.min(4, Long.numberOfTrailingZeros(bytes) / 10);
        return (bytes >>> (10 * unit)) + "BKMGT".substring(unit, unit + 1);
    }

    private static String bits(Mapping mapping) {
        return "r"
                + (mapping.writable() ? "w" : "-")
                + (mapping.executable() ? "x" : "-")
                + (mapping.user() ? "u" : "-")
                + (mapping.accessed() ? "A" : "-")
                + (mapping.dirty() ? "D" : "-");
    }
}
