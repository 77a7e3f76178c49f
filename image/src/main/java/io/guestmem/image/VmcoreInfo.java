package io.guestmem.image;

import java.util.OptionalLong;

/**
 * What a Linux kernel says about itself, as text: lines of {@code KEY=value}, values hexadecimal for symbols and decimal or
 * {@code 0x…} for numbers. Source: Linux {@code kernel/vmcore_info.c}, {@code Documentation/admin-guide/kdump/vmcoreinfo.rst}.
 */
final class VmcoreInfo {
    static final int MOST_BYTES = 1 << 16;

    /** Where the kernel's image is mapped, whatever KASLR did. */
    private static final long IMAGE_BASE = 0xFFFF_FFFF_8000_0000L;

    private static final int HEXADECIMAL = 16;
    private static final int DECIMAL = 10;

    private final String text;

    VmcoreInfo(String text) {
        this.text = text;
    }

    /** The physical address of the kernel's own page tables; empty if the text does not say it. */
    OptionalLong root() {
        OptionalLong root = value("SYMBOL(swapper_pg_dir)", HEXADECIMAL);
        if (root.isEmpty()) {
            root = value("SYMBOL(init_top_pgt)", HEXADECIMAL);
        }
        OptionalLong base = value("NUMBER(phys_base)", DECIMAL);
        return root.isPresent() && base.isPresent()
                ? OptionalLong.of(root.getAsLong() - IMAGE_BASE + base.getAsLong())
                : OptionalLong.empty();
    }

    /** Whether the kernel pages with five levels. */
    boolean fiveLevels() {
        return value("NUMBER(pgtable_l5_enabled)", DECIMAL).orElse(0) == 1;
    }

    private OptionalLong value(String key, int radix) {
        int at = text.startsWith(key + "=") ? 0 : text.indexOf("\n" + key + "=") + 1;
        if (at == 0 && !text.startsWith(key + "=")) {
            return OptionalLong.empty();
        }
        int end = text.indexOf('\n', at);
        String value = text.substring(at + key.length() + 1, end < 0 ? text.length() : end)
                .strip();
        try {
            return OptionalLong.of(
                    value.startsWith("0x")
                            ? Long.parseUnsignedLong(value.substring(2), HEXADECIMAL)
                            : radix == DECIMAL ? Long.parseLong(value) : Long.parseUnsignedLong(value, radix));
        } catch (NumberFormatException _) {
            return OptionalLong.empty();
        }
    }
}
