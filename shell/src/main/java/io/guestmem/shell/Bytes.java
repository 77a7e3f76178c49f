package io.guestmem.shell;

import java.util.HexFormat;

/** Bytes as text. */
final class Bytes {
    private static final int PER_LINE = 16;

    private Bytes() {}

    /** Two digits a byte, without blanks. */
    static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    /** The bytes of a text such as {@code 00ff12}. */
    static byte[] parse(String hex) {
        try {
            return HexFormat.of().parseHex(hex);
        } catch (IllegalArgumentException notHex) {
            throw new CommandException("'" + hex + "' is not an even number of hexadecimal digits");
        }
    }

    /** Sixteen bytes a line behind their offset; lines that repeat the one above become a single {@code *}. */
    static String dump(byte[] bytes, long offset) {
        StringBuilder text = new StringBuilder();
        String above = "";
        boolean starred = false;
        for (int at = 0; at < bytes.length; at += PER_LINE) {
            int end = Math.min(bytes.length, at + PER_LINE);
            String line = HexFormat.ofDelimiter(" ").formatHex(bytes, at, end);
            boolean repeats = line.equals(above) && end < bytes.length;
            if (!repeats) {
                text.append(text.isEmpty() ? "" : "\n")
                        .append("0x")
                        .append(HexFormat.of().toHexDigits(offset + at, 8))
                        .append("  ")
                        .append(line);
            } else if (!starred) {
                text.append("\n*");
            }
            starred = repeats;
            above = line;
        }
        return text.toString();
    }
}
