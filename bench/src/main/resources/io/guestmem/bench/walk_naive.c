/*
 * walk_naive MEMORY ROOT QUERIES: the plain x86 page walk of four levels that checks nothing but presence: no bounds, no reserved
 * bits, no permissions. MEMORY is a guest's physical memory from address 0 on, QUERIES are linear addresses of 8 bytes.
 *
 * For each line of standard input it goes through all queries ("walk") or all leaves ("leaves"), and prints
 * "SUM NANOSECONDS": the sum of the physical addresses, and what the loop alone took. The yardstick of the benchmarks walk-*.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#define PRESENT 1u
#define LARGE 0x80u
#define ADDRESS 0x000FFFFFFFFFF000u

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static const void *map(const char *path, size_t *bytes)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0)
        fail(path);
    *bytes = (size_t)status.st_size;
    const void *memory = mmap(NULL, *bytes, PROT_READ, MAP_SHARED, file, 0);
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

static uint64_t entry_at(const unsigned char *memory, uint64_t table, uint64_t index)
{
    return *(const uint64_t *)(memory + table + index * 8);
}

static uint64_t walk(const unsigned char *memory, uint64_t root, uint64_t linear)
{
    uint64_t table = root;
    for (int shift = 39;; shift -= 9) {
        uint64_t entry = entry_at(memory, table, linear >> shift & 511);
        if (!(entry & PRESENT))
            return 0;
        if (shift == 12 || (entry & LARGE)) {
            uint64_t offset = ((uint64_t)1 << shift) - 1;
            return (entry & ADDRESS & ~offset) | (linear & offset);
        }
        table = entry & ADDRESS;
    }
}

static uint64_t leaves(const unsigned char *memory, uint64_t table, int shift)
{
    uint64_t sum = 0;
    for (uint64_t index = 0; index < 512; index++) {
        uint64_t entry = entry_at(memory, table, index);
        if (!(entry & PRESENT))
            continue;
        if (shift == 12 || (entry & LARGE))
            sum += entry & ADDRESS & ~(((uint64_t)1 << shift) - 1);
        else
            sum += leaves(memory, entry & ADDRESS, shift - 9);
    }
    return sum;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: walk_naive MEMORY ROOT QUERIES\n");
        return 2;
    }
    size_t bytes;
    const unsigned char *memory = map(argv[1], &bytes);
    uint64_t root = strtoull(argv[2], NULL, 0);
    const uint64_t *queries = map(argv[3], &bytes);
    size_t count = bytes / sizeof *queries;

    char line[16];
    while (fgets(line, sizeof line, stdin) != NULL) {
        uint64_t sum = 0;
        uint64_t start = nanoseconds();
        if (strcmp(line, "leaves\n") == 0) {
            sum = leaves(memory, root, 39);
        } else {
            for (size_t i = 0; i < count; i++)
                sum += walk(memory, root, queries[i]);
        }
        uint64_t elapsed = nanoseconds() - start;
        printf("%" PRIu64 " %" PRIu64 "\n", sum, elapsed);
        fflush(stdout);
    }
    return 0;
}
