package io.guestmem.diff;

import io.guestmem.soft.SoftKernel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Compares the software kernel with what another one answered when it was recorded. */
public final class RecordedDiff {
    /** So many differences are told, then the comparison ends. */
    private static final int MOST_DIFFERENCES = 10;

    private RecordedDiff() {}

    /**
     * What a comparison showed.
     *
     * @param calls that were compared
     * @param sequences that they were in
     * @param time that it took
     * @param explained how often each rule explained a difference
     * @param differences that no rule explains: the first of each sequence that has one, as it was recorded; 10 at most
     */
    public record Compared(
            long calls,
            long sequences,
            Duration time,
            Map<KnownDifference, Long> explained,
            List<Difference> differences) {
        /** Copies what it is given. */
        public Compared {
            explained = Map.copyOf(explained);
            differences = List.copyOf(differences);
        }
    }

    /**
     * Compares all of a recording with its twin; a recording can be compared once.
     *
     * @throws RecordingException if other sequences were recorded than are made of its seeds here
     */
    public static Compared run(Recording recording) throws RecordingException {
        RecordingHeader header = recording.header();
        Generator generator = new Generator(header.scope());
        if (generator.fingerprint(header.regressions()) != header.fingerprint()) {
            throw new RecordingException(recording.file(), "its seeds made other sequences then; record it again");
        }
        Iterator<Sequence> sequences = generator.from(header.seed(), header.regressions());
        Playback playback = new Playback();
        long begin = System.nanoTime();
        long count = 0;
        List<Difference> differences = new ArrayList<>();
        try (SoftKernel soft = new SoftKernel(header.twin());
                Comparison comparison = new Comparison(new Performer(soft, header.scope()), playback, header.scope())) {
            Optional<Recording.Recorded> next = recording.next();
            while (next.isPresent() && differences.size() < MOST_DIFFERENCES) {
                Sequence sequence = sequences.next();
                playback.begin(outcomes(recording, sequence, next.get()));
                comparison.compare(sequence).ifPresent(differences::add);
                count++;
                next = recording.next();
            }
            Duration time = Duration.ofNanos(System.nanoTime() - begin);
            return new Compared(comparison.calls(), count, time, comparison.explained(), differences);
        }
    }

    private static List<Outcome> outcomes(Recording recording, Sequence sequence, Recording.Recorded recorded)
            throws RecordingException {
        int expected = sequence.calls().size() + (sequence.comparesMemory() ? 1 : 0);
        if (recorded.seed() != sequence.seed() || recorded.outcomes().size() != expected) {
            throw new RecordingException(
                    recording.file(),
                    "the sequence at byte " + recorded.offset() + " has "
                            + recorded.outcomes().size() + " outcomes of seed " + recorded.seed() + ", not " + expected
                            + " of seed " + sequence.seed());
        }
        return recorded.outcomes();
    }
}
