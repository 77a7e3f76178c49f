/** Races of stage-2 entries: each is run millions of times, and every outcome is one that is written down. */
@NullMarked
package io.guestmem.soft.mmu;

import org.jspecify.annotations.NullMarked;
