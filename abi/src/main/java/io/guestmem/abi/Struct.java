package io.guestmem.abi;

import java.util.ArrayList;
import java.util.List;

/**
 * The shape of a C struct of KVM's interface: what a generic reader (a trace, a shell, a comparison of two kernels) needs to
 * know to name and print each field.
 *
 * @param name the C name, for example {@code kvm_pre_fault_memory}
 * @param size {@code sizeof}, in bytes, without a flexible array at the end
 * @param fields in ascending order of offset; padding is a field like any other
 */
public record Struct(String name, int size, List<Field> fields) {
    /** Checks that the fields ascend, do not overlap and lie inside the struct. */
    public Struct {
        fields = List.copyOf(fields);
        int end = 0;
        for (Field field : fields) {
            if (field.offset() < end || field.offset() + field.bytes() > size) {
                throw new IllegalArgumentException(name + "." + field.name() + " does not fit at " + field.offset());
            }
            end = field.offset() + field.bytes();
        }
    }

    /**
     * One member.
     *
     * @param name the C name
     * @param offset in bytes from the start of the struct
     * @param width of one element in bytes: 1, 2, 4 or 8, or the size of a nested struct
     * @param count 1, or the number of elements of an array
     */
    public record Field(String name, int offset, int width, int count) {
        /** The bytes that the member covers. */
        public int bytes() {
            return width * count;
        }
    }

    /** Starts the description of a struct. */
    static Builder of(String name, int size) {
        return new Builder(name, size);
    }

    /** Collects fields; offsets are given, not computed, so that a layout class states them once. */
    static final class Builder {
        private final String name;
        private final int size;
        private final List<Field> fields = new ArrayList<>();

        private Builder(String name, int size) {
            this.name = name;
            this.size = size;
        }

        Builder u8(String field, int offset) {
            return array(field, offset, Byte.BYTES, 1);
        }

        Builder u16(String field, int offset) {
            return array(field, offset, Short.BYTES, 1);
        }

        Builder u32(String field, int offset) {
            return array(field, offset, Integer.BYTES, 1);
        }

        Builder u64(String field, int offset) {
            return array(field, offset, Long.BYTES, 1);
        }

        Builder array(String field, int offset, int width, int count) {
            fields.add(new Field(field, offset, width, count));
            return this;
        }

        Struct build() {
            return new Struct(name, size, fields);
        }
    }
}
