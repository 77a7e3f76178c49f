package io.guestmem.measure.rtmr;

import io.guestmem.measure.layout.LittleEndian;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * QEMU's ACPI files of a machine ({@code etc/acpi/tables}), and the two that follow from it: {@code etc/acpi/rsdp} and the script
 * {@code etc/table-loader} ({@code hw/i386/acpi-build.c}, {@code hw/acpi/bios-linker-loader.c}). The firmware measures all three
 * into RTMR 0 as they come from QEMU, before it relocates them.
 */
public final class AcpiTables {
    private static final String TABLES = "etc/acpi/tables";
    private static final String RSDP = "etc/acpi/rsdp";
    private static final int COMMAND = 128;
    private static final int NAME = 56;
    private static final int LOADER = 4096;
    private static final int RSDP_SIZE = 20;
    private static final int HEADER = 36;
    private static final int CHECKSUM = 9;
    private static final int ALLOCATE = 1;
    private static final int ADD_POINTER = 2;
    private static final int ADD_CHECKSUM = 3;
    private static final int FIRMWARE_SEGMENT = 2;
    private static final int HIGH = 1;
    private static final Set<String> SPECIAL = Set.of("FACS", "DSDT", "FACP", "RSDT");

    private final byte[] tables;
    private final List<Table> list;
    private final Table rsdt;

    private record Table(String signature, int offset, int length) {}

    private AcpiTables(byte[] tables, List<Table> list) {
        this.tables = tables;
        this.list = list;
        this.rsdt = find("RSDT");
        if (rsdt.length < HEADER || (rsdt.length - HEADER) % 4 != 0) {
            throw new IllegalArgumentException("ACPI tables: RSDT of " + rsdt.length + " bytes");
        }
    }

    /**
     * Finds the tables in the file.
     *
     * @param tables the whole file, padding included
     * @throws IllegalArgumentException if a table runs beyond the file, or DSDT, FACP or RSDT is missing
     */
    public static AcpiTables of(byte[] tables) {
        List<Table> list = new ArrayList<>();
        for (int at = 0; at + 8 <= tables.length && printable(tables, at); ) {
            long length = LittleEndian.u32(tables, at + 4);
            if (length < 8 || length > tables.length - at) {
                throw new IllegalArgumentException(
                        "ACPI table at 0x" + Integer.toHexString(at) + ": length " + length + " runs beyond the file");
            }
            list.add(new Table(new String(tables, at, 4, StandardCharsets.US_ASCII), at, (int) length));
            at += (int) length;
        }
        return new AcpiTables(tables.clone(), list);
    }

    private static boolean printable(byte[] bytes, int at) {
        for (int i = at; i < at + 4; i++) {
            if (bytes[i] < ' ' || bytes[i] > '~') {
                return false;
            }
        }
        return true;
    }

    private Table find(String signature) {
        return list.stream()
                .filter(each -> each.signature.equals(signature))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("ACPI tables: no " + signature));
    }

    /** The file itself. */
    public byte[] tables() {
        return tables.clone();
    }

    /** {@code etc/acpi/rsdp}: revision 0, and its checksum is still to be filled in. */
    public byte[] rsdp() {
        byte[] rsdp = new byte[RSDP_SIZE];
        byte[] head = "RSD PTR \0BOCHS \0".getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(head, 0, rsdp, 0, head.length);
        LittleEndian.put32(rsdp, 16, rsdt.offset);
        return rsdp;
    }

    /** {@code etc/table-loader}. */
    public byte[] loader() {
        List<byte[]> commands = new ArrayList<>();
        Table facp = find("FACP");
        commands.add(allocate(RSDP, 16, FIRMWARE_SEGMENT));
        commands.add(allocate(TABLES, 64, HIGH));
        commands.add(checksum(find("DSDT")));
        commands.add(pointer(TABLES, facp.offset + 36, 4));
        commands.add(pointer(TABLES, facp.offset + 40, 4));
        commands.add(pointer(TABLES, facp.offset + 140, 8));
        commands.add(checksum(facp));
        list.stream().filter(each -> !SPECIAL.contains(each.signature)).forEach(each -> commands.add(checksum(each)));
        for (int at = HEADER; at < rsdt.length; at += 4) {
            commands.add(pointer(TABLES, rsdt.offset + at, 4));
        }
        commands.add(checksum(rsdt));
        commands.add(pointer(RSDP, 16, 4));
        commands.add(checksum(RSDP, 8, 0, RSDP_SIZE));
        byte[] loader = new byte[Math.max(LOADER, commands.size() * COMMAND)];
        for (int i = 0; i < commands.size(); i++) {
            System.arraycopy(commands.get(i), 0, loader, i * COMMAND, COMMAND);
        }
        return loader;
    }

    private static byte[] allocate(String file, int alignment, int zone) {
        byte[] command = command(ALLOCATE, file);
        LittleEndian.put32(command, 4 + NAME, alignment);
        command[8 + NAME] = (byte) zone;
        return command;
    }

    private static byte[] pointer(String from, int offset, int size) {
        byte[] command = command(ADD_POINTER, from);
        putName(command, 4 + NAME, TABLES);
        LittleEndian.put32(command, 4 + 2 * NAME, offset);
        command[8 + 2 * NAME] = (byte) size;
        return command;
    }

    private static byte[] checksum(Table table) {
        return checksum(TABLES, table.offset + CHECKSUM, table.offset, table.length);
    }

    private static byte[] checksum(String file, int result, int start, int length) {
        byte[] command = command(ADD_CHECKSUM, file);
        LittleEndian.put32(command, 4 + NAME, result);
        LittleEndian.put32(command, 8 + NAME, start);
        LittleEndian.put32(command, 12 + NAME, length);
        return command;
    }

    private static byte[] command(int code, String file) {
        byte[] command = new byte[COMMAND];
        LittleEndian.put32(command, 0, code);
        putName(command, 4, file);
        return command;
    }

    private static void putName(byte[] command, int at, String name) {
        byte[] text = name.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(text, 0, command, at, text.length);
    }
}
