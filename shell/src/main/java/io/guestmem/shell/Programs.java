package io.guestmem.shell;

import io.guestmem.abi.GuestRange;
import io.guestmem.vmm.GuestProgram;
import io.guestmem.vmm.GuestProgram.Access;
import java.util.List;

/**
 * A program as it is typed.
 *
 * @param program the machine code
 * @param end the first gpa behind what it touches
 * @param checksums whether its result is a checksum
 */
record Programs(GuestProgram program, long end, boolean checksums) {
    /** The programs with their arguments, for help. */
    static final List<String> USAGE = List.of(
            "checksum START SIZE",
            "pattern START SIZE [FIRST [STEP]]",
            "touch START SIZE [STRIDE [read|write]]",
            "random START SIZE [SEED [read|write]]",
            "spin");

    static Programs parse(List<String> words) {
        if (words.isEmpty()) {
            throw unknown("");
        }
        String name = words.getFirst();
        if (name.equals("spin")) {
            return new Programs(GuestProgram.spin(), 0, false);
        }
        if (words.size() < 3) {
            throw unknown(name);
        }
        long start = Values.number(words.get(1));
        long size = Values.number(words.get(2));
        GuestRange range;
        GuestProgram program;
        try {
            range = GuestRange.of(start, size);
            program = switch (name) {
                case "checksum" -> GuestProgram.checksum(range);
                case "pattern" -> GuestProgram.writePattern(range, number(words, 3, 0), number(words, 4, 1));
                case "touch" -> GuestProgram.touch(range, number(words, 3, 4096), access(words));
                case "random" -> GuestProgram.touchInRandomOrder(range, number(words, 3, 1), access(words));
                default -> throw unknown(name);
            };
        } catch (IllegalArgumentException wrong) {
            throw new CommandException(String.valueOf(wrong.getMessage()));
        }
        return new Programs(program, start + size, name.equals("checksum"));
    }

    private static CommandException unknown(String name) {
        return new CommandException("'" + name + "' is not a program with its arguments: " + String.join(", ", USAGE));
    }

    private static long number(List<String> words, int index, long otherwise) {
        return words.size() > index ? Values.number(words.get(index)) : otherwise;
    }

    private static Access access(List<String> words) {
        return words.size() <= 4 ? Access.READ : Choices.of(Access.class, words.get(4));
    }
}
