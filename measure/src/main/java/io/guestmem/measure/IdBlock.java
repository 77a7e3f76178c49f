package io.guestmem.measure;

import io.guestmem.measure.layout.Hashes;
import io.guestmem.measure.layout.LittleEndian;
import java.util.Arrays;

/**
 * The ID block that {@code KVM_SEV_SNP_LAUNCH_FINISH} takes: the firmware starts the guest only if its launch digest is this one
 * (AMD SEV-SNP firmware ABI, table "Structure of the ID Block").
 *
 * <pre>{@code
 *  struct { u8 ld[48]; u8 family_id[16]; u8 image_id[16]; u32 version; u32 guest_svn; u64 policy; };   // 96 bytes
 * }</pre>
 *
 * @param bytes all 96
 */
@SuppressWarnings("ArrayRecordComponent") // bytes for an ioctl, compared by nobody
public record IdBlock(byte[] bytes) {
    /** Bytes of an ID block. */
    public static final int SIZE = 96;
    /** The policy of most tools: bit 17, which must be one, and SMT allowed. */
    public static final long STANDARD_POLICY = 0x30000;

    private static final int FAMILY = 48;
    private static final int IMAGE = 64;
    private static final int VERSION = 80;
    private static final int GUEST_SVN = 84;
    private static final int POLICY = 88;
    private static final int ID_SIZE = 16;

    /**
     * An ID block.
     *
     * @param digest the launch digest, 48 bytes
     * @param familyId 16 bytes that the guest's owner chooses
     * @param imageId 16 bytes that the guest's owner chooses
     * @param guestSvn security version of the guest
     * @param policy the same as at {@code SNP_LAUNCH_START}, else the firmware answers POLICY_FAILURE
     */
    public static IdBlock of(byte[] digest, byte[] familyId, byte[] imageId, long guestSvn, long policy) {
        LaunchMeasurement.require("the digest", digest, Hashes.SHA384_SIZE);
        LaunchMeasurement.require("the family", familyId, ID_SIZE);
        LaunchMeasurement.require("the image", imageId, ID_SIZE);
        byte[] block = new byte[SIZE];
        System.arraycopy(digest, 0, block, 0, digest.length);
        System.arraycopy(familyId, 0, block, FAMILY, ID_SIZE);
        System.arraycopy(imageId, 0, block, IMAGE, ID_SIZE);
        LittleEndian.put32(block, VERSION, 1);
        LittleEndian.put32(block, GUEST_SVN, guestSvn);
        LittleEndian.put64(block, POLICY, policy);
        return new IdBlock(block);
    }

    /** The launch digest in it. */
    public byte[] digest() {
        return Arrays.copyOf(bytes, Hashes.SHA384_SIZE);
    }

    /** The policy in it. */
    public long policy() {
        return LittleEndian.u64(bytes, POLICY);
    }
}
