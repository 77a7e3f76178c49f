package io.guestmem.measure.launch;

import java.util.Locale;
import java.util.OptionalLong;

/**
 * QEMU's models of AMD processors, by what {@code CPUID(1).EAX} says: that is RDX at reset, and so it is measured. Versions of a
 * model ({@code -v4}) differ in other leaves only.
 */
public enum CpuModel {
    /** Naples. */
    EPYC(23, 1, 2),
    /** Zen 2. */
    EPYC_ROME(23, 49, 0),
    /** Zen 3. */
    EPYC_MILAN(25, 1, 1),
    /** Zen 4. */
    EPYC_GENOA(25, 17, 0),
    /** Zen 5. */
    EPYC_TURIN(26, 0, 0);

    private final long signature;

    CpuModel(int family, int model, int stepping) {
        this.signature = signature(family, model, stepping);
    }

    /** {@code CPUID(1).EAX}. */
    public long signature() {
        return signature;
    }

    /** As QEMU writes it: {@code EPYC-Milan}. */
    public String label() {
        return this == EPYC
                ? "EPYC"
                : "EPYC-" + name().charAt(5) + name().substring(6).toLowerCase(Locale.ROOT);
    }

    /**
     * {@code CPUID(1).EAX} (AMD CPUID specification 25481, "Family, Model, Stepping Identifiers").
     *
     * @param family 0 to 270
     * @param model 0 to 255
     * @param stepping 0 to 15
     */
    public static long signature(int family, int model, int stepping) {
        long extended = family > 15 ? (family - 15L) & 0xff : 0;
        return (extended << 20)
                | (((long) model >> 4 & 15) << 16)
                | ((long) Math.min(family, 15) << 8)
                | ((model & 15L) << 4)
                | (stepping & 15L);
    }

    /** The signature of a name as QEMU has it: {@code EPYC}, {@code EPYC-v4}, {@code EPYC-IBPB}, {@code EPYC-Rome-v2}. */
    public static OptionalLong named(String name) {
        String upper = name.toUpperCase(Locale.ROOT).replaceFirst("-V[0-9]{1,2}$", "");
        for (CpuModel each : values()) {
            if (upper.equals(each.label().toUpperCase(Locale.ROOT)) || (each == EPYC && upper.equals("EPYC-IBPB"))) {
                return OptionalLong.of(each.signature);
            }
        }
        return OptionalLong.empty();
    }
}
