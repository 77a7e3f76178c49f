package io.guestmem.pager.workingset;

/**
 * The head of a working-set file, little-endian.
 *
 * <pre>{@code
 * struct working_set_head {
 *     uint8_t  magic[8];           //   0  "GMWSET\r\n"
 *     uint32_t version;            //   8  1
 *     uint32_t checksum;           //  12  CRC-32C of the index, with this field as 0
 *     uint64_t file_length;        //  16
 *     uint64_t index_length;       //  24  head and tables
 *     uint64_t page_size;          //  32
 *     uint64_t pages;              //  40  of all entries
 *     uint32_t runs;               //  48  runs of VMs, in 1/256
 *     uint32_t regions;            //  52
 *     uint32_t snapshot_files;     //  56
 *     uint32_t entries;            //  60
 *     uint64_t entry_bytes;        //  64  length of the table of entries
 *     uint64_t pieces;             //  72  of the contents
 *     uint64_t contents_offset;    //  80  0 if there are none
 *     uint64_t contents_length;    //  88
 * };                               //  96
 * struct region        { uint64_t offset, length; };                              // 16, regions times
 * struct snapshot_file { uint64_t length; int64_t modified_nanoseconds; };        // 16, snapshot_files times
 * entry                                                                           // entry_bytes, see EntryCodec
 * struct piece { uint64_t page; uint32_t pages, checksum; uint64_t offset; };     // 24, pieces times
 * }</pre>
 */
final class WorkingSetHead {
    static final long MAGIC = 0x0a0d_5445_5357_4d47L;
    static final int VERSION = 1;

    /** So that no file makes a reader take more memory than it may have. */
    static final long LONGEST_INDEX = 64 << 20;

    static final int VERSION_AT = 8;
    static final int CHECKSUM = 12;
    static final int FILE_LENGTH = 16;
    static final int INDEX_LENGTH = 24;
    static final int PAGE_SIZE = 32;
    static final int PAGES = 40;
    static final int RUNS = 48;
    static final int REGIONS = 52;
    static final int SNAPSHOT_FILES = 56;
    static final int ENTRIES = 60;
    static final int ENTRY_BYTES = 64;
    static final int PIECES = 72;
    static final int CONTENTS_OFFSET = 80;
    static final int CONTENTS_LENGTH = 88;
    static final int SIZE = 96;

    static final int REGION_SIZE = 16;
    static final int SNAPSHOT_FILE_SIZE = 16;
    static final int PIECE_SIZE = 24;

    private WorkingSetHead() {}
}
