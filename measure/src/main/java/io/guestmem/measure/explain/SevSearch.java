package io.guestmem.measure.explain;

import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.Measurement;
import io.guestmem.measure.SevMeasurement;
import io.guestmem.measure.SnpMeasurement;
import io.guestmem.measure.SnpPageType;
import io.guestmem.measure.Technology;
import io.guestmem.measure.firmware.OvmfFirmware;
import io.guestmem.measure.launch.LaunchPlan;
import io.guestmem.measure.launch.SevLaunch;
import io.guestmem.measure.launch.SevSettings;
import io.guestmem.measure.launch.SnpLaunch;
import io.guestmem.measure.layout.Hashes;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Searches the settings of a SEV, SEV-ES or SNP launch for those that give a digest. The firmware is hashed once; numbers of vCPUs are
 * tried by adding one VMSA after the other.
 */
public final class SevSearch {
    /** Up to so many vCPUs are tried. */
    private static final int MOST_VCPUS = 512;

    private static final String DIGEST = "launch digest";

    private final Technology technology;
    private final OvmfFirmware firmware;
    private final byte[] expected;
    private final int vcpus;
    /** What was measured up to some step, by the steps. */
    private final Map<List<LaunchStep>, Measurement> prefixes = new HashMap<>();

    private Optional<Explanation> best = Optional.empty();

    private SevSearch(Technology technology, OvmfFirmware firmware, byte[] expected, int vcpus) {
        this.technology = technology;
        this.firmware = firmware;
        this.expected = expected.clone();
        this.vcpus = vcpus;
    }

    /**
     * Searches; the explanation with the fewest changes wins.
     *
     * @param technology SEV, SEV-ES or SNP
     * @param given the settings that do not match
     * @param expected the digest
     */
    public static Optional<Explanation> explain(
            Technology technology, OvmfFirmware firmware, SevSettings given, SevSuspects suspects, byte[] expected) {
        SevSearch search = new SevSearch(technology, firmware, expected, given.vcpus());
        List<List<Variation.Change<SevSettings>>> all = switch (technology) {
            case SEV -> List.of(suspects.hashes(given));
            case SEV_ES ->
                List.of(
                        suspects.fpu(given),
                        suspects.models(given),
                        suspects.features(given),
                        suspects.hashes(given),
                        suspects.vmms(given));
            case SNP ->
                List.of(
                        suspects.features(given),
                        suspects.models(given),
                        suspects.vmms(given),
                        suspects.fpu(given),
                        suspects.hashes(given),
                        suspects.vmsaGpas(),
                        suspects.unknownSections());
            case TDX -> throw new IllegalArgumentException("TDX has no VMSA: TdxSearch");
        };
        for (Variation<SevSettings> variation : Variation.of(given, all)) {
            if (search.best.isPresent()
                    && variation.changes().size() >= search.best.get().changes().size()) {
                break;
            }
            search.tryOne(variation);
        }
        return search.best;
    }

    private void tryOne(Variation<SevSettings> variation) {
        int most = technology == Technology.SEV ? 1 : Math.max(MOST_VCPUS, vcpus);
        SevSettings settings = variation.settings().withVcpus(Math.min(2, most));
        LaunchPlan plan = technology == Technology.SNP
                ? SnpLaunch.plan(firmware, settings)
                : SevLaunch.plan(technology, firmware, settings);
        if (!(plan instanceof LaunchPlan.Launches launches)) {
            return;
        }
        List<LaunchStep> memory =
                launches.steps().stream().filter(step -> !isVmsa(step)).toList();
        List<LaunchStep> states =
                launches.steps().stream().filter(SevSearch::isVmsa).toList();
        Measurement measurement = measured(memory).checkpoint();
        if (states.isEmpty()) {
            found(measurement, variation, "");
            return;
        }
        found(measured(memory.subList(0, 1)), variation, "only the firmware is measured (OVMF hash)");
        found(measurement, variation, "no vCPU is measured");
        states(measurement, states, variation, most);
    }

    private void states(Measurement measurement, List<LaunchStep> states, Variation<SevSettings> variation, int most) {
        byte[][] digests = new byte[2][];
        for (int i = 0; i < 2; i++) {
            MessageDigest digest = Hashes.sha384();
            Hashes.update(digest, states.get(i).contents());
            digests[i] = digest.digest();
        }
        for (int count = 1; count <= most; count++) {
            int which = Math.min(count, 2) - 1;
            switch (measurement) {
                case SnpMeasurement snp ->
                    snp.update(SnpPageType.VMSA, states.get(which).gpa(), digests[which]);
                default -> measurement.apply(states.get(which));
            }
            found(measurement, variation, count == vcpus ? "" : count + " vCPUs instead of " + vcpus);
        }
    }

    /** The state after some steps, which is kept. */
    private Measurement measured(List<LaunchStep> steps) {
        Measurement known = prefixes.get(steps);
        if (known == null) {
            if (steps.size() > 1) {
                known = measured(steps.subList(0, 1)).checkpoint();
                steps.subList(1, steps.size()).forEach(known::apply);
            } else {
                known = technology == Technology.SNP ? new SnpMeasurement() : new SevMeasurement(technology);
                steps.forEach(known::apply);
            }
            prefixes.put(List.copyOf(steps), known);
        }
        return known;
    }

    private void found(Measurement measurement, Variation<SevSettings> variation, String more) {
        int changes = variation.changes().size() + (more.isEmpty() ? 0 : 1);
        boolean better = best.isEmpty() || changes < best.get().changes().size();
        if (better && Arrays.equals(measurement.digest(), expected)) {
            List<String> words = new ArrayList<>(variation.changes());
            if (!more.isEmpty()) {
                words.add(more);
            }
            best = Optional.of(new Explanation(DIGEST, words));
        }
    }

    private static boolean isVmsa(LaunchStep step) {
        return step instanceof LaunchStep.SevVmsa
                || (step instanceof LaunchStep.SnpPages pages && pages.type() == SnpPageType.VMSA);
    }
}
