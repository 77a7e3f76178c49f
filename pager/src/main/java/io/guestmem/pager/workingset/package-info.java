/**
 * Working sets: which pages of a snapshot a VM touches first, recorded, merged over runs, and installed before they are asked for.
 *
 * <pre>{@code
 *   demand faults → Recorder → WorkingSet → file → merge with other runs → file, with contents or without
 *                                                                              ↓
 *   Replay: what the installer puts in, in buckets of the recorded order  ←  WorkingSet
 * }</pre>
 *
 * <p><b>Invariants.</b>
 *
 * <ul>
 *   <li>Pages are named by their place in the memory file: addresses differ from one VM to the next.
 *   <li>Only what was demanded is evidence. A page that was installed ahead of demand says nothing about its use in that run, and
 *       is recorded as that: {@link io.guestmem.pager.workingset.Touch#AHEAD}. Recordings under replay neither decay nor only grow.
 *   <li>A file is there as a whole or not at all, and nothing of it is believed before it has been checked.
 *   <li>Recording a touch allocates nothing.
 * </ul>
 *
 * <p><b>Locks.</b> None. A {@link io.guestmem.pager.workingset.Recorder} and a {@link io.guestmem.pager.workingset.Replay} are
 * written by the event thread of one VM; what other threads read of them is published.
 */
@NullMarked
package io.guestmem.pager.workingset;

import org.jspecify.annotations.NullMarked;
