package io.guestmem.soft.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.paging.PageTableBuilder;
import io.guestmem.paging.PagingMode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Every form of instruction against what a processor did (AMD Zen 4): {@code instructions.txt} has one run a line,
 *
 * <pre>{@code
 *   bytes;assembly;registers before, as far as they are not those below;memory before;after;memory after
 * }</pre>
 *
 * <p>with numbers in hexadecimal. Code is at 0x20000000, followed by CC bytes. At 0x10000000 is a page of data whose byte n is 37n + 11; memory is given
 * as offset=bytes where it is not that, and afterwards where it has changed. Flags are value/mask: the mask leaves out what the
 * manuals leave undefined.
 */
class InstructionTableTest {
    private static final long DATA = 0x1000_0000;
    private static final long CODE = 0x2000_0000;
    private static final long DATA_GPA = 0x10_0000;
    private static final long CODE_GPA = 0x10_1000;
    private static final long ROOT = 0x1000;
    private static final int PAGE = 4096;
    private static final long ARITHMETIC = Flags.ARITHMETIC | Flags.DF;

    private static final List<String> NAMES = List.of(
            "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
            "r15");

    private static final long[] BASE = {
        0,
        3,
        0,
        2,
        DATA + 0x800,
        DATA + 0x300,
        DATA + 0x100,
        DATA + 0x200,
        0x8888,
        0x9999,
        0xaaaa,
        0xbbbb,
        DATA + 0x400,
        DATA + 0x420,
        0xeeee,
        0xffff
    };

    @Test
    void everyFormDoesWhatAProcessorDid() throws IOException {
        List<String> wrong = new ArrayList<>();
        int count = 0;
        try (TestMachine machine = new TestMachine(2 << 20)) {
            PageTableBuilder tables = machine.tables(PagingMode.LEVEL_4, ROOT);
            long user = PageTableBuilder.PRESENT | PageTableBuilder.WRITABLE | PageTableBuilder.USER;
            tables.map(DATA, DATA_GPA, 1, user).map(CODE, CODE_GPA, 1, user);
            assertThat(machine.setSystem(Structs.longMode(machine.system(), ROOT, 3)))
                    .isZero();
            for (String line : lines()) {
                count++;
                String difference = difference(machine, line.split(";", -1));
                if (!difference.isEmpty()) {
                    wrong.add(line + "\n      " + difference);
                }
            }
        }
        assertThat(wrong).as("of " + count + " runs").isEmpty();
        assertThat(count).isGreaterThan(1000);
    }

    private static List<String> lines() throws IOException {
        try (InputStream stream = InstructionTableTest.class.getResourceAsStream("instructions.txt");
                BufferedReader reader = new BufferedReader(new InputStreamReader(stream, StandardCharsets.US_ASCII))) {
            return reader.lines().toList();
        }
    }

    /** Runs a line; empty if everything is as expected. */
    private static String difference(TestMachine machine, String[] line) {
        byte[] code = TestMachine.bytes(line[0]);
        byte[] data = new byte[PAGE];
        for (int i = 0; i < PAGE; i++) {
            data[i] = (byte) (i * 37 + 11);
        }
        apply(line[3], data);
        byte[] page = new byte[PAGE];
        Arrays.fill(page, (byte) 0xCC);
        System.arraycopy(code, 0, page, 0, code.length);
        machine.load(DATA_GPA, data);
        machine.load(CODE_GPA, page);

        long[] general = BASE.clone();
        Core core = machine.processor.core();
        long flags = apply(line[2], general) | Flags.FIXED;
        System.arraycopy(general, 0, core.registers.general, 0, general.length);
        core.registers.rip = CODE;
        core.registers.rflags = flags;

        try {
            long end = stepUntilPast(machine, core);
            return compare(line, core, general, data, end, machine);
        } catch (Abort abort) {
            return "ends with " + abort.kind() + " " + abort.vector();
        }
    }

    /** Repetitions may take more than one step. */
    private static long stepUntilPast(TestMachine machine, Core core) {
        core.memory.enter(machine);
        core.code.reset();
        for (int steps = 0; steps < 4 && core.registers.rip == CODE; steps++) {
            Instruction i = core.code.at(core.instructionAddress());
            core.begin(i);
            i.operation.execute(core, i);
            core.registers.rip = core.nextRip;
        }
        return core.registers.rip;
    }

    private static String compare(String[] line, Core core, long[] before, byte[] data, long end, TestMachine machine) {
        long[] expected = before.clone();
        long expectedRip = 0;
        long expectedFlags = 0;
        long mask = 0;
        for (String part : line[4].split(" ", -1)) {
            String[] pair = part.split("=", -1);
            if (pair[0].equals("rip")) {
                expectedRip = Long.parseUnsignedLong(pair[1], 16);
            } else if (pair[0].equals("flags")) {
                String[] both = pair[1].split("/", -1);
                expectedFlags = Long.parseLong(both[0], 16);
                mask = Long.parseLong(both[1], 16);
            } else {
                expected[NAMES.indexOf(pair[0])] = Long.parseUnsignedLong(pair[1], 16);
            }
        }
        StringBuilder difference = new StringBuilder();
        for (int i = 0; i < expected.length; i++) {
            note(difference, NAMES.get(i), core.registers.general[i], expected[i]);
        }
        note(difference, "rip", end, expectedRip);
        note(difference, "flags", core.registers.rflags & ARITHMETIC & mask, expectedFlags);
        apply(line[5], data);
        for (int i = 0; i < PAGE; i++) {
            long found = machine.memory().get(ValueLayout.JAVA_BYTE, DATA_GPA + i);
            note(difference, "byte " + Integer.toHexString(i), found, data[i]);
        }
        return difference.toString();
    }

    private static void note(StringBuilder difference, String what, long found, long expected) {
        if (found != expected) {
            difference
                    .append(what)
                    .append(" is ")
                    .append(Long.toHexString(found))
                    .append(", not ")
                    .append(Long.toHexString(expected))
                    .append("; ");
        }
    }

    private static void apply(String memory, byte[] data) {
        for (String part : memory.trim().split(" ", -1)) {
            if (!part.isEmpty()) {
                String[] pair = part.split("=", -1);
                byte[] bytes = TestMachine.bytes(pair[1]);
                System.arraycopy(bytes, 0, data, Integer.parseInt(pair[0], 16), bytes.length);
            }
        }
    }

    /** Sets the registers that are given and returns the flags. */
    private static long apply(String registers, long[] general) {
        long flags = 0;
        for (String part : registers.trim().split(" ", -1)) {
            String[] pair = part.split("=", -1);
            long value = Long.parseUnsignedLong(pair[1], 16);
            if (pair[0].equals("flags")) {
                flags = value;
            } else {
                general[NAMES.indexOf(pair[0])] = value;
            }
        }
        return flags;
    }
}
