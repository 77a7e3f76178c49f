package io.guestmem.measure.explain;

import io.guestmem.measure.explain.Variation.Change;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.TdxBoot;
import io.guestmem.measure.launch.TdxLaunch;
import io.guestmem.measure.launch.TdxOrder;
import io.guestmem.measure.launch.TdxSettings;
import io.guestmem.measure.launch.TdxVmm;
import io.guestmem.measure.layout.Hashes;
import io.guestmem.measure.rtmr.DirectBoot;
import io.guestmem.measure.rtmr.InitrdOption;
import io.guestmem.measure.rtmr.KernelImage;
import io.guestmem.measure.rtmr.MemoryRange;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * Searches for what gives a register of a TD: MRTD in other orders and on other VMMs, the TD HOB and RTMR 0 with other amounts of
 * memory, RTMR 1 with and without a changed header, RTMR 2 with other load options.
 */
public final class TdxSearch {
    private static final int MIB = 20;
    private static final int GIB = 30;

    /** Machines of GCE (C3): GiB, NUMA nodes; a node has 176 GiB at most. */
    private static final int[][] GCE_SHAPES = {{16, 1}, {32, 1}, {88, 1}, {176, 1}, {352, 2}, {704, 4}};

    private static final int GCE_NODE = 176;

    /** With so much memory or more, an initrd lies below 2 GiB. */
    private static final long ALL_THE_SAME = 0xb000_0000L;

    private final OvmfFirmware firmware;
    private final TdxSettings given;
    private final TdxBoot boot;
    private final String expected;

    private TdxSearch(OvmfFirmware firmware, TdxSettings given, TdxBoot boot, byte[] expected) {
        this.firmware = firmware;
        this.given = given;
        this.boot = boot;
        this.expected = HexFormat.of().formatHex(expected);
    }

    /**
     * Searches; the explanation with the fewest changes wins.
     *
     * @param expected MRTD, an RTMR or the digest of a TD HOB
     * @throws MalformedFirmwareException if the firmware's TDX metadata are broken
     */
    public static Optional<Explanation> explain(OvmfFirmware firmware, TdxSettings given, TdxBoot boot, byte[] expected)
            throws MalformedFirmwareException {
        TdxSearch search = new TdxSearch(firmware, given, boot, expected);
        return search.mrtd().or(search::rtmr1).or(search::rtmr2).or(search::memory);
    }

    private Optional<Explanation> mrtd() {
        List<Change<TdxSettings>> orders = new ArrayList<>();
        for (TdxOrder order : TdxOrder.values()) {
            if (order != given.order()) {
                orders.add(new Change<>(
                        order == TdxOrder.SECTION
                                ? "section order: all pages of a section are added, then all extended (QEMU 8.2 with"
                                        + " Intel's patches, Ubuntu 24.04)"
                                : "page order: each page is extended when it is added (Linux 6.16 and later)",
                        all -> all.with(order)));
            }
        }
        List<Change<TdxSettings>> vmms = new ArrayList<>();
        for (TdxVmm vmm : TdxVmm.values()) {
            if (vmm != given.vmm()) {
                vmms.add(new Change<>(
                        "VMM " + vmm.label() + " instead of " + given.vmm().label(), all -> all.with(vmm)));
            }
        }
        return first(Variation.of(given, List.of(orders, vmms, early())));
    }

    /** The early hosts of GCE that measured every section, with the memory of each machine. */
    private static List<Change<TdxSettings>> early() {
        List<Change<TdxSettings>> changes = new ArrayList<>();
        for (int[] shape : GCE_SHAPES) {
            for (boolean accept : new boolean[] {false, true}) {
                changes.add(new Change<>(
                        "an early GCE host that measured the TD HOB, machine of " + shape[0] + " GiB"
                                + (accept ? ", all memory accepted early" : ""),
                        all -> all.with(TdxVmm.GCE)
                                .withMemory(MemoryRange.ofGce(shape[0], shape[1], GCE_NODE))
                                .withMeasureAll(accept)));
            }
        }
        return changes;
    }

