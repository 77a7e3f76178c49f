package io.guestmem.soft.vm;

import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.VmType;

/** {@code /dev/kvm}. Source: Linux 7.2 {@code kvm_main.c:kvm_dev_ioctl}. */
public final class SystemFile extends OpenFile {
    /** {@code kvm_run}, the data of port accesses, and a ring of MMIO writes: a page each. */
    static final int VCPU_MAP_SIZE = 3 * 4096;

    private static final int API_VERSION = 12;

    private final VirtualMachine.Host host;

    /** KVM of a host. */
    public SystemFile(VirtualMachine.Host host) {
        this.host = host;
    }

    @Override
    public KvmFileKind kind() {
        return KvmFileKind.SYSTEM;
    }

    @Override
    public long request(Caller caller, int code, UserArgument argument) {
        KvmIoctl request = Requests.find(KvmFileKind.SYSTEM, code, host.options());
        if (request == null) {
            return Failure.EINVAL;
        }
        return switch (request) {
            case GET_API_VERSION -> argument.value() == 0 ? API_VERSION : Failure.EINVAL;
            case GET_VCPU_MMAP_SIZE -> argument.value() == 0 ? VCPU_MAP_SIZE : Failure.EINVAL;
            case CHECK_EXTENSION -> Capabilities.ofSystem(host.options(), argument.value());
            case CREATE_VM -> createVm(caller, argument.value());
            case GET_SUPPORTED_CPUID -> host.cpus().supportedCpuid(host.options(), argument);
            default -> Failure.EINVAL;
        };
    }

    private long createVm(Caller caller, long type) {
        for (VmType each : host.options().vmTypes()) {
            if (each.value() == type) {
                VmFile made = new VmFile(host, each, caller);
                int descriptor = caller.install(made, true);
                if (descriptor < 0) {
                    made.put();
                }
                return descriptor;
            }
        }
        return Failure.EINVAL;
    }

    @Override
    public long readAt(long offset, java.lang.foreign.MemorySegment into) {
        return Failure.EINVAL;
    }

    @Override
    protected void released() {}
}
