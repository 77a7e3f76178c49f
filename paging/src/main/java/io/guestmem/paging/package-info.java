/**
 * x86 address translation: page-table formats, the walker, access and fault types.
 *
 * <pre>{@code
 *   PagingState ──▶ WalkPlan ──┐
 *   registers       worked out ├─▶ Walker.walk(linear, access, …) ──▶ WalkResult, a long
 *                   once       │                 .translate(…)    ──▶ Translation, a record
 *            PhysicalMemory ───┘
 *   Mappings, StageMappings, NestedMappings: all that one stage, a second stage, or both map
 * }</pre>
 *
 * <p><b>Invariants.</b> Functions over a {@link io.guestmem.paging.PhysicalMemory}; no locks, and no state but a walker's
 * memory of its last walk. One walker for all modes. A walk throws nothing, whatever is in the tables.
 */
@NullMarked
package io.guestmem.paging;

import org.jspecify.annotations.NullMarked;
