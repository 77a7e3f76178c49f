package io.guestmem.shell;

import io.guestmem.abi.CpuidLayout;
import io.guestmem.abi.DtableLayout;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MsrsLayout;
import io.guestmem.abi.SegmentLayout;
import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.SignalMaskLayout;
import io.guestmem.abi.Struct;
import io.guestmem.abi.Struct.Field;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A struct in native memory, read and written by the paths of its members: {@code gpa}, {@code args[1]}, {@code cs.base},
 * {@code entries[3].index}.
 *
 * @param shape with its flexible array, if it has one, as an array of a fixed length
 * @param memory at least as large
 */
record StructBuffer(Struct shape, MemorySegment memory) {
    private static final Pattern PATH = Pattern.compile("(\\w+)(?:\\[(\\d+)])?(?:\\.(\\w+)(?:\\[(\\d+)])?)?");

    /** A scalar in the struct. */
    private record Place(long offset, int width) {}

    /**
     * The shape of a request's struct.
     *
     * @param entries of the flexible array, where there is one
     * @return empty if the argument is a plain value
     */
    static Optional<Struct> shape(KvmIoctl request, int entries) {
        return switch (request) {
            case GET_SUPPORTED_CPUID, SET_CPUID2 ->
                Optional.of(withArray(
                        CpuidLayout.STRUCT, "entries", CpuidLayout.ENTRIES, CpuidLayout.ENTRY.size(), entries));
            case GET_MSRS, SET_MSRS ->
                Optional.of(
                        withArray(MsrsLayout.STRUCT, "entries", MsrsLayout.ENTRIES, MsrsLayout.ENTRY.size(), entries));
            case SET_SIGNAL_MASK ->
                Optional.of(withArray(SignalMaskLayout.STRUCT, "sigset", SignalMaskLayout.SIGSET, Long.BYTES, 1));
            case MEMORY_ENCRYPT_OP -> Optional.of(SevCommandLayout.STRUCT);
            default -> request.struct();
        };
    }

    private static Struct withArray(Struct header, String name, int offset, int width, int count) {
        List<Field> fields = new ArrayList<>(header.fields());
        fields.add(new Field(name, offset, width, count));
        return new Struct(header.name(), offset + width * count, fields);
    }

    /** The struct that a member consists of, if it is not a number. */
    static Optional<Struct> nested(Struct outer, Field field) {
        return switch (outer.name()) {
            case "kvm_cpuid2" ->
                Optional.of(CpuidLayout.ENTRY).filter(_ -> field.name().equals("entries"));
            case "kvm_msrs" ->
                Optional.of(MsrsLayout.ENTRY).filter(_ -> field.name().equals("entries"));
            case "kvm_sregs", "kvm_sregs2" -> {
                if (field.width() == SegmentLayout.STRUCT.size()) {
                    yield Optional.of(SegmentLayout.STRUCT);
                }
                yield Optional.of(DtableLayout.STRUCT).filter(_ -> field.width() == DtableLayout.STRUCT.size());
            }
            default -> Optional.empty();
        };
    }

    /** Whether a member says nothing: its name is that of padding. */
    static boolean isPadding(Field field) {
        return field.name().startsWith("pad") || field.name().equals("reserved");
    }

    /** Writes a scalar; what does not fit is refused. */
    void set(String path, long value) {
        Place place = place(path);
        int bits = place.width * Byte.SIZE;
        if (bits < Long.SIZE && value >> bits != 0 && value >> (bits - 1) != -1) {
            throw new CommandException(path + " has " + bits + " bits: 0x" + Long.toHexString(value) + " does not fit");
        }
        switch (place.width) {
            case 1 -> memory.set(ValueLayout.JAVA_BYTE, place.offset, (byte) value);
            case 2 -> memory.set(ValueLayout.JAVA_SHORT_UNALIGNED, place.offset, (short) value);
            case 4 -> memory.set(ValueLayout.JAVA_INT_UNALIGNED, place.offset, (int) value);
            default -> memory.set(ValueLayout.JAVA_LONG_UNALIGNED, place.offset, value);
        }
    }

    /** Reads a scalar, without a sign unless it has 64 bits. */
    long get(String path) {
        Place place = place(path);
        return scalar(memory, place.offset, place.width);
    }

    static long scalar(MemorySegment memory, long offset, int width) {
        return switch (width) {
            case 1 -> Byte.toUnsignedLong(memory.get(ValueLayout.JAVA_BYTE, offset));
            case 2 -> Short.toUnsignedLong(memory.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset));
            case 4 -> Integer.toUnsignedLong(memory.get(ValueLayout.JAVA_INT_UNALIGNED, offset));
            default -> memory.get(ValueLayout.JAVA_LONG_UNALIGNED, offset);
        };
    }

    private Place place(String path) {
        Matcher matcher = PATH.matcher(path);
        if (!matcher.matches()) {
            throw new CommandException("'" + path + "' is not the name of a field");
        }
        Field outer = field(shape, matcher.group(1));
        long at = outer.offset() + index(outer, matcher.group(2)) * outer.width();
        Optional<Struct> inner = nested(shape, outer);
        if (inner.isPresent() != (matcher.group(3) != null)) {
            throw new CommandException(
                    inner.map(struct -> path + " is a struct: name one of its fields, " + fieldNames(struct))
                            .orElse(outer.name() + " is a number, and has no field"));
        }
        if (inner.isEmpty()) {
            return new Place(at, outer.width());
        }
        Field member = field(inner.get(), matcher.group(3));
        return new Place(at + member.offset() + index(member, matcher.group(4)) * member.width(), member.width());
    }

    private static Field field(Struct struct, String name) {
        return struct.fields().stream()
                .filter(field -> field.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new CommandException(
                        struct.name() + " has no field '" + name + "'; it has " + fieldNames(struct)));
    }

    private static long index(Field field, String index) {
        if (index == null) {
            return 0;
        }
        long value = Values.number(index);
        if (value < 0 || value >= field.count()) {
            throw new CommandException(field.name() + " has " + field.count() + " elements: no [" + index + "]");
        }
        return value;
    }

    private static String fieldNames(Struct struct) {
        return String.join(
                ", ",
                struct.fields().stream()
                        .filter(field -> !isPadding(field))
                        .map(Field::name)
                        .toList());
    }
}
