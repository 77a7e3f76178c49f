/** KVM's binary interface as facts, and the seam between those who speak it and the kernels that answer. */
module io.guestmem.abi {
    requires static transitive org.jspecify;

    exports io.guestmem.abi;
}
