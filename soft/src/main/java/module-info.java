/** The software kernel: KVM's memory subsystem in Java, behind KVM's own binary interface. */
module io.guestmem.soft {
    requires transitive io.guestmem.abi;
    requires io.guestmem.measure;
    requires io.guestmem.paging;
    requires static transitive org.jspecify;

    exports io.guestmem.soft;
}
