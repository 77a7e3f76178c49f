package io.guestmem.measure.launch;

import io.guestmem.measure.layout.LittleEndian;

/**
 * Fields of the save area in a VMSA (AMD APM volume 2, table B-4; Linux {@code struct sev_es_save_area}).
 *
 * <pre>{@code
 *  struct sev_es_save_area {                       // little-endian, zero where nothing stands here; 0x670 bytes of the page
 *      struct vmcb_seg {                           // 16 bytes each
 *          u16 selector; u16 attrib; u32 limit; u64 base;
 *      } es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;  // 0x000
 *      u8  cpl;                                    // 0x0cb
 *      u64 efer;                                   // 0x0d0
 *      u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;   // 0x148
 *      u64 rsp;                                    // 0x1d8
 *      u64 rax;                                    // 0x1f8
 *      u64 cr2;                                    // 0x240
 *      u64 g_pat;                                  // 0x268
 *      u64 rcx, rdx, rbx;                          // 0x308
 *      u64 rbp, rsi, rdi, r8 ... r15;              // 0x328
 *      u64 sev_features;                           // 0x3b0
 *      u64 xcr0;                                   // 0x3e8
 *      u32 mxcsr;                                  // 0x408
 *      u16 x87_ftw, fsw, fcw;                      // 0x40c
 *  };
 * }</pre>
 */
public enum VmsaField {
    /** Code segment: selector. */
    CS_SELECTOR(0x10, 2),
    /** Code segment: attributes. */
    CS_ATTRIB(0x12, 2),
    /** Code segment: base. */
    CS_BASE(0x18, 8),
    /** Stack segment: attributes. */
    SS_ATTRIB(0x22, 2),
    /** Task register: attributes. */
    TR_ATTRIB(0x92, 2),
    /** Current privilege level. */
    CPL(0xcb, 1),
    /** Extended features; KVM sets SVME. */
    EFER(0xd0, 8),
    /** Control register 4; KVM sets MCE. */
    CR4(0x148, 8),
    /** Control register 3. */
    CR3(0x150, 8),
    /** Control register 0. */
    CR0(0x158, 8),
    /** Debug register 7. */
    DR7(0x160, 8),
    /** Debug register 6. */
    DR6(0x168, 8),
    /** Flags. */
    RFLAGS(0x170, 8),
    /** Instruction pointer. */
    RIP(0x178, 8),
    /** Stack pointer. */
    RSP(0x1d8, 8),
    /** Accumulator. */
    RAX(0x1f8, 8),
    /** Control register 2: the address of the last page fault. */
    CR2(0x240, 8),
    /** Page attribute table. */
    G_PAT(0x268, 8),
    /** Counter. */
    RCX(0x308, 8),
    /** The processor's signature after reset. */
    RDX(0x310, 8),
    /** Base. */
    RBX(0x318, 8),
    /** Base pointer. */
    RBP(0x328, 8),
    /** Source index. */
    RSI(0x330, 8),
    /** Destination index. */
    RDI(0x338, 8),
    /** General-purpose register 8. */
    R8(0x340, 8),
    /** General-purpose register 9. */
    R9(0x348, 8),
    /** General-purpose register 10. */
    R10(0x350, 8),
    /** General-purpose register 11. */
    R11(0x358, 8),
    /** General-purpose register 12. */
    R12(0x360, 8),
    /** General-purpose register 13. */
    R13(0x368, 8),
    /** General-purpose register 14. */
    R14(0x370, 8),
    /** General-purpose register 15. */
    R15(0x378, 8),
    /** Guest features. */
    SEV_FEATURES(0x3b0, 8),
    /** Extended control register 0. */
    XCR0(0x3e8, 8),
    /** Control and status of SSE. */
    MXCSR(0x408, 4),
    /** Control word of the x87. */
    FCW(0x410, 2);

    private final int offset;
    private final int width;

    VmsaField(int offset, int width) {
        this.offset = offset;
        this.width = width;
    }

    /** Puts a value, cut to the field's width. */
    public void put(byte[] page, long value) {
        switch (width) {
            case 1 -> page[offset] = (byte) value;
            case 2 -> LittleEndian.put16(page, offset, (int) value);
            case 4 -> LittleEndian.put32(page, offset, value);
            default -> LittleEndian.put64(page, offset, value);
        }
    }

    /** The value in a page. */
    public long get(byte[] page) {
        return switch (width) {
            case 1 -> page[offset] & 0xff;
            case 2 -> LittleEndian.u16(page, offset);
            case 4 -> LittleEndian.u32(page, offset);
            default -> LittleEndian.u64(page, offset);
        };
    }

    /** The segment registers, in their order. */
    public enum Segment {
        /** Extra data. */
        ES(0x00),
        /** Code. */
        CS(0x10),
        /** Stack. */
        SS(0x20),
        /** Data. */
        DS(0x30),
        /** More data. */
        FS(0x40),
        /** Still more data. */
        GS(0x50),
        /** Global descriptor table: limit and base only. */
        GDTR(0x60),
        /** Local descriptor table. */
        LDTR(0x70),
        /** Interrupt descriptor table: limit and base only. */
        IDTR(0x80),
        /** Task. */
        TR(0x90);

        private final int at;

        Segment(int at) {
            this.at = at;
        }

        /** Puts a segment; {@code attrib} is packed as in a VMCB. */
        public void put(byte[] page, int selector, int attrib, long limit, long base) {
            LittleEndian.put16(page, at, selector);
            LittleEndian.put16(page, at + 2, attrib);
            LittleEndian.put32(page, at + 4, limit);
            LittleEndian.put64(page, at + 8, base);
        }
    }
}
