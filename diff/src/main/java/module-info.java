/** Differential testing: the same random calls on two kernels, and what they answered compared. */
module io.guestmem.diff {
    requires transitive io.guestmem.abi;
    requires io.guestmem.kvm;
    requires transitive io.guestmem.paging;
    requires transitive io.guestmem.soft;
    requires io.guestmem.vmm;
    requires static transitive org.jspecify;

    exports io.guestmem.diff;
    exports io.guestmem.diff.translate;
}
