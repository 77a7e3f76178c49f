package io.guestmem.cli;

import io.guestmem.paging.Mapping;
import io.guestmem.paging.NestedMapping;
import io.guestmem.paging.StageMapping;
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

    /** Of a second stage alone. */
    void print(StageMapping mapping) {
        if (!json) {
            out.println(String.format(
                    Locale.ROOT,
                    "0x%012x  0x%012x  %10s  %5s  %s",
                    mapping.guestPhysical(),
                    mapping.physical(),
                    pages(mapping.size()),
                    pages(mapping.pageSize()),
                    letter(mapping.readable(), "r")
                            + letter(mapping.writable(), "w")
                            + letter(mapping.executable(), "x")
                            + letter(mapping.userExecutable(), "u")
                            + letter(mapping.accessed(), "A")
                            + letter(mapping.dirty(), "D")));
            return;
        }
        JsonResult.line(out, line -> {
            line.writeStringProperty("gpa", Hex.of(mapping.guestPhysical()));
            line.writeStringProperty("hpa", Hex.of(mapping.physical()));
            line.writeNumberProperty("size", mapping.size());
            line.writeNumberProperty("page_size", mapping.pageSize());
            line.writeBooleanProperty("readable", mapping.readable());
            line.writeBooleanProperty("writable", mapping.writable());
            line.writeBooleanProperty("executable", mapping.executable());
            line.writeBooleanProperty("user_executable", mapping.userExecutable());
            line.writeBooleanProperty("accessed", mapping.accessed());
            line.writeBooleanProperty("dirty", mapping.dirty());
        });
    }

    /** Of both stages. */
    void print(NestedMapping mapping) {
        if (!json) {
            out.println(String.format(
                    Locale.ROOT,
                    "0x%016x  0x%012x  0x%012x  %10s  %5s  %s",
                    mapping.linear(),
                    mapping.guestPhysical(),
                    mapping.physical(),
                    pages(mapping.size()),
                    pages(mapping.pageSize()),
                    letter(mapping.readable(), "r")
                            + letter(mapping.writable(), "w")
                            + letter(mapping.executable(), "x")
                            + letter(mapping.user(), "u")
                            + letter(mapping.accessed(), "A")
                            + letter(mapping.dirty(), "D")));
            return;
        }
        JsonResult.line(out, line -> {
            line.writeStringProperty("gva", Hex.of(mapping.linear()));
            line.writeStringProperty("gpa", Hex.of(mapping.guestPhysical()));
            line.writeStringProperty("hpa", Hex.of(mapping.physical()));
            line.writeNumberProperty("size", mapping.size());
            line.writeNumberProperty("page_size", mapping.pageSize());
            line.writeBooleanProperty("readable", mapping.readable());
            line.writeBooleanProperty("writable", mapping.writable());
            line.writeBooleanProperty("user", mapping.user());
            line.writeBooleanProperty("executable", mapping.executable());
            line.writeBooleanProperty("accessed", mapping.accessed());
            line.writeBooleanProperty("dirty", mapping.dirty());
        });
    }

    private static String letter(boolean set, String letter) {
        return set ? letter : "-";
    }

    /** In the largest unit that it is a multiple of. */
    static String pages(long bytes) {
        int unit = bytes == 0 ? 0 : Math.min(4, Long.numberOfTrailingZeros(bytes) / 10);
        return (bytes >>> (10 * unit)) + "BKMGT".substring(unit, unit + 1);
    }

    private static String bits(Mapping mapping) {
        return "r"
                + letter(mapping.writable(), "w")
                + letter(mapping.executable(), "x")
                + letter(mapping.user(), "u")
                + letter(mapping.accessed(), "A")
                + letter(mapping.dirty(), "D");
    }
}
