/**
 * The TDP MMU: stage-2 tables, faults without locks, zaps.
 */
@NullMarked
package io.guestmem.soft.mmu;

import org.jspecify.annotations.NullMarked;
