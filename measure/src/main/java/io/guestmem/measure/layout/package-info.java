/**
 * Bytes: little-endian numbers, GUIDs and the hash functions.
 *
 * <p><b>Invariants.</b> Pure functions; no locks. Not exported.
 */
@NullMarked
package io.guestmem.measure.layout;

import org.jspecify.annotations.NullMarked;
