package io.guestmem.shell;

import io.guestmem.abi.Capability;
import io.guestmem.abi.CreateGuestMemfdLayout;
import io.guestmem.abi.KvmIoctl;
import io.guestmem.abi.MemoryAttributesLayout;
import io.guestmem.abi.MemoryMappingV1Layout;
import io.guestmem.abi.MpStateLayout;
import io.guestmem.abi.PitConfigLayout;
import io.guestmem.abi.Sregs2Layout;
import io.guestmem.abi.Translation2Layout;
import io.guestmem.abi.UserspaceMemoryRegionLayout;
import io.guestmem.abi.VmType;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** The names that values have in KVM's headers, without their prefixes and in lower case: {@code log_dirty_pages}. */
final class Symbols {
    private static final Map<String, Long> CAPABILITIES = capabilities();
    private static final Map<String, Long> VM_TYPES = vmTypes();
    private static final Map<String, Long> SLOT_FLAGS = Map.of(
            "log_dirty_pages", (long) UserspaceMemoryRegionLayout.LOG_DIRTY_PAGES,
            "readonly", (long) UserspaceMemoryRegionLayout.READONLY,
            "guest_memfd", (long) UserspaceMemoryRegionLayout.GUEST_MEMFD);
    private static final Map<String, Long> MAP_FLAGS = Map.of(
            "write", MemoryMappingV1Layout.WRITE,
            "exec", MemoryMappingV1Layout.EXEC,
            "user", MemoryMappingV1Layout.USER,
            "private", MemoryMappingV1Layout.PRIVATE);
    private static final Map<String, Long> TRANSLATE_FLAGS = Map.of(
            "set_accessed", (long) Translation2Layout.SET_ACCESSED,
            "set_dirty", (long) Translation2Layout.SET_DIRTY,
            "force_set_accessed", (long) Translation2Layout.FORCE_SET_ACCESSED);
    private static final Map<String, Long> TRANSLATE_ACCESS = Map.of(
            "write", (long) Translation2Layout.WRITE,
            "user", (long) Translation2Layout.USER,
            "exec", (long) Translation2Layout.EXEC);
    private static final Map<String, Long> STATES = Map.of(
            "runnable", (long) MpStateLayout.RUNNABLE,
            "uninitialized", (long) MpStateLayout.UNINITIALIZED,
            "init_received", (long) MpStateLayout.INIT_RECEIVED,
            "halted", (long) MpStateLayout.HALTED,
            "sipi_received", (long) MpStateLayout.SIPI_RECEIVED);
    private static final Map<String, Long> GUEST_MEMFD_FLAGS =
            Map.of("mmap", CreateGuestMemfdLayout.MMAP, "init_shared", CreateGuestMemfdLayout.INIT_SHARED);

    private Symbols() {}

    private static Map<String, Long> capabilities() {
        Map<String, Long> names = new TreeMap<>();
        for (Capability each : Capability.values()) {
            names.put(each.name().toLowerCase(Locale.ROOT), (long) each.number());
        }
        return names;
    }

    private static Map<String, Long> vmTypes() {
        Map<String, Long> names = new TreeMap<>();
        for (VmType each : VmType.values()) {
            names.put(each.name().toLowerCase(Locale.ROOT), (long) each.value());
        }
        return names;
    }

    /** The names for the plain argument of a request. */
    static Map<String, Long> ofArgument(KvmIoctl request) {
        return switch (request) {
            case CREATE_VM -> VM_TYPES;
            case CHECK_EXTENSION -> CAPABILITIES;
            default -> Map.of();
        };
    }

    /** The names for a field of a request's struct; of an element of an array, those of the array. */
    static Map<String, Long> ofField(KvmIoctl request, String field) {
        return switch (request.name() + "." + field.replaceFirst("\\[.*", "")) {
            case "SET_USER_MEMORY_REGION.flags", "SET_USER_MEMORY_REGION2.flags" -> SLOT_FLAGS;
            case "CREATE_GUEST_MEMFD.flags" -> GUEST_MEMFD_FLAGS;
            case "SET_MEMORY_ATTRIBUTES.attributes" -> Map.of("private", MemoryAttributesLayout.PRIVATE);
            case "MAP_MEMORY_V1.flags" -> MAP_FLAGS;
            case "TRANSLATE2.flags" -> TRANSLATE_FLAGS;
            case "TRANSLATE2.access" -> TRANSLATE_ACCESS;
            case "SET_MP_STATE.mp_state" -> STATES;
            case "ENABLE_CAP.cap" -> CAPABILITIES;
            case "SET_SREGS2.flags" -> Map.of("pdptrs_valid", Sregs2Layout.PDPTRS_VALID);
            case "CREATE_PIT2.flags" -> Map.of("speaker_dummy", (long) PitConfigLayout.SPEAKER_DUMMY);
            default -> Map.of();
        };
    }
}
