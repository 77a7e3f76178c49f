package io.guestmem.soft.confidential;

/**
 * What the AMD security processor answers: {@code kvm_sev_cmd.error}. Source: AMD SEV API, table "Status Codes"; SEV-SNP firmware
 * ABI, table "Status Codes".
 */
enum FirmwareStatus {
    SUCCESS(0x00),
    INVALID_GUEST_STATE(0x02),
    INVALID_LENGTH(0x04),
    POLICY_FAILURE(0x07),
    INVALID_ADDRESS(0x09),
    BAD_SIGNATURE(0x0A),
    BAD_MEASUREMENT(0x0B),
    ASID_OWNED(0x0C),
    INVALID_GUEST(0x10),
    INVALID_PARAM(0x16);

    private final int code;

    FirmwareStatus(int code) {
        this.code = code;
    }

    int code() {
        return code;
    }
}
