/**
 * What firmware says about itself: the GUID table at its end, SEV metadata, TDVF metadata, IGVM directives.
 *
 * <p><b>Invariants.</b> Immutable values over the bytes of a file. Nothing is believed: every offset and size is checked before it is used, and a
 * {@link io.guestmem.measure.firmware.MalformedFirmwareException} names the field and where it stands. Nothing is allocated that is
 * larger than the file says it can be. No locks.
 */
@NullMarked
package io.guestmem.measure.firmware;

import org.jspecify.annotations.NullMarked;
