package io.guestmem.bench;

import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.Measurement;
import io.guestmem.measure.SnpMeasurement;
import io.guestmem.measure.SnpPageType;
import io.guestmem.measure.TdxMeasurement;
import java.lang.foreign.MemorySegment;
import java.security.DigestException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/**
 * What a launch measurement adds to the hashes that its algorithm asks for.
 *
 * @param kind which one
 */
record MeasureBenchmark(Kind kind) implements Benchmark {
    private static final int PAGE = LaunchStep.PAGE;
    private static final int DIGEST = 48;
    private static final int PAGE_INFO = 112;
    /** What MRTD hashes of a page that is measured: a block to add it, 16 blocks and 16 chunks to extend it. */
    private static final int MRTD_INPUT = 6272;

    private static final double GIB = 1L << 30;
    private static final int MOST_ROUNDS = 7;

    /** What is measured. */
    enum Kind {
        /** A launch digest of SNP over 4 MiB, on one thread. */
        SNP_4M("measure-snp-4m", 4 << 20, 1, "ms"),
        /** A launch digest of SNP over 1 GiB, on all processors. */
        SNP_1G("measure-snp-1g", 1 << 30, Runtime.getRuntime().availableProcessors(), "GiB/s"),
        /** MRTD over 64 MiB. */
        MRTD("measure-mrtd", 64 << 20, 1, "GiB/s");

        private final String label;
        private final int size;
        private final int threads;
        private final String unit;

        Kind(String label, int size, int threads, String unit) {
            this.label = label;
            this.size = size;
            this.threads = threads;
            this.unit = unit;
        }
    }

    @Override
    public String name() {
        return kind.label;
    }

    @Override
    public String what() {
        return switch (kind) {
            case SNP_4M -> "a launch digest of SNP over 4 MiB on one core, against its bare SHA-384 of pages and chain";
            case SNP_1G ->
                "a launch digest of SNP over 1 GiB on all cores, against its bare SHA-384 of pages and chain";
            case MRTD -> "MRTD over 64 MiB, against bare SHA-384 of as many bytes";
        };
    }

    @Override
    public Optional<String> unavailable(BenchmarkSettings settings) {
        long most = Runtime.getRuntime().maxMemory();
        return most < kind.size * 3L / 2
                ? Optional.of("needs a heap for " + (kind.size >> 20) + " MiB, has " + (most >> 20) + " MiB")
                : Optional.empty();
    }

    @Override
    public BenchmarkResult run(BenchmarkSettings settings) {
        byte[] contents = new byte[kind.size];
        new Random(1).nextBytes(contents);
        BenchmarkSettings fewer = settings.withRounds(Math.min(MOST_ROUNDS, settings.rounds()));
        SideBySide both =
                SideBySide.measure(() -> figure(() -> ours(contents)), () -> figure(() -> bare(contents)), fewer);
        String remark = (kind.size >> 20) + " MiB of random bytes, " + kind.threads + " threads";
        return kind == Kind.SNP_4M
                ? both.medians(kind.label, kind.unit, List.of(Bound.valueAtMost(8)), fewer, remark)
                : both.most(kind.label, kind.unit, List.of(Bound.ratioAtLeast(0.95)), fewer, remark);
    }

    private double figure(Runnable work) {
        long start = System.nanoTime();
        work.run();
        long nanoseconds = System.nanoTime() - start;
        return kind.unit.equals("ms") ? nanoseconds / 1e6 : kind.size / GIB / (nanoseconds / 1e9);
    }

    private void ours(byte[] contents) {
        MemorySegment memory = MemorySegment.ofArray(contents);
        Measurement measurement;
        if (kind == Kind.MRTD) {
            measurement = new TdxMeasurement();
            measurement.apply(new LaunchStep.TdxPages(0, kind.size, memory, true, name()));
        } else {
            measurement = new SnpMeasurement().withThreads(kind.threads);
            measurement.apply(new LaunchStep.SnpPages(SnpPageType.NORMAL, 0, kind.size, memory, name()));
        }
        if (measurement.digest().length != DIGEST) {
            throw new BenchmarkException("no digest");
        }
    }

    private void bare(byte[] contents) {
        if (kind == Kind.MRTD) {
            MessageDigest digest = sha384();
            long left = (long) kind.size / PAGE * MRTD_INPUT;
            while (left > 0) {
                int length = (int) Math.min(left, contents.length);
                digest.update(contents, 0, length);
                left -= length;
            }
            digest.digest();
            return;
        }
        List<Thread> threads = new ArrayList<>();
        int share = kind.size / PAGE / kind.threads;
        for (int i = 0; i < kind.threads; i++) {
            int first = i * share;
            threads.add(Thread.ofPlatform().name("bare-hash-" + i).start(() -> pages(contents, first, share)));
        }
        threads.forEach(MeasureBenchmark::join);
        MessageDigest chain = sha384();
        byte[] info = new byte[PAGE_INFO];
        for (int i = 0; i < kind.size / PAGE; i++) {
            chain.update(info);
            finish(chain, info);
        }
    }

    private static void pages(byte[] contents, int first, int count) {
        MessageDigest digest = sha384();
        byte[] page = new byte[DIGEST];
        for (int i = first; i < first + count; i++) {
            digest.update(contents, i * PAGE, PAGE);
            finish(digest, page);
        }
    }

    private static void finish(MessageDigest digest, byte[] into) {
        try {
            digest.digest(into, 0, DIGEST);
        } catch (DigestException impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new BenchmarkException("interrupted while hashing");
        }
    }

    private static MessageDigest sha384() {
        try {
            return MessageDigest.getInstance("SHA-384");
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError("every JDK has SHA-384", impossible);
        }
    }
}
