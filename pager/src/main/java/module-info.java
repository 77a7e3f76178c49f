/** The page server: gives resuming virtual machines their memory from another process, through userfaultfd. */
module io.guestmem.pager {
    requires static transitive org.jspecify;
    requires transitive io.guestmem.linux;
    requires jdk.httpserver;
    requires tools.jackson.core;

    exports io.guestmem.pager;
    exports io.guestmem.pager.handshake;
    exports io.guestmem.pager.source;
    exports io.guestmem.pager.workingset;
}
