package io.guestmem.pager;

import io.guestmem.linux.Errno;
import java.util.List;
import java.util.Locale;
import java.util.function.ToLongFunction;

/**
 * What a server does, in the text format of Prometheus 0.0.4. Series of a VM end with it.
 *
 * <pre>{@code
 * guestmem_faults_total{vm="1"} 1024
 * guestmem_fault_seconds_bucket{vm="1",need="content",le="6.4E-5"} 1021
 * }</pre>
 */
final class MetricsText {
    private static final double NANOS = 1e9;

    private final StringBuilder text = new StringBuilder();
    private final List<VmStatus> vms;

    private MetricsText(List<VmStatus> vms) {
        this.vms = vms;
    }

    /**
     * Writes it.
     *
     * @param attached VMs since the server has started
     * @param refused connections since then
     */
    static String of(List<VmStatus> vms, long attached, long refused) {
        MetricsText metrics = new MetricsText(vms);
        metrics.head("guestmem_vms", "gauge", "VMs that are served.");
        metrics.sample("guestmem_vms", "", vms.size());
        metrics.head("guestmem_vms_attached_total", "counter", "VMs that were ever served.");
        metrics.sample("guestmem_vms_attached_total", "", attached);
        metrics.head("guestmem_connections_refused_total", "counter", "Connections that are not served.");
        metrics.sample("guestmem_connections_refused_total", "", refused);
        metrics.perVm("guestmem_memory_bytes", "gauge", "Memory of the VM.", VmStatus::bytes);
        metrics.perVm("guestmem_faults_total", "counter", "Faults that were read.", vm -> vm.served().faults);
        metrics.installed();
        metrics.perVm("guestmem_pages_removed_total", "counter", "Pages given back.", vm -> vm.served().removed);
        metrics.perVm(
                "guestmem_pages_failed_total", "counter", "Pages that could not be had.", vm -> vm.served().failed);
        metrics.perVm("guestmem_faults_waiting", "gauge", "Threads that wait for a fault.", VmStatus::waiting);
        metrics.perVm("guestmem_faults_unread", "gauge", "Those whose message is unread.", VmStatus::unread);
        metrics.perVm("guestmem_dirty_pages", "gauge", "Pages that a diff would have.", VmStatus::dirtyPages);
        metrics.errnos();
        metrics.latencies();
        return metrics.text.toString();
    }

    private void installed() {
        String name = "guestmem_pages_installed_total";
        head(name, "counter", "Pages installed, on demand or ahead of it.");
        for (VmStatus vm : vms) {
            installed(name, vm, "demand", vm.served());
            installed(name, vm, "ahead", vm.ahead());
        }
    }

    private void installed(String name, VmStatus vm, String by, Counters counters) {
        sample(name, labels(vm, "by", by, "content", "snapshot"), counters.copied);
        sample(name, labels(vm, "by", by, "content", "zero"), counters.zeroed);
    }

    private void errnos() {
        String name = "guestmem_errnos_total";
        head(name, "counter", "Answers of the kernel other than done.");
        for (VmStatus vm : vms) {
            errnos(name, vm, "demand", vm.served());
            errnos(name, vm, "ahead", vm.ahead());
        }
    }

    private void errnos(String name, VmStatus vm, String by, Counters counters) {
        counters.errnos
                .byNumber()
                .forEach((errno, count) ->
                        sample(name, labels(vm, "by", by, "errno", new Errno(errno).symbol()), count));
    }

    private void latencies() {
        String name = "guestmem_fault_seconds";
        head(name, "histogram", "From reading a fault to resolving it.");
        for (VmStatus vm : vms) {
            for (Latencies.Need need : Latencies.Need.values()) {
                histogram(
                        name,
                        vm,
                        need.name().toLowerCase(Locale.ROOT),
                        vm.latencies().of(need));
            }
        }
    }

    private void histogram(String name, VmStatus vm, String need, LatencyHistogram histogram) {
        long below = 0;
        for (int bucket = 0; bucket < LatencyHistogram.finite(); bucket++) {
            below += histogram.count(bucket);
            String end = Double.toString(LatencyHistogram.end(bucket) / NANOS);
            sample(name + "_bucket", labels(vm, "need", need, "le", end), below);
        }
        long all = below + histogram.count(LatencyHistogram.finite());
        sample(name + "_bucket", labels(vm, "need", need, "le", "+Inf"), all);
        line(name + "_sum", labels(vm, "need", need), Double.toString(histogram.sum() / NANOS));
        sample(name + "_count", labels(vm, "need", need), all);
    }

    private void perVm(String name, String type, String help, ToLongFunction<VmStatus> value) {
        head(name, type, help);
        for (VmStatus vm : vms) {
            long sample = value.applyAsLong(vm);
            if (sample >= 0) {
                sample(name, labels(vm), sample);
            }
        }
    }

    private void head(String name, String type, String help) {
        text.append("# HELP ").append(name).append(' ').append(help).append('\n');
        text.append("# TYPE ").append(name).append(' ').append(type).append('\n');
    }

    private void sample(String name, String labels, long value) {
        line(name, labels, Long.toString(value));
    }

    private void line(String name, String labels, String value) {
        text.append(name).append(labels).append(' ').append(value).append('\n');
    }

    private static String labels(VmStatus vm, String... more) {
        StringBuilder labels = new StringBuilder("{vm=\"").append(vm.vm()).append('"');
        for (int i = 0; i < more.length; i += 2) {
            labels.append(',').append(more[i]).append("=\"").append(more[i + 1]).append('"');
        }
        return labels.append('}').toString();
    }
}
