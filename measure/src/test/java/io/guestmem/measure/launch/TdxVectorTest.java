package io.guestmem.measure.launch;

import static org.assertj.core.api.Assertions.assertThat;

import io.guestmem.measure.LaunchStep;
import io.guestmem.measure.LoggedStep;
import io.guestmem.measure.TdxMeasurement;
import io.guestmem.measure.Vector;
import io.guestmem.measure.firmware.FirmwareFile;
import io.guestmem.measure.firmware.MalformedFirmwareException;
import io.guestmem.measure.firmware.OvmfFirmware;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The published MRTD, and what the two orders have in common. */
class TdxVectorTest {
    private static final int PAGE = LaunchStep.PAGE;

    @Test
    void mrtdIsThePublishedOne() throws MalformedFirmwareException {
        Vector vector = Vector.named("tdx_published.json", "aleph_synthetic_mrtd");

        LaunchPlan plan = TdxLaunch.plan(firmware(vector.text("firmware")), TdxSettings.STANDARD);

        assertThat(digest(plan)).isEqualTo(vector.text("expected_mrtd"));
    }

    @Test
    void theOrderMattersOnlyForSectionsOfSeveralPages() throws MalformedFirmwareException {
        OvmfFirmware onePageEach = firmware("aleph_synthetic_tdvf.fd");

        assertThat(digest(TdxLaunch.plan(onePageEach, TdxSettings.STANDARD.with(TdxOrder.SECTION))))
                .isEqualTo(digest(TdxLaunch.plan(onePageEach, TdxSettings.STANDARD)));
        assertThat(types(TdxOrder.PAGE))
                .containsExactly("PAGE.ADD 0", "MR.EXTEND 0", "PAGE.ADD 1000", "MR.EXTEND 1000");
        assertThat(types(TdxOrder.SECTION))
                .containsExactly("PAGE.ADD 0", "PAGE.ADD 1000", "MR.EXTEND 0", "MR.EXTEND 1000");
    }

    /** The steps of two pages, as they are logged; checks that a log changes nothing. */
    private static List<String> types(TdxOrder order) {
        MemorySegment contents = MemorySegment.ofArray(new byte[2 * PAGE]);
        List<LaunchStep> steps = order == TdxOrder.PAGE
                ? List.of(new LaunchStep.TdxPages(0, 2 * PAGE, contents, true, ""))
                : List.of(
                        new LaunchStep.TdxPages(0, 2 * PAGE, contents, false, ""),
                        new LaunchStep.TdxExtend(0, 2 * PAGE, contents, ""));
        List<LoggedStep> log = new ArrayList<>();
        TdxMeasurement logged = new TdxMeasurement();
        logged.logTo(log::add);
        TdxMeasurement silent = new TdxMeasurement();
        for (LaunchStep step : steps) {
            logged.apply(step);
            silent.checkpoint().apply(step);
            silent.apply(step);
        }
        assertThat(log.getLast().state())
                .isEqualTo(HexFormat.of().formatHex(silent.digest()))
                .isEqualTo(HexFormat.of().formatHex(logged.checkpoint().digest()));
        assertThat(silent.steps()).isEqualTo(4);
        return log.stream()
                .map(step -> step.type() + " " + Long.toHexString(step.gpa()))
                .toList();
    }

    @Test
    void contentsThatAreNotOnTheHeapMakeNoDifference() {
        byte[] bytes = new byte[3 * PAGE];
        new Random(7).nextBytes(bytes);
        MemorySegment outside = Arena.ofAuto().allocate(bytes.length);
        MemorySegment.copy(MemorySegment.ofArray(bytes), 0, outside, 0, bytes.length);
        TdxMeasurement heap = new TdxMeasurement();
        TdxMeasurement off = new TdxMeasurement();

        heap.apply(new LaunchStep.TdxPages(PAGE, 3 * PAGE, MemorySegment.ofArray(bytes), true, ""));
        off.apply(new LaunchStep.TdxPages(PAGE, 3 * PAGE, outside, true, ""));

        assertThat(off.digest()).isEqualTo(heap.digest());
    }

    private static OvmfFirmware firmware(String name) throws MalformedFirmwareException {
        return OvmfFirmware.of(FirmwareFile.of(Vector.bytes(name)));
    }

    private static String digest(LaunchPlan plan) {
        assertThat(plan).isInstanceOf(LaunchPlan.Launches.class);
        return HexFormat.of().formatHex(((LaunchPlan.Launches) plan).measure().digest());
    }
}
