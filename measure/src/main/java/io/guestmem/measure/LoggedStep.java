package io.guestmem.measure;

/**
 * One step as it was measured.
 *
 * @param type {@code NORMAL}, {@code VMSA}, {@code ZERO}, … for SNP; {@code UPDATE_DATA}, {@code UPDATE_VMSA} for SEV and SEV-ES;
 *     {@code PAGE.ADD}, {@code MR.EXTEND} for TDX
 * @param gpa where
 * @param size bytes
 * @param contents digest of the contents in lower-case hex, with the technology's hash; empty if the contents are not measured
 * @param state the digest as if the launch ended after this step, in lower-case hex
 * @param what what it is: {@code firmware}, {@code section 3: CPUID}; may be empty
 */
public record LoggedStep(String type, long gpa, long size, String contents, String state, String what) {}
