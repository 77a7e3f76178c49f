package io.guestmem.soft;

/**
 * What the memory of a simulated host is used for. Without files and memory of processes, {@code frames} is
 * {@code poisonedFrames} and {@code kernelBytes} is 0: anything else was lost.
 *
 * @param frames of 4 KiB, that processes, files and guest_memfds have
 * @param poisonedFrames those of them that are withdrawn for good, since they broke
 * @param frameBytes of native memory behind frames; a chunk or two of 2 MiB are kept for the next ones
 * @param kernelBytes of native memory of the simulated kernel itself: stage-2 tables, pages that vCPUs share with their process
 */
public record MemoryUse(long frames, long poisonedFrames, long frameBytes, long kernelBytes) {}
