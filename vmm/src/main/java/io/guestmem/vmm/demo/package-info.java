/**
 * The demonstration: a real file becomes the memory of a real guest, once for each way to populate it.
 *
 * <p><b>Purpose.</b> {@link io.guestmem.vmm.demo.Demonstration} runs the guest cold and once for every
 * {@link io.guestmem.vmm.demo.PopulationWay}, counts the faults that were taken meanwhile and compares the guest's checksum
 * with the file's. {@link io.guestmem.vmm.demo.LaunchDemonstration} launches a confidential guest and compares what was measured
 * with what {@code measure} predicts.
 *
 * <p><b>Invariants.</b> Every run starts from a fresh VM and a fresh mapping. Memory that a userfaultfd guards is filled by a
 * second process ({@link io.guestmem.vmm.demo.FaultServer}); no Java code of this one touches it. Whatever a run has opened,
 * mapped or started is gone when it ends, however it ends.
 *
 * <p><b>Locks.</b> None.
 */
@NullMarked
package io.guestmem.vmm.demo;

import org.jspecify.annotations.NullMarked;
