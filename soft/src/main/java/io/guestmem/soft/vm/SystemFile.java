package io.guestmem.soft.vm;

import io.guestmem.abi.DeviceAttrLayout;
import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.VmType;
import io.guestmem.soft.confidential.ConfidentialGuest;
import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** {@code /dev/kvm}. Source: Linux 7.2 {@code kvm_main.c:kvm_dev_ioctl}. */
public final class SystemFile extends OpenFile {
    /** {@code kvm_run}, the data of port accesses, and a ring of MMIO writes: a page each. */
    static final int VCPU_MAP_SIZE = 3 * 4096;

    private static final int API_VERSION = 12;

    /** Guests have no XSAVE, and so nothing in XCR0. */
    private static final OptionalLong GUEST_XCR0 = OptionalLong.of(0);

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
            case GET_DEVICE_ATTR -> attribute(argument, caller);
            case HAS_DEVICE_ATTR -> attribute(argument, null);
            case GET_SUPPORTED_CPUID -> host.cpus().supportedCpuid(host.options(), argument);
            default -> Failure.EINVAL;
        };
    }

    /**
     * An attribute of the system. Source: Linux 7.2 {@code x86.c:kvm_x86_dev_get_attr}, {@code sev.c:sev_dev_get_attr}.
     *
     * @param caller who gets the value; null if it only asks
     */
    private long attribute(UserArgument argument, @Nullable Caller caller) {
        return VmFile.withStruct(argument, DeviceAttrLayout.STRUCT.size(), struct -> {
            long attribute = UserStruct.u64(struct, DeviceAttrLayout.ATTR);
            OptionalLong value = switch (UserStruct.u32(struct, DeviceAttrLayout.GROUP)) {
                case DeviceAttrLayout.GROUP_SYSTEM ->
                    attribute == DeviceAttrLayout.XCOMP_GUEST_SUPP ? GUEST_XCR0 : OptionalLong.empty();
                case DeviceAttrLayout.GROUP_SEV -> ConfidentialGuest.attribute(host.options(), attribute);
                default -> OptionalLong.empty();
            };
            if (value.isEmpty()) {
                return Failure.ENXIO;
            }
            MemorySegment eight = MemorySegment.ofArray(new long[] {value.getAsLong()});
            long address = UserStruct.u64(struct, DeviceAttrLayout.ADDR);
            return caller == null || caller.write(address, eight) ? 0 : Failure.EFAULT;
        });
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
    public long readAt(long offset, MemorySegment into) {
        return Failure.EINVAL;
    }

    @Override
    protected void released() {}
}
