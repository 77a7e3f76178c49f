/**
 * Processes' memory as KVM sees it: mappings, host page tables, frames, and notifier calls.
 *
 * <pre>{@code
 *   AddressSpace                          one process: mmap, munmap, mprotect, madvise, fork, its own loads and stores
 *     ├── Mappings   [start, end) ──────> Mapping: private, file, hugetlb; protection; who serves missing pages
 *     ├── PageTable  hva ───────────────> Entry: pfn, level, writable; or swapped, poisoned, hidden
 *     │      │  lookup: no lock                    │
 *     └── Notifiers ──> VMs                         ▼
 *   SharedFile    offset ──> pfn          FrameTable: pfn ──> native memory, made when first used
 * }</pre>
 *
 * <p><b>Locks</b>, outer first: the lock of the {@link io.guestmem.soft.host.FrameTable}'s host, under which everything changes
 * and notifiers are called; whatever notifiers take; the frame table's monitor. A fault of a page that is there takes none. A
 * {@link io.guestmem.soft.host.MissingHandler} is called without any.
 *
 * <p><b>Invariants</b>
 *
 * <ul>
 *   <li>An entry that allowed more, or another page, is only changed between start and end of an invalidation that covers it. An
 *       entry that allowed nothing, or becomes writable on the same page, needs none.
 *   <li>Each entry with a frame holds a reference to it, each page of a file's cache one more; zero pages are not counted. A frame
 *       without references is free.
 *   <li>Anonymous pages never change their address: whoever shares one since a fork has it at the same hva.
 *   <li>A mapping with a home, one native segment under all its pages, has no page anywhere else. Java code writes there without
 *       a fault, so a page of it that is not in the page table already has the content that a fault finds.
 * </ul>
 *
 * <p><b>Not modelled</b>: merging of equal pages (KSM), migration, mremap, locked memory, huge pages in memfds other than hugetlb,
 * lack of memory.
 */
@NullMarked
package io.guestmem.soft.host;

import org.jspecify.annotations.NullMarked;
