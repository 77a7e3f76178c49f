package io.guestmem.soft;

/**
 * What the owner of a SEV guest shares with the security processor. A real owner makes the keys and sends them; here the guest
 * has made its own, so that a test or a demonstration can play the owner.
 *
 * @param integrityKey TIK, 16 bytes: authenticates the measurement and secrets
 * @param encryptionKey TEK, 16 bytes: encrypts secrets
 * @param apiMajor version of the firmware
 * @param apiMinor version of the firmware
 * @param build of the firmware
 */
@SuppressWarnings("ArrayRecordComponent") // keys, compared by nobody
public record SevSession(byte[] integrityKey, byte[] encryptionKey, int apiMajor, int apiMinor, int build) {}
