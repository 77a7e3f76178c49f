package io.guestmem.soft.vm;

import io.guestmem.abi.EncRegionLayout;
import io.guestmem.abi.SevCommandLayout;
import io.guestmem.soft.confidential.ConfidentialGuest;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * {@code KVM_MEMORY_ENCRYPT_OP} and the registration of encrypted memory, as far as they are the same for all technologies. Source:
 * Linux 7.2 {@code sev.c:sev_mem_enc_ioctl}, {@code tdx.c:tdx_vm_ioctl}, {@code tdx_vcpu_unlocked_ioctl}.
 */
final class EncryptRequests {
    private EncryptRequests() {}

    /** {@code KVM_MEMORY_ENCRYPT_OP} of a VM. SEV and TDX commands have the same size. */
    static long ofVm(VirtualMachine vm, Caller caller, UserArgument argument) {
        ConfidentialGuest guest = vm.confidential();
        if (guest == null) {
            return Failure.ENOTTY;
        }
        MemorySegment command = argument.copyIn(0, SevCommandLayout.STRUCT.size());
        if (command == null) {
            return argument.value() == 0 && guest.answersProbe() ? 0 : Failure.EFAULT;
        }
        return vm.withLock(() -> {
            long result = guest.command(caller, command);
            if (result == ConfidentialGuest.UNKNOWN) {
                return Failure.EINVAL;
            }
            return argument.copyOut(0, command) ? result : Failure.EFAULT;
        });
    }

    /** {@code KVM_MEMORY_ENCRYPT_OP} of a vCPU, before its mutex is taken: all vCPUs' are. Nothing is written back. */
    static long ofVcpu(Vcpu vcpu, Caller caller, UserArgument argument) {
        VirtualMachine vm = vcpu.vm();
        ConfidentialGuest guest = vm.confidential();
        if (guest == null) {
            return Failure.EINVAL;
        }
        return VmFile.withStruct(
                argument,
                SevCommandLayout.STRUCT.size(),
                command -> vm.withLock(() -> {
                    List<Vcpu> all = vm.vcpus();
                    all.forEach(each -> each.enter(caller));
                    try {
                        long result = guest.command(caller, new ConfidentialMachine.Registers(vcpu), command);
                        return result == ConfidentialGuest.UNKNOWN ? Failure.EINVAL : result;
                    } finally {
                        all.forEach(Vcpu::leave);
                    }
                }));
    }

    /** {@code KVM_MEMORY_ENCRYPT_REG_REGION}. */
    static long register(VirtualMachine vm, UserArgument argument) {
        return region(vm, argument, (guest, address, size) -> guest.register(address, size));
    }

    /** {@code KVM_MEMORY_ENCRYPT_UNREG_REGION}. */
    static long unregister(VirtualMachine vm, UserArgument argument) {
        return region(vm, argument, (guest, address, size) -> guest.unregister(address, size));
    }

    /** Does something with a region of host memory. */
    @FunctionalInterface
    private interface RegionCommand {
        long apply(ConfidentialGuest guest, long address, long size);
    }

    private static long region(VirtualMachine vm, UserArgument argument, RegionCommand command) {
        ConfidentialGuest guest = vm.confidential();
        ToLongFunction<MemorySegment> action = guest == null
                ? _ -> Failure.ENOTTY
                : region -> vm.withLock(() -> command.apply(
                        guest,
                        UserStruct.u64(region, EncRegionLayout.ADDR),
                        UserStruct.u64(region, EncRegionLayout.SIZE)));
        return VmFile.withStruct(argument, EncRegionLayout.STRUCT.size(), action);
    }
}
