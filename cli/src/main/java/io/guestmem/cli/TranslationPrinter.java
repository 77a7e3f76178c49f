package io.guestmem.cli;

import io.guestmem.image.GuestImage;
import io.guestmem.image.ImageContext;
import io.guestmem.paging.Access;
import io.guestmem.paging.CheckOrder;
import io.guestmem.paging.PagingMode;
import io.guestmem.paging.SetBits;
import io.guestmem.paging.Translation;
import io.guestmem.paging.Translation.Fault;
import io.guestmem.paging.Translation.Translated;
import io.guestmem.paging.WalkExplanation;
import io.guestmem.paging.Walker;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import tools.jackson.core.JsonGenerator;

/** Asks for translations and prints them. */
final class TranslationPrinter {
    private static final String INDENT = "    ";

    private final PrintWriter out;
    private final boolean json;
    private final Walker walker;
    private final ImageContext context;
    private final int access;
    private final int setBits;
    private final CheckOrder order;
    /** One object holds all results, so they wait for the end. */
    private final List<Consumer<JsonGenerator>> results = new ArrayList<>();

    /** Whether there is a second stage; then what comes out is a physical address of the hypervisor's. */
    private boolean nested;

    private Consumer<JsonGenerator> head = _ -> {};
    private boolean allAreValid = true;

    TranslationPrinter(
            PrintWriter out,
            boolean json,
            Walker walker,
            ImageContext context,
            int access,
            int setBits,
            CheckOrder order) {
        this.out = out;
        this.json = json;
        this.walker = walker;
        this.context = context;
        this.access = access | (context.alignmentCheck() ? Access.ALIGNMENT_CHECK : 0);
        this.setBits = setBits;
        this.order = order;
    }

    /** Begins; {@code stage} is the second stage in words, empty if there is none. */
    void begin(GuestImage image, String stage) {
        nested = !stage.isEmpty();
        PagingMode mode = walker.plan().mode();
        String cr3 = Hex.of(context.state().cr3());
        String name = mode.name().toLowerCase(Locale.ROOT);
        if (!json) {
            String paging = isPhysical()
                    ? "addresses are the guest's physical ones"
                    : "paging " + name + ", CR3 " + cr3 + " from " + context.source();
            out.println("image " + image.format() + ", " + paging + (nested ? ", " + stage : ""));
        }
        head = generator -> {
            generator.writeStringProperty("format", image.format().toString());
            generator.writeStringProperty("paging", name);
            generator.writeStringProperty("cr3", cr3);
            generator.writeStringProperty("cr3_source", context.source());
            if (nested) {
                generator.writeStringProperty("second_stage", stage);
            }
        };
    }

    /** Whether the second stage alone translates. */
    private boolean isPhysical() {
        return nested && walker.plan().mode() == PagingMode.NONE;
    }

    void print(long linear) {
        if (!isPhysical() && !walker.plan().isValid(linear, context.longCode())) {
            allAreValid = false;
            outside(linear);
            return;
        }
        switch (walker.translate(linear, access, setBits, order)) {
            case Translated page -> print(linear, page);
            case Fault fault -> {
                allAreValid = false;
                print(linear, fault);
            }
        }
    }

    private void outside(long linear) {
        String reason = Translation.Reason.INVALID_GVA.name();
        if (json) {
            results.add(generator -> {
                generator.writeStringProperty(isPhysical() ? "gpa" : "gva", Hex.of(linear));
                generator.writeBooleanProperty("valid", false);
                generator.writeStringProperty("fault", reason);
                generator.writeBooleanProperty("set_bits_succeeded", false);
            });
        } else {
            out.println(Hex.of(linear) + "  " + reason);
            out.println(INDENT + (context.longCode() ? "not canonical" : "more than 32 bits, and no 64-bit code"));
        }
    }

    private void print(long linear, Translated page) {
        if (json) {
            results.add(generator -> {
                generator.writeStringProperty(isPhysical() ? "gpa" : "gva", Hex.of(linear));
                generator.writeBooleanProperty("valid", true);
                generator.writeStringProperty(nested ? "hpa" : "gpa", Hex.of(page.address()));
                generator.writeNumberProperty("level", level(page.pageSize()));
                generator.writeNumberProperty("page_size", page.pageSize());
                generator.writeBooleanProperty("writable", page.writable());
                generator.writeBooleanProperty("user", page.user());
                generator.writeBooleanProperty("executable", page.executable());
                generator.writeBooleanProperty("backed", page.backed());
                generator.writeBooleanProperty("set_bits_succeeded", setBits != SetBits.NONE && page.bitsSet());
            });
            return;
        }
        String rights =
                "r" + (page.writable() ? "w" : "-") + (page.executable() ? "x" : "-") + (page.user() ? "u" : "-");
        String size = page.pageSize() == 0 ? "-" : MappingPrinter.pages(page.pageSize());
        out.println(Hex.of(linear) + "  " + Hex.of(page.address()) + "  " + size + "  " + rights
                + (page.backed() ? "" : "  no memory there"));
    }

    private static int level(long pageSize) {
        return pageSize == 0 ? 0 : (Long.numberOfTrailingZeros(pageSize) - 12) / 9 + 1;
    }

    private void print(long linear, Fault fault) {
        if (json) {
            results.add(generator -> {
                generator.writeStringProperty(isPhysical() ? "gpa" : "gva", Hex.of(linear));
                generator.writeBooleanProperty("valid", false);
                generator.writeStringProperty("fault", fault.reason().name());
                generator.writeStringProperty("detail", fault.detail().name());
                generator.writeStringProperty("entry", Hex.of(fault.entryAddress()));
                generator.writeStringProperty("entry_value", Hex.of(fault.entry()));
                generator.writeNumberProperty("level", fault.level());
                if (nested) {
                    generator.writeNumberProperty("stage", fault.stage());
                }
                if (fault.stage() == 2) {
                    generator.writeStringProperty("guest_physical", Hex.of(fault.guestPhysical()));
                }
                generator.writeNumberProperty("page_fault_error_code", fault.pageFaultErrorCode());
                boolean forced = (setBits & SetBits.FORCE_ACCESSED) != 0;
                generator.writeBooleanProperty("set_bits_succeeded", forced && fault.bitsSet());
            });
            return;
        }
        out.println(Hex.of(linear) + "  " + fault.reason());
        WalkExplanation.of(walker, linear, access, order, fault).forEach(line -> out.println(INDENT + line));
    }

    void end() {
        if (json) {
            JsonResult.print(out, "translate", generator -> {
                head.accept(generator);
                generator.writeArrayPropertyStart("results");
                for (Consumer<JsonGenerator> result : results) {
                    generator.writeStartObject();
                    result.accept(generator);
                    generator.writeEndObject();
                }
                generator.writeEndArray();
            });
        }
        out.flush();
    }

    boolean allAreValid() {
        return allAreValid;
    }
}
