/** The command {@code guestmem}: one class a sub-command, no logic of its own. */
module io.guestmem.cli {
    requires info.picocli;
    requires io.guestmem.bench;
    requires io.guestmem.conform;
    requires io.guestmem.diff;
    requires io.guestmem.image;
    requires io.guestmem.kvm;
    requires io.guestmem.lab;
    requires io.guestmem.linux;
    requires io.guestmem.measure;
    requires io.guestmem.pager;
    requires io.guestmem.shell;
    requires io.guestmem.soft;
    requires io.guestmem.vmm;
    requires tools.jackson.core;
    requires static org.jspecify;

    opens io.guestmem.cli to
            info.picocli;
}
