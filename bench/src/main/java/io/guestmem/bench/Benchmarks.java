package io.guestmem.bench;

import java.util.List;
import java.util.stream.Stream;

/** All benchmarks. */
public final class Benchmarks {
    private Benchmarks() {}

    /** All of them, in the order in which they run. Names are unique. */
    public static List<Benchmark> all() {
        return Stream.of(
                        SoftBenchmarks.all().stream(),
                        Stream.of(
                                new SoftAccessBenchmark(),
                                new IoctlBenchmark("ioctl-check-extension", IoctlSides::checkExtension),
                                new IoctlBenchmark("ioctl-get-regs", IoctlSides::getRegisters),
                                new IoctlBenchmark("ioctl-pre-fault", IoctlSides::preFault),
                                new UffdCopyBenchmark(),
                                new MeasureBenchmark(MeasureBenchmark.Kind.SNP_4M),
                                new MeasureBenchmark(MeasureBenchmark.Kind.SNP_1G),
                                new MeasureBenchmark(MeasureBenchmark.Kind.MRTD),
                                new PopulateTwoVcpusBenchmark(),
                                new PopulateOverheadBenchmark(),
                                new PopulateProgressBenchmark()),
                        PagerBenchmark.all().stream(),
                        Stream.of(new StartBenchmark(), new MeasureStartBenchmark()))
                .<Benchmark>flatMap(each -> each)
                .toList();
    }
}
