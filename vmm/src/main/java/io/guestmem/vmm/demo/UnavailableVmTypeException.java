package io.guestmem.vmm.demo;

import io.guestmem.abi.VmType;
import io.guestmem.linux.LinuxException;
import java.io.Serial;
import java.util.Locale;

/** The kernel makes no VMs of the type that was asked for. */
public final class UnavailableVmTypeException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    UnavailableVmTypeException(String kernel, VmType type) {
        super("KVM_CAP_VM_TYPES: the kernel " + kernel + " makes no VM of type "
                + type.name().toLowerCase(Locale.ROOT));
    }

    /** For a kernel that makes them, on a host without what launches them. */
    UnavailableVmTypeException(String kernel, VmType type, LinuxException why) {
        super(
                why.getMessage() + ": the kernel " + kernel + " launches no VM of type "
                        + type.name().toLowerCase(Locale.ROOT),
                why);
    }
}
