/**
 * Processes' memory as KVM sees it: mappings, host page tables, frames, and notifier calls.
 */
@NullMarked
package io.guestmem.soft.host;

import org.jspecify.annotations.NullMarked;
