/** The conformance suite: what a kernel must answer to KVM's memory requests, written once over the seam. */
module io.guestmem.conform {
    requires transitive io.guestmem.abi;
    requires io.guestmem.kvm;
    requires io.guestmem.linux;
    requires transitive io.guestmem.soft;
    requires io.guestmem.vmm;
    requires static transitive org.jspecify;

    exports io.guestmem.conform;
}
