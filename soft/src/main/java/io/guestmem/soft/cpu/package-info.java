/**
 * Virtual CPUs: registers, KVM_RUN, and the instructions that guest programs use.
 */
@NullMarked
package io.guestmem.soft.cpu;

import org.jspecify.annotations.NullMarked;
