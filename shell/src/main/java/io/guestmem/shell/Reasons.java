package io.guestmem.shell;

import io.guestmem.abi.KvmFileKind;
import io.guestmem.abi.KvmIoctl;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The errnos of each request, with their reasons. Where a request is refused for several reasons, they stand in the order in which
 * the kernel looks.
 *
 * <p>Source: Linux 7.2 {@code kvm_main.c}, {@code x86.c}, {@code guest_memfd.c}, {@code regs.c}; of requests that were never merged,
 * the series that proposed them.
 */
final class Reasons {
    private static final String TABLE = """
        get_api_version
            EINVAL the argument is not 0
        create_vm
            EINVAL the host has no VMs of this type
            EMFILE too many files are open
        check_extension
        get_vcpu_mmap_size
            EINVAL the argument is not 0
        get_supported_cpuid
            E2BIG there are more entries than there is room for
            ENOMEM nent is more than fits
        get_device_attr
            ENXIO the system has no such group or attribute
        has_device_attr
            ENXIO the system has no such group or attribute
        create_vcpu
            EINVAL the id is 4096 or more, or there are 1024 vCPUs
            EEXIST there is a vCPU with this id
            EMFILE too many files are open
        get_dirty_log
            ENXIO there are dirty rings instead
            EINVAL the slot's number or address space is too high
            ENOENT the slot is not there, or does not log
        set_nr_mmu_pages
            EINVAL less than 64
        set_user_memory_region
            EINVAL flags beyond log_dirty_pages and readonly; a slot number of 32764 or more; readonly where the VM has none
            EINVAL an address or the size is not a multiple of 4096, is outside user space, or wraps
            EINVAL the address space does not exist; more than 2^31 - 1 pages
            EINVAL size 0 and no such slot; another size, hva or readonly than the slot has; any change of a guest_memfd's
            EEXIST another slot has some of the pages
            EINVAL the end is above what the host can map
        set_tss_addr
            EINVAL the address is too high
        set_identity_map_addr
            EINVAL there are vCPUs
        set_user_memory_region2
            EINVAL unknown flags, or guest_memfd together with readonly or log_dirty_pages; a slot number of 32764 or more
            EINVAL an address, the size or guest_memfd_offset is not a multiple of 4096, is outside user space, or wraps
            EINVAL the address space does not exist; more than 2^31 - 1 pages
            EINVAL size 0 and no such slot; another size, hva or readonly than the slot has; any change of a guest_memfd's
            EEXIST another slot has some of the pages
            EBADF guest_memfd is no open file
            EINVAL guest_memfd is another file, or another VM's, or is too short
            EEXIST another slot has some of the guest_memfd's pages (EINVAL before Linux 7)
            EINVAL the end is above what the host can map
        create_irqchip
            EEXIST there is one
            EINVAL there are vCPUs
            ENOTTY the kernel has none
        create_pit2
            EEXIST there is one
            ENOENT there are no interrupt controllers
            ENOTTY the kernel has none
        run
            EINVAL the argument is not 0; kvm_run asks for registers that are not shared
            EINTR a signal that the mask lets through, or immediate_exit
            EFAULT a page of the guest is not there; kvm_run says which if exit_reason is MEMORY_FAULT
            EHWPOISON a page of a guest_memfd is broken
        get_regs
        set_regs
        get_sregs
        set_sregs
            EINVAL control registers, EFER, segments or APIC base that no processor can have
        translate
        translate2
            EINVAL set_dirty or force without set_accessed; set_dirty without write; unknown flags or access
            EINVAL the kernel does not know the request
        get_msrs
            E2BIG 256 registers or more
        set_msrs
            E2BIG 256 registers or more
        set_signal_mask
            EINVAL len is not 8
        set_cpuid2
            E2BIG more than 256 entries
            EINVAL the vCPU has run, and the entries differ; linear addresses that are neither 48 nor 57 bits wide
        get_mp_state
        set_mp_state
            EINVAL a state other than runnable, without interrupt controllers
        enable_cap
            EINVAL the capability cannot be enabled; flags, or arguments that it does not take; a dirty ring when there are vCPUs
            E2BIG a dirty ring of more than 1 MiB
            EPERM vm_disable_nx_huge_pages without CAP_SYS_BOOT
        get_xsave
            EINVAL the extended state is more than 4096 bytes; the software kernel has none
        smi
        memory_encrypt_op
            ENOTTY the host encrypts no memory
            EINVAL on a vCPU, where the VM is no TD
        memory_encrypt_reg_region
            ENOTTY the VM's memory is not encrypted
        memory_encrypt_unreg_region
            ENOTTY the VM's memory is not encrypted
        get_nested_state
            EINVAL the processor offers no virtualisation to guests
            E2BIG size is less than the state has
        clear_dirty_log
            ENXIO there are dirty rings instead
            EINVAL the slot's number or address space is too high; first_page is not a multiple of 64
            ENOENT the slot is not there, or does not log
            EINVAL the pages are not in the slot; num_pages is not a multiple of 64 and does not reach its end
        reset_dirty_rings
            EINVAL there are none
        get_sregs2
        set_sregs2
            EINVAL as set_sregs; unknown flags, or PDPTRs outside PAE paging
        get_stats_fd
            EMFILE too many files are open
        set_memory_attributes
            ENOTTY no VM of this host has private memory
            EINVAL flags; attributes that the VM has not; size 0; address or size are not multiples of 4096, or wrap
        create_guest_memfd
            EINVAL unknown flags; the size is not a positive multiple of 4096
            EMFILE too many files are open
        pre_fault_memory
            EINVAL flags; size 0; gpa or size are not multiples of 4096, or wrap
            EINTR a signal was pending before anything was done
            EOPNOTSUPP no TDP, or a nested guest with stage-2 tables of its own
            ENOENT there is no memslot; the page is above what the host can map
            EAGAIN the memslot is being deleted or moved
            EFAULT the host's memory is not there; private memory without guest_memfd (exit_reason MEMORY_FAULT)
            EHWPOISON a page of a guest_memfd is broken (exit_reason MEMORY_FAULT)
        map_memory_v1
            EINVAL unknown flags; private without private memory; no pages, or they wrap; source not a multiple of 4096, or not 0
            EAGAIN not all was done, whatever the reason; or something changed meanwhile
            EINTR a signal was pending before anything was done
            EFAULT there is no memslot, or no memory of the host
            EOPNOTSUPP no TDP
            EIO the fault ended otherwise
            EHWPOISON a page of a guest_memfd is broken
        map_memory_v2
            EINVAL flags; size 0, alignment, or the range wraps; there is no memslot
            EAGAIN something changed meanwhile
            EINTR a signal is pending
            EFAULT the host's memory is not there
            EOPNOTSUPP no TDP
            EIO the fault ended otherwise
            EHWPOISON a page of a guest_memfd is broken
        map_memory_v3
            EINVAL flags; size 0, alignment, or the range wraps; there is no memslot
            EAGAIN something changed meanwhile
            EINTR a signal is pending
            EFAULT the host's memory is not there
            EOPNOTSUPP no TDP, or a nested guest with stage-2 tables of its own
            EIO the fault ended otherwise
            EHWPOISON a page of a guest_memfd is broken
        guest_memfd_populate
            EINVAL no memslot with a guest_memfd; a page that is not private; the source cannot be read
            EEXIST the first page has content already
            EFAULT the guest_memfd was closed
            EINTR a signal is pending
            EHWPOISON a page of the guest_memfd is broken
            ENOTTY the kernel does not know the request
        """;

