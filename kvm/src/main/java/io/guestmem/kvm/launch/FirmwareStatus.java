package io.guestmem.kvm.launch;

import java.util.Map;

/**
 * What AMD's security processor answers, in words. Source: AMD SEV API, table "Status Codes"; SEV-SNP firmware ABI, table "Status
 * Codes".
 */
final class FirmwareStatus {
    private static final Map<Integer, String> NAMES = Map.ofEntries(
            Map.entry(0x01, "INVALID_PLATFORM_STATE"),
            Map.entry(0x02, "INVALID_GUEST_STATE"),
            Map.entry(0x03, "INVALID_CONFIG"),
            Map.entry(0x04, "INVALID_LENGTH"),
            Map.entry(0x05, "ALREADY_OWNED"),
            Map.entry(0x06, "INVALID_CERTIFICATE"),
            Map.entry(0x07, "POLICY_FAILURE"),
            Map.entry(0x08, "INACTIVE"),
            Map.entry(0x09, "INVALID_ADDRESS"),
            Map.entry(0x0A, "BAD_SIGNATURE"),
            Map.entry(0x0B, "BAD_MEASUREMENT"),
            Map.entry(0x0C, "ASID_OWNED"),
            Map.entry(0x0D, "INVALID_ASID"),
            Map.entry(0x0E, "WBINVD_REQUIRED"),
            Map.entry(0x0F, "DFFLUSH_REQUIRED"),
            Map.entry(0x10, "INVALID_GUEST"),
            Map.entry(0x11, "INVALID_COMMAND"),
            Map.entry(0x12, "ACTIVE"),
            Map.entry(0x13, "HWERROR_PLATFORM"),
            Map.entry(0x14, "HWERROR_UNSAFE"),
            Map.entry(0x15, "UNSUPPORTED"),
            Map.entry(0x16, "INVALID_PARAM"),
            Map.entry(0x17, "RESOURCE_LIMIT"),
            Map.entry(0x18, "SECURE_DATA_INVALID"),
            Map.entry(0x19, "INVALID_PAGE_SIZE"),
            Map.entry(0x1A, "INVALID_PAGE_STATE"),
            Map.entry(0x1B, "INVALID_MDATA_ENTRY"),
            Map.entry(0x1C, "INVALID_PAGE_OWNER"));

    private FirmwareStatus() {}

    /** {@code firmware status 0xb BAD_MEASUREMENT}. */
    static String describe(int status) {
        return "firmware status 0x" + Integer.toHexString(status) + " " + NAMES.getOrDefault(status, "(unknown)");
    }
}
