/**
 * Side-by-side benchmarks: guestmem against the same work done bare, with the ratio of one run as the result.
 *
 * <p><b>Purpose.</b> {@link io.guestmem.bench.Benchmarks} lists them; each says whether this host can run it, runs, and
 * answers with a figure, the baseline's figure and the bound that the project promises.
 *
 * <p><b>Method.</b> The two sides take turns (ours, baseline, ours, baseline, ...), so that whatever else the machine does hits
 * both alike. The figures are the medians over the rounds, for {@code uffd-copy} and {@code soft-pre-fault-2} the best rounds; the
 * ratio is that of the two figures. This is why the harness is our own: JMH runs one side to its end before the other, and cannot put a C program or the
 * start of a JVM beside a method.
 *
 * <p>The software kernel ({@link io.guestmem.bench.SoftBenchmarks}) is compared with the least that its work could be, stores
 * into a bare array. A round repeats work, and its figure is the fastest repetition; making ready and counting are not timed.
 *
 * <p>The page server ({@link io.guestmem.bench.PageServerProgram}) and a C handler run in processes of their own under the same C
 * client, whose figures are those of the best rounds.
 *
 * <p><b>Invariants.</b>
 *
 * <ul>
 *   <li>Both sides of an ioctl benchmark use the same descriptor of the same VM, and read the same results.
 *   <li>What the software kernel has mapped is counted after every repetition, and what a guest has read is summed up: a figure of
 *       less work than the baseline's is an exception.
 *   <li>{@link io.guestmem.bench.BareIoctl} is the only class outside {@code io.guestmem.linux} that uses
 *       {@link java.lang.foreign.Linker}: it is what the typed API is compared with.
 *   <li>A side that fails ends the benchmark with a {@link io.guestmem.bench.BenchmarkException}: a figure is never one of
 *       work that was not done.
 * </ul>
 *
 * <p><b>Locks.</b> None. A benchmark runs on the thread that calls it (and on two of its own for {@code soft-pre-fault-2}), and two must not run at
 * once, for their figures' sake.
 */
@NullMarked
package io.guestmem.bench;

import org.jspecify.annotations.NullMarked;
