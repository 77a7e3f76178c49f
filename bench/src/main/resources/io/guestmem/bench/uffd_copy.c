/*
 * uffd_copy BYTES PIECE: copies BYTES from a populated buffer into fresh anonymous memory that a userfaultfd guards, PIECE
 * bytes an ioctl, and prints "BYTES NANOSECONDS" of the copying alone. The yardstick of the benchmark uffd-copy.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static char *map(size_t bytes)
{
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
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

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: uffd_copy BYTES PIECE\n");
        return 2;
    }
    uint64_t bytes = strtoull(argv[1], NULL, 10);
    uint64_t piece = strtoull(argv[2], NULL, 10);

    char *source = map(bytes);
    memset(source, 0x5A, bytes);
    char *destination = map(bytes);

    int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
    if (uffd < 0)
        fail("userfaultfd");
    struct uffdio_api api = {.api = UFFD_API};
    if (ioctl(uffd, UFFDIO_API, &api) != 0)
        fail("UFFDIO_API");
    struct uffdio_register range = {
        .range = {.start = (uintptr_t)destination, .len = bytes},
        .mode = UFFDIO_REGISTER_MODE_MISSING,
    };
    if (ioctl(uffd, UFFDIO_REGISTER, &range) != 0)
        fail("UFFDIO_REGISTER");

    uint64_t done = 0;
    uint64_t start = nanoseconds();
    while (done < bytes) {
        struct uffdio_copy copy = {
            .dst = (uintptr_t)destination + done,
            .src = (uintptr_t)source + done,
            .len = piece < bytes - done ? piece : bytes - done,
        };
        if (ioctl(uffd, UFFDIO_COPY, &copy) != 0 && copy.copy <= 0)
            fail("UFFDIO_COPY");
        done += (uint64_t)copy.copy;
    }
    uint64_t elapsed = nanoseconds() - start;

    printf("%" PRIu64 " %" PRIu64 "\n", done, elapsed);
    return 0;
}
