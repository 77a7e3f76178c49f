package io.guestmem.measure.launch;

import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.firmware.TdvfSection;
import io.guestmem.measure.layout.Hashes;
import io.guestmem.measure.rtmr.AcpiTables;
import io.guestmem.measure.rtmr.DirectBoot;
import io.guestmem.measure.rtmr.InitrdOption;
import io.guestmem.measure.rtmr.KernelImage;
import io.guestmem.measure.rtmr.Rtmr;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What a TD measures into its run-time registers while it boots a kernel, as far as it is known.
 *
 * @param kernel the file
 * @param initrd the file
 * @param append the command line
 * @param initrdOption where the firmware tells the kernel about the initrd
 * @param patchedWith bytes of guest memory, if QEMU fills in the kernel's header
 * @param acpi tables of the machine
 */
public record TdxBoot(
        Optional<byte[]> kernel,
        Optional<byte[]> initrd,
        String append,
        InitrdOption initrdOption,
        Optional<Long> patchedWith,
        Optional<AcpiTables> acpi) {
    /**
     * The registers whose inputs are known: RTMR 0 with ACPI tables and the guest's memory, RTMR 1 and 2 with a kernel.
     *
     * @return by number
     * @throws MalformedFirmwareException if the firmware's TDX metadata are broken
     * @throws IllegalArgumentException if the kernel is none
     */
    public Map<Integer, Rtmr> registers(OvmfFirmware firmware, TdxSettings settings) throws MalformedFirmwareException {
        Map<Integer, Rtmr> registers = new LinkedHashMap<>();
        Optional<byte[]> hob = measuredHob(firmware, settings);
        if (acpi.isPresent() && hob.isPresent()) {
            registers.put(0, DirectBoot.rtmr0(hob.get(), variables(firmware), acpi));
        }
        if (kernel.isPresent()) {
            registers.put(1, DirectBoot.rtmr1(loaded(kernel.get())));
            registers.put(2, DirectBoot.rtmr2(loadOptions(), initrd));
        }
        return registers;
    }

    /**
     * The digest of the TD HOB, if there is one and the guest's memory is known.
     *
     * @throws MalformedFirmwareException if the firmware's TDX metadata are broken
     */
    public static Optional<byte[]> hobDigest(OvmfFirmware firmware, TdxSettings settings)
            throws MalformedFirmwareException {
        return measuredHob(firmware, settings).map(Hashes::sha384);
    }

    private static Optional<byte[]> measuredHob(OvmfFirmware firmware, TdxSettings settings)
            throws MalformedFirmwareException {
        return settings.memory().isEmpty()
                ? Optional.empty()
                : TdxLaunch.hob(firmware, settings).map(hob -> hob.list().measured(hob.gpa()));
    }

    /**
     * The configuration volume of some firmware; empty if it has none.
     *
     * @throws MalformedFirmwareException if the firmware's TDX metadata are broken
     */
    public static byte[] variables(OvmfFirmware firmware) throws MalformedFirmwareException {
        Optional<OvmfFirmware.Tdvf> metadata = firmware.tdvf();
        if (metadata.isPresent()) {
            for (TdvfSection section : metadata.get().sections()) {
                if (section.type() == TdvfSection.CFV) {
                    return firmware.file()
                            .slice(section.what(), section.dataOffset(), section.rawSize())
                            .toArray(ValueLayout.JAVA_BYTE);
                }
            }
        }
        return new byte[0];
    }

    private byte[] loaded(byte[] image) {
        return patchedWith.isEmpty()
                ? image
                : KernelImage.patched(image, initrd.map(file -> file.length).orElse(0), patchedWith.get());
    }

    private String loadOptions() {
        return (initrd.isEmpty() ? InitrdOption.NONE : initrdOption).loadOptions(append);
    }
}