    private static final Map<KvmIoctl, List<String>> REASONS = parse();

    private Reasons() {}

    private static Map<KvmIoctl, List<String>> parse() {
        Map<KvmIoctl, List<String>> reasons = new EnumMap<>(KvmIoctl.class);
        List<String> current = new ArrayList<>();
        for (String line : TABLE.lines().toList()) {
            if (line.startsWith(" ")) {
                current.add(line.strip());
            } else {
                current = new ArrayList<>();
                reasons.put(Requests.named(line).orElseThrow(), current);
            }
        }
        return reasons;
    }

    /** The errnos of a request: each line begins with one. */
    static List<String> of(KvmIoctl request) {
        List<String> all = new ArrayList<>(REASONS.getOrDefault(request, List.of()));
        if (StructBuffer.shape(request, 0).isPresent()) {
            all.addFirst("EFAULT the struct cannot be read or written");
        }
        if (!request.files().contains(KvmFileKind.SYSTEM)) {
            all.addFirst("EIO another process made the VM, or the VM is dead");
        }
        return all;
    }

    /** Whether the table has a request. */
    static boolean knows(KvmIoctl request) {
        return REASONS.containsKey(request);
    }

    /** Whether a request can end with an errno. */
    static boolean has(KvmIoctl request, String errno) {
        return of(request).stream().anyMatch(line -> line.startsWith(errno + " "));
    }
}
