/**
 * Why a digest is another one: a search over the settings that usually differ.
 *
 * <p><b>Invariants.</b> Pure; a search keeps the state after the firmware, so that a candidate costs microseconds. No locks.
 */
@NullMarked
package io.guestmem.measure.explain;

import org.jspecify.annotations.NullMarked;
