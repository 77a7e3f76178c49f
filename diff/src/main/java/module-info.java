/** Differential testing: the same random calls on two kernels, and what they answered compared. */
module io.guestmem.diff {
    requires transitive io.guestmem.abi;
    requires io.guestmem.kvm;
    requires transitive io.guestmem.soft;
    requires static transitive org.jspecify;

    exports io.guestmem.diff;
}
