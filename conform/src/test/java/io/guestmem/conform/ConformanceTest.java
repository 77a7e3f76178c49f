package io.guestmem.conform;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ConformanceTest {
    @Test
    void theHostsKernelConforms() {
        List<CheckResult> failed = new ArrayList<>();
        Conformance.run(ConformanceKernel.linux(), Set.of(), result -> {
            System.out.println(result);
            if (result.outcome() == CheckResult.Outcome.FAIL) {
                failed.add(result);
            }
        });
        assertThat(failed).isEmpty();
    }
}
