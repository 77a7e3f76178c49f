/** Side-by-side benchmarks: what guestmem costs compared with doing the same thing bare, as ratios of one run. */
module io.guestmem.bench {
    requires io.guestmem.abi;
    requires io.guestmem.image;
    requires io.guestmem.kvm;
    requires io.guestmem.linux;
    requires io.guestmem.measure;
    requires io.guestmem.pager;
    requires io.guestmem.paging;
    requires io.guestmem.soft;
    requires io.guestmem.vmm;
    requires jdk.management;
    requires static transitive org.jspecify;

    exports io.guestmem.bench;
}
