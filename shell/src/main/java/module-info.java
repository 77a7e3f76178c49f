/** An interactive shell over the seam: every request by its name, and a fuzzer that calls them at random. */
module io.guestmem.shell {
    requires transitive io.guestmem.abi;
    requires io.guestmem.kvm;
    requires transitive io.guestmem.soft;
    requires io.guestmem.vmm;
    requires org.jline.reader;
    requires org.jline.terminal;
    requires static transitive org.jspecify;

    exports io.guestmem.shell;
}
