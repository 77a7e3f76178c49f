package io.guestmem.linux;

/**
 * What {@code read(2)} on a userfaultfd returns, any number of them.
 *
 * <pre>{@code
 * struct uffd_msg {               // packed
 *     __u8  event;                //  0
 *     __u8  reserved1;            //  1
 *     __u16 reserved2;            //  2
 *     __u32 reserved3;            //  4
 *     union {
 *         struct {
 *             __u64 flags;        //  8  1 write, 2 write-protect, 4 minor
 *             __u64 address;      // 16
 *             __u32 ptid;         // 24  0 unless UFFD_FEATURE_THREAD_ID
 *         } pagefault;
 *         struct {
 *             __u32 ufd;          //  8
 *         } fork;
 *         struct {
 *             __u64 from;         //  8
 *             __u64 to;           // 16
 *             __u64 len;          // 24
 *         } remap;
 *         struct {                //     also of an unmap event
 *             __u64 start;        //  8
 *             __u64 end;          // 16
 *         } remove;
 *     } arg;
 * };                              // 32
 * }</pre>
 *
 * <p>Source: Linux 6.12 {@code include/uapi/linux/userfaultfd.h}.
 */
final class UffdMsgLayout {
    static final long EVENT = 0;
    static final long FLAGS = 8;
    static final long ADDRESS = 16;
    static final long PTID = 24;
    static final long UFD = 8;
    static final long FROM = 8;
    static final long TO = 16;
    static final long LEN = 24;
    static final long START = 8;
    static final long END = 16;
    static final long SIZE = 32;

    static final int PAGEFAULT = 0x12;
    static final int FORK = 0x13;
    static final int REMAP = 0x14;
    static final int REMOVE = 0x15;
    static final int UNMAP = 0x16;

    private UffdMsgLayout() {}
}
