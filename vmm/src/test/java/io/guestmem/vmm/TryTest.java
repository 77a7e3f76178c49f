package io.guestmem.vmm;

import io.guestmem.kvm.LinuxKernel;
import io.guestmem.vmm.demo.Demonstration;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class TryTest {
    @Test
    void all() {
        new Demonstration(new LinuxKernel(), Path.of(System.getProperty("java.home"), "lib", "modules"), 64 << 20)
                .run((step, steps, what) -> System.out.println(what))
                .forEach(System.out::println);
    }
}
