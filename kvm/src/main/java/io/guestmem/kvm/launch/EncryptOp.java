package io.guestmem.kvm.launch;

import io.guestmem.abi.Kernel;
import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.TdxCommandLayout;
import io.guestmem.abi.UserMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;

/** How the commands of {@code KVM_MEMORY_ENCRYPT_OP} are made. Stateless but for what it is made with; thread-safe. */
final class EncryptOp {
    private static final CommandResult DONE = new CommandResult.Done();

    private final Kernel kernel;
    private final KvmFile file;

    /**
     * Commands of a file.
     *
     * @param file of a VM, or for TDX of a vCPU
     */
    EncryptOp(Kernel kernel, KvmFile file) {
        this.kernel = kernel;
        this.file = file;
    }

    Kernel kernel() {
        return kernel;
    }

    /** What a null pointer is answered: 0 where there is SEV. */
    long probe() {
        return file.ioctl(KvmIoctl.MEMORY_ENCRYPT_OP.code(), 0);
    }

    /**
     * A command of SEV, SEV-ES or SNP.
     *
     * @param name in C
     * @param data its struct, native, or {@link MemorySegment#NULL}
     */
    CommandResult sev(String name, int id, MemorySegment data, int sevFd) {
        try (Arena arena = Arena.ofConfined();
                UserMemory exposed =
                        kernel.expose(data.equals(MemorySegment.NULL) ? arena.allocate(Long.BYTES) : data)) {
            MemorySegment command = arena.allocate(SevCommandLayout.STRUCT.size(), Long.BYTES);
            command.set(ValueLayout.JAVA_INT, SevCommandLayout.ID, id);
            command.set(
                    ValueLayout.JAVA_LONG,
                    SevCommandLayout.DATA,
                    data.equals(MemorySegment.NULL) ? 0 : exposed.address());
            command.set(ValueLayout.JAVA_INT, SevCommandLayout.SEV_FD, sevFd);
            long result = file.ioctl(KvmIoctl.MEMORY_ENCRYPT_OP.code(), command);
            int status = command.get(ValueLayout.JAVA_INT, SevCommandLayout.ERROR);
            return result >= 0 ? DONE : refused(name, result, status, FirmwareStatus.describe(status));
        }
    }

    /**
     * A command of TDX.
     *
     * @param name in C
     * @param data a pointer to its struct, or a value
     */
    CommandResult tdx(String name, int id, int flags, long data) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment command = arena.allocate(TdxCommandLayout.STRUCT.size(), Long.BYTES);
            command.set(ValueLayout.JAVA_INT, TdxCommandLayout.ID, id);
            command.set(ValueLayout.JAVA_INT, TdxCommandLayout.FLAGS, flags);
            command.set(ValueLayout.JAVA_LONG, TdxCommandLayout.DATA, data);
            long result = file.ioctl(KvmIoctl.MEMORY_ENCRYPT_OP.code(), command);
            long status = command.get(ValueLayout.JAVA_LONG, TdxCommandLayout.HW_ERROR);
            String says = "TDX module status 0x" + HexFormat.of().toHexDigits(status);
            return result >= 0 ? DONE : refused(name, result, status, says);
        }
    }

    /** A command of TDX with a struct that stays the caller's. */
    CommandResult tdx(String name, int id, int flags, MemorySegment data) {
        try (UserMemory exposed = kernel.expose(data)) {
            return tdx(name, id, flags, exposed.address());
        }
    }

    private static CommandResult refused(String name, long result, long status, String says) {
        return new CommandResult.Refused(name, Math.toIntExact(-result), status, says);
    }
}
