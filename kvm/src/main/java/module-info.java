/** The typed API of guest memory over any {@link io.guestmem.abi.Kernel}, and the real kernel. */
module io.guestmem.kvm {
    requires transitive io.guestmem.abi;
    requires transitive io.guestmem.linux;
    requires transitive io.guestmem.paging;
    requires static transitive org.jspecify;

    exports io.guestmem.kvm;
    exports io.guestmem.kvm.launch;
    exports io.guestmem.kvm.populate;
    exports io.guestmem.kvm.translate;
}
