package io.guestmem.soft.confidential;

import static io.guestmem.soft.confidential.LaunchHost.PAGE;
import static io.guestmem.soft.confidential.LaunchHost.U32;
import static io.guestmem.soft.confidential.LaunchHost.U64;
import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.abi.KvmFile;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.SevCommandLayout;
import io.guestmem.abi.VmType;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever a command is given, it answers a result or an errno. */
class CommandFuzzTest {
    private static final int CALLS = 4000;
    private static final int[] IDS = {0, 1, 2, 3, 4, 5, 6, 7, 16, 22, 100, 101, 102, 103, 999};
    private static final long GPA = 0x800000;

    private final long seed = Long.getLong("guestmem.seed", System.nanoTime());
    private final Random random = new Random(seed);

    @ParameterizedTest
    @EnumSource(names = {"DEFAULT", "SEV", "SEV_ES", "SNP", "TDX"})
    void everyCommandAnswers(VmType type) {
        System.out.println("CommandFuzzTest " + type + ": -Dguestmem.seed=" + seed);
        Set<VmType> types = type == VmType.TDX
                ? EnumSet.of(VmType.DEFAULT, VmType.TDX)
                : EnumSet.of(VmType.DEFAULT, VmType.SEV, VmType.SEV_ES, VmType.SNP);
        try (LaunchHost host = new LaunchHost(types, type)) {
            if (type.privateMemory()) {
                host.privateSlot(GPA, 8 * PAGE);
            }
            for (int call = 0; call < CALLS; call++) {
                if (host.vcpus.size() < 2 && call % 500 == 400 && create(host)) {
                    continue;
                }
                KvmFile file = host.vcpus.isEmpty() || random.nextBoolean() ? host.vm : host.vcpus.getFirst();
                MemorySegment command = LaunchHost.struct(SevCommandLayout.STRUCT);
                command.set(U32, SevCommandLayout.ID, IDS[random.nextInt(IDS.length)]);
                command.set(U64, SevCommandLayout.DATA, pointer(host, data(host)));
                long result = file.ioctl(KvmIoctl.MEMORY_ENCRYPT_OP.code(), command);
                assertThat(result).as("call " + call).isBetween(-133L, 0L);
            }
            assertThat(host.launch().technology()).isNotNull();
        }
    }

    private static boolean create(LaunchHost host) {
        long descriptor = host.vm.ioctl(KvmIoctl.CREATE_VCPU.code(), host.vcpus.size());
        if (descriptor < 0) {
            return false;
        }
        host.vcpus.add(host.kernel.adopt((int) descriptor, "vCPU"));
        return true;
    }

    private long pointer(LaunchHost host, MemorySegment data) {
        return random.nextInt(20) == 0 ? random.nextLong() : host.put(62 * PAGE, data);
    }

    /** 8-byte words as structs have them: mostly 0, small, an address, a gfn; now and then anything. */
    private MemorySegment data(LaunchHost host) {
        MemorySegment data = LaunchHost.struct(512);
        for (long at = 0; at < data.byteSize(); at += Long.BYTES) {
            data.set(
                    U64,
                    at,
                    switch (random.nextInt(12)) {
                        case 0 -> random.nextInt(8);
                        case 1 -> host.user.hva() + (long) random.nextInt(16) * PAGE;
                        case 2 -> (GPA >>> 12) + random.nextInt(10);
                        case 3 -> GPA + (long) random.nextInt(10) * PAGE;
                        case 4 -> (long) random.nextInt(4) * PAGE;
                        case 5 -> SnpHost.POLICY;
                        case 6 -> random.nextInt(256);
                        case 7 -> random.nextInt(40) == 0 ? random.nextLong() : 0;
                        default -> 0;
                    });
        }
        return data;
    }
}
