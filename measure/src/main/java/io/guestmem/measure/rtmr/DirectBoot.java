package io.guestmem.measure.rtmr;

import io.guestmem.measure.layout.Guid;
import io.guestmem.measure.layout.LittleEndian;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * What OVMF measures into the run-time registers when QEMU gives it a kernel (edk2 2025.02, {@code OvmfPkg/IntelTdx}). Every function
 * gives the register with its log.
 */
public final class DirectBoot {
    private static final String GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
    private static final String IMAGE_SECURITY = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
    private static final String FIRMWARE_VOLUME = "7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1";
    private static final String USER_INTERFACE = "462caa21-7614-4503-836e-8ab6f4662331";
    /** Active, hidden, an application. */
    private static final int LOAD_OPTION_ATTRIBUTES = 0x109;

    private DirectBoot() {}

    /**
     * RTMR 0: how the firmware is configured. Secure boot is off and its variables are empty.
     *
     * @param tdHob what is measured of the TD HOB
     * @param variables the CFV section of the firmware
     * @param acpi the machine's ACPI tables; left out of the register if they are not given
     */
    public static Rtmr rtmr0(byte[] tdHob, byte[] variables, Optional<AcpiTables> acpi) {
        Rtmr register = new Rtmr()
                .extend("td_hob", tdHob)
                .extend("cfv", variables)
                .extendEmptyVariable("SecureBoot", GLOBAL)
                .extendEmptyVariable("PK", GLOBAL)
                .extendEmptyVariable("KEK", GLOBAL)
                .extendEmptyVariable("db", IMAGE_SECURITY)
                .extendEmptyVariable("dbx", IMAGE_SECURITY)
                .extendSeparator();
        acpi.ifPresent(tables -> register.extend("acpi_loader", tables.loader())
                .extend("acpi_rsdp", tables.rsdp())
                .extend("acpi_tables", tables.tables()));
        return register.extend("BootOrder", new byte[2]).extend("Boot0000", userInterface());
    }

    /** The load option of the firmware's own user interface. */
    private static byte[] userInterface() {
        byte[] name = "UiApp\0".getBytes(StandardCharsets.UTF_16LE);
        int node = 4 + Guid.SIZE;
        byte[] option = new byte[6 + name.length + 2 * node + 4];
        LittleEndian.put32(option, 0, LOAD_OPTION_ATTRIBUTES);
        LittleEndian.put16(option, 4, 2 * node + 4);
        System.arraycopy(name, 0, option, 6, name.length);
        int at = 6 + name.length;
        putNode(option, at, 7, FIRMWARE_VOLUME);
        putNode(option, at + node, 6, USER_INTERFACE);
        LittleEndian.put16(option, at + 2 * node, 0xff7f);
        LittleEndian.put16(option, at + 2 * node + 2, 4);
        return option;
    }

    private static void putNode(byte[] option, int at, int subType, String guid) {
        option[at] = 4;
        option[at + 1] = (byte) subType;
        LittleEndian.put16(option, at + 2, 4 + Guid.SIZE);
        new Guid(guid).put(option, at + 4);
    }

    /**
     * RTMR 1: the kernel, up to where it takes over.
     *
     * @param kernel the PE image that the firmware loads; see {@link KernelImage}
     * @throws IllegalArgumentException if it is none
     */
    public static Rtmr rtmr1(byte[] kernel) {
        return new Rtmr()
                .extendDigest("kernel", PeImage.authenticode(kernel))
                .extendAction("Calling EFI Application from Boot Option")
                .extendSeparator()
                .extendAction("Exit Boot Services Invocation")
                .extendAction("Exit Boot Services Returned with Success");
    }

    /**
     * RTMR 2: what the kernel's EFI stub measures.
     *
     * @param loadOptions see {@link InitrdOption}
     * @param initrd the file, if there is one
     */
    public static Rtmr rtmr2(String loadOptions, Optional<byte[]> initrd) {
        Rtmr register = new Rtmr().extend("load_options", (loadOptions + '\0').getBytes(StandardCharsets.UTF_16LE));
        initrd.ifPresent(file -> register.extend("initrd", file));
        return register;
    }
}
