package io.guestmem.soft.vm;

import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.soft.SoftKernelOptions;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Which request a code is on a file; the code of two requests belongs to the one that the options name. */
final class Requests {
    private static final Map<KvmFileKind, Map<Integer, KvmIoctl>> BY_CODE = byCode();

    private Requests() {}

    private static Map<KvmFileKind, Map<Integer, KvmIoctl>> byCode() {
        Map<KvmFileKind, Map<Integer, KvmIoctl>> all = new EnumMap<>(KvmFileKind.class);
        for (KvmIoctl request : KvmIoctl.values()) {
            for (KvmFileKind kind : request.files()) {
                all.computeIfAbsent(kind, _ -> new HashMap<>()).putIfAbsent(request.code(), request);
            }
        }
        return all;
    }

    /** The request, or null if the file does not know the code. */
    static @Nullable KvmIoctl find(KvmFileKind kind, int code, SoftKernelOptions options) {
        Map<Integer, KvmIoctl> requests = BY_CODE.get(kind);
        KvmIoctl request = requests == null ? null : requests.get(code);
        boolean shared = request == KvmIoctl.PRE_FAULT_MEMORY || request == KvmIoctl.MAP_MEMORY_V3;
        if (!shared) {
            return request;
        }
        return switch (options.sharedRequest()) {
            case PRE_FAULT_MEMORY -> KvmIoctl.PRE_FAULT_MEMORY;
            case MAP_MEMORY_V3 -> KvmIoctl.MAP_MEMORY_V3;
        };
    }
}
