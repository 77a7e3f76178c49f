package io.guestmem.shell;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.MsrsLayout;
import io.guestmem.abi.Struct;
import io.guestmem.abi.Struct.Field;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A struct as text: {@code gpa=0x201000 size=0x1000}. Padding is left out; counts are decimal, everything else hexadecimal. */
final class StructText {
    private static final int WIDTH = 110;
    private static final String INDENT = "  ";
    private static final Set<String> DECIMAL = Set.of(
            "slot",
            "nent",
            "nmsrs",
            "num_pages",
            "nr_pages",
            "cap",
            "guest_memfd",
            "mp_state",
            "len",
            "dpl",
            "first_page");

    private StructText() {}

    /** A number as its field shows it. */
    static String number(String field, long value) {
        return DECIMAL.contains(field) || (value >= 0 && value < 10)
                ? Long.toString(value)
                : "0x" + Long.toHexString(value);
    }

    /** All fields of a struct, one word each. */
    static List<String> fields(StructBuffer struct) {
        return changes(struct, null);
    }

    /**
     * The fields that differ from how the struct was before, one word each.
     *
     * @param before the same struct; null for every field
     */
    static List<String> changes(StructBuffer struct, @Nullable MemorySegment before) {
        List<String> words = new ArrayList<>();
        for (Field field : struct.shape().fields()) {
            if (!StructBuffer.isPadding(field)) {
                member(struct, field, before, words);
            }
        }
        return words;
    }

    private static void member(StructBuffer struct, Field field, @Nullable MemorySegment before, List<String> words) {
        Optional<Struct> nested = StructBuffer.nested(struct.shape(), field);
        if (nested.isEmpty() && field.count() > 1) {
            if (differs(struct.memory(), before, field.offset(), field.bytes())) {
                words.add(field.name() + "=" + array(struct, field));
            }
            return;
        }
        int count = elements(struct, field);
        for (int i = 0; i < count; i++) {
            long at = field.offset() + (long) i * field.width();
            if (differs(struct.memory(), before, at, field.width())) {
                String name =
                        field.count() > 1 || (nested.isPresent() && field.name().equals("entries"))
                                ? field.name() + "[" + i + "]"
                                : field.name();
                words.add(name + "="
                        + nested.map(inner -> element(struct.memory(), at, inner))
                                .orElseGet(() ->
                                        number(field.name(), StructBuffer.scalar(struct.memory(), at, field.width()))));
            }
        }
    }

    /** As many as the header says, but not more than there are. */
    private static int elements(StructBuffer struct, Field field) {
        long stated = switch (struct.shape().name() + "." + field.name()) {
            case "kvm_cpuid2.entries" -> StructBuffer.scalar(struct.memory(), CpuidLayout.NENT, Integer.BYTES);
            case "kvm_msrs.entries" -> StructBuffer.scalar(struct.memory(), MsrsLayout.NMSRS, Integer.BYTES);
            default -> field.count();
        };
        return (int) Math.min(stated, field.count());
    }

    private static boolean differs(MemorySegment now, @Nullable MemorySegment before, long at, long bytes) {
        return before == null || now.asSlice(at, bytes).mismatch(before.asSlice(at, bytes)) >= 0;
    }

    private static String array(StructBuffer struct, Field field) {
        List<String> values = new ArrayList<>();
        for (int i = 0; i < field.count(); i++) {
            long at = field.offset() + (long) i * field.width();
            values.add(number(field.name(), StructBuffer.scalar(struct.memory(), at, field.width())));
        }
        return String.join(",", values);
    }

    /** A nested struct: only what is not 0 is shown. */
    private static String element(MemorySegment memory, long at, Struct struct) {
        List<String> words = new ArrayList<>();
        for (Field field : struct.fields()) {
            long value = StructBuffer.scalar(memory, at + field.offset(), Math.min(field.width(), Long.BYTES));
            if (!StructBuffer.isPadding(field) && value != 0) {
                words.add(field.name() + "=" + number(field.name(), value));
            }
        }
        return "{" + String.join(" ", words) + "}";
    }

    /** Words in lines of limited width; the lines after the first are indented, and nested structs have a line each. */
    static String wrap(List<String> words) {
        StringBuilder text = new StringBuilder();
        int column = 0;
        boolean alone = false;
        for (String word : words) {
            boolean nested = word.endsWith("}");
            if (!text.isEmpty() && (nested || alone || column + 1 + word.length() > WIDTH)) {
                text.append('\n').append(INDENT);
                column = INDENT.length();
            } else if (!text.isEmpty()) {
                text.append(' ');
                column++;
            }
            text.append(word);
            column += word.length();
            alone = nested;
        }
        return text.toString();
    }
}
