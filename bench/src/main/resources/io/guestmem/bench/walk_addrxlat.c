/*
 * walk_addrxlat MEMORY ROOT QUERIES: as walk_naive, with the page walk of libaddrxlat, the part of libkdumpfile that translates
 * addresses. The memory is mapped, and its pages are handed out without a copy.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libkdumpfile/addrxlat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define PAGE ((uint64_t)4096)

static size_t memory_bytes;

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static void *map(const char *path, size_t *bytes)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0)
        fail(path);
    *bytes = (size_t)status.st_size;
    void *memory = mmap(NULL, *bytes, PROT_READ, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    return memory;
}

static uint64_t nanoseconds(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        fail("clock_gettime");
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void put_page(const addrxlat_buffer_t *buffer)
{
    (void)buffer;
}

static addrxlat_status get_page(const addrxlat_cb_t *callbacks, addrxlat_buffer_t *buffer)
{
    buffer->addr.addr &= ~(PAGE - 1);
    if (buffer->addr.addr + PAGE > memory_bytes)
        return ADDRXLAT_ERR_NODATA;
    buffer->ptr = (const char *)callbacks->priv + buffer->addr.addr;
    buffer->size = PAGE;
    buffer->byte_order = ADDRXLAT_LITTLE_ENDIAN;
    buffer->put_page = put_page;
    return ADDRXLAT_OK;
}

static unsigned long read_caps(const addrxlat_cb_t *callbacks)
{
    (void)callbacks;
    return ADDRXLAT_CAPS(ADDRXLAT_MACHPHYSADDR);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: walk_addrxlat MEMORY ROOT QUERIES\n");
        return 2;
    }
    addrxlat_ctx_t *context = addrxlat_ctx_new();
    addrxlat_cb_t *callbacks = context == NULL ? NULL : addrxlat_ctx_add_cb(context);
    if (callbacks == NULL)
        fail("addrxlat_ctx_new");
    callbacks->priv = map(argv[1], &memory_bytes);
    callbacks->get_page = get_page;
    callbacks->read_caps = read_caps;
    addrxlat_meth_t method = {
        .kind = ADDRXLAT_PGT,
        .target_as = ADDRXLAT_MACHPHYSADDR,
        .param.pgt = {
            .root = {.addr = strtoull(argv[2], NULL, 0), .as = ADDRXLAT_MACHPHYSADDR},
            .pf = {.pte_format = ADDRXLAT_PTE_X86_64, .nfields = 5, .fieldsz = {12, 9, 9, 9, 9}},
        },
    };
    size_t bytes;
    const uint64_t *queries = map(argv[3], &bytes);
    size_t count = bytes / sizeof *queries;

    char line[16];
    while (fgets(line, sizeof line, stdin) != NULL) {
        uint64_t sum = 0;
        uint64_t start = nanoseconds();
        for (size_t i = 0; i < count; i++) {
            addrxlat_step_t step = {.ctx = context, .sys = NULL, .meth = &method, .base = {.addr = queries[i]}};
            addrxlat_status status = addrxlat_walk(&step);
            if (status != ADDRXLAT_OK) {
                fprintf(stderr, "%016" PRIx64 ": %s\n", queries[i], addrxlat_ctx_get_err(context));
                return 1;
            }
            sum += step.base.addr;
        }
        uint64_t elapsed = nanoseconds() - start;
        printf("%" PRIu64 " %" PRIu64 "\n", sum, elapsed);
        fflush(stdout);
    }
    return 0;
}
