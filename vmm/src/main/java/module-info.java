/** A small VMM for real guests: guest programs in machine code, the run loop, and the demonstration of every way to populate. */
module io.guestmem.vmm {
    requires transitive io.guestmem.kvm;
    requires transitive io.guestmem.linux;
    requires transitive io.guestmem.measure;
    requires io.guestmem.soft;
    requires static transitive org.jspecify;

    exports io.guestmem.vmm;
    exports io.guestmem.vmm.demo;
    exports io.guestmem.vmm.trace;
}