    private Optional<Explanation> first(List<Variation<TdxSettings>> variations) {
        for (Variation<TdxSettings> variation : variations) {
            if (TdxLaunch.plan(firmware, variation.settings()) instanceof LaunchPlan.Launches launches
                    && matches(launches.measure().digest())) {
                return Optional.of(new Explanation("MRTD", variation.changes()));
            }
        }
        return Optional.empty();
    }

    private Optional<Explanation> rtmr1() {
        if (boot.kernel().isEmpty()) {
            return Optional.empty();
        }
        byte[] kernel = boot.kernel().get();
        try {
            if (DirectBoot.rtmr1(kernel).value().equals(expected)) {
                return Optional.of(new Explanation("RTMR 1", List.of()));
            }
            long initrd = boot.initrd().map(file -> file.length).orElse(0);
            for (long bytes = 256L << MIB; bytes <= ALL_THE_SAME; bytes += 256L << MIB) {
                byte[] patched = KernelImage.patched(kernel, initrd, bytes);
                if (DirectBoot.rtmr1(patched).value().equals(expected)) {
                    return Optional.of(new Explanation(
                            "RTMR 1",
                            List.of("QEMU before 10.2, which fills in the kernel's header, with " + memory(bytes))));
                }
            }
        } catch (IllegalArgumentException notBootable) {
            return Optional.empty();
        }
        return Optional.empty();
    }

    private Optional<Explanation> rtmr2() {
        List<Optional<byte[]>> initrds =
                boot.initrd().isEmpty() ? List.of(Optional.empty()) : List.of(boot.initrd(), Optional.empty());
        for (Optional<byte[]> initrd : initrds) {
            for (InitrdOption option : InitrdOption.values()) {
                if (DirectBoot.rtmr2(option.loadOptions(boot.append()), initrd)
                        .value()
                        .equals(expected)) {
                    List<String> changes = new ArrayList<>();
                    changes.add("load options \"" + option.loadOptions(boot.append()) + "\"");
                    if (initrd.isEmpty() && boot.initrd().isPresent()) {
                        changes.add("the initrd is not measured");
                    }
                    return Optional.of(new Explanation("RTMR 2", changes));
                }
            }
        }
        return Optional.empty();
    }

    private Optional<Explanation> memory() {
        try {
            byte[] variables = TdxBoot.variables(firmware);
            for (long bytes : sizes()) {
                Optional<TdxLaunch.Hob> hob = TdxLaunch.hob(firmware, given.withMemory(MemoryRange.ofQ35(bytes)));
                if (hob.isEmpty()) {
                    return Optional.empty();
                }
                byte[] measured = hob.get().list().measured(hob.get().gpa());
                if (matches(Hashes.sha384(measured))) {
                    return Optional.of(new Explanation("TD HOB", List.of("guest with " + memory(bytes))));
                }
                if (DirectBoot.rtmr0(measured, variables, boot.acpi()).value().equals(expected)) {
                    return Optional.of(new Explanation("RTMR 0", List.of("guest with " + memory(bytes))));
                }
            }
        } catch (MalformedFirmwareException refused) {
            return Optional.empty();
        }
        return Optional.empty();
    }

    /** Sizes of memory that guests have: every 256 MiB up to 16 GiB, every GiB up to 1 TiB. */
    private static List<Long> sizes() {
        List<Long> sizes = new ArrayList<>();
        for (long mib = 256; mib <= 16 << 10; mib += 256) {
            sizes.add(mib << MIB);
        }
        for (long gib = 17; gib <= 1 << 10; gib++) {
            sizes.add(gib << GIB);
        }
        return sizes;
    }

    private static String memory(long bytes) {
        return bytes % (1 << GIB) == 0 ? (bytes >> GIB) + " GiB of memory" : (bytes >> MIB) + " MiB of memory";
    }

    private boolean matches(byte[] digest) {
        return HexFormat.of().formatHex(digest).equals(expected);
    }
}
