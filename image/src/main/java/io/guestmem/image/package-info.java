/**
 * Guest-memory images: raw memory, ELF cores, kdump-compressed dumps, LiME and AVML, Firecracker snapshots and
 * their differences.
 *
 * <pre>{@code
 *   GuestImage.open(file) ──▶ memory()    a PhysicalMemory: walk in it
 *                         ──▶ cpus()      registers, where the image carries them
 *                         ──▶ roots()     page-table roots otherwise: by VMCOREINFO, or by search
 * }</pre>
 *
 * <p><b>Invariants.</b> Files are mapped and never read as a whole, so they may be larger than memory, and sparse. Nothing in a
 * file is believed: what reaches outside of it, or contradicts itself, is an {@link io.guestmem.image.ImageException} that names
 * the offset. What a dump left out, or what does not decompress, is memory that cannot be read, and never zeros. No locks.
 */
@NullMarked
package io.guestmem.image;

import org.jspecify.annotations.NullMarked;
