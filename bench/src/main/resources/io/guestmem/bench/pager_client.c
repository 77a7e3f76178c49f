/*
 * pager_client SOCKET PAGES CPU ORDER [NUMBER]: a VM without a guest. It hands a userfaultfd over as Firecracker does, touches
 * its memory, checks the first word of every page that it touches (page i has i + 1), and prints nanoseconds. CPU is where all of its
 * threads run, -1 for anywhere; PAGES is a power of 2.
 *
 *   faults N    touches N pages in a scattered order: "FAULTS P50 P99 MOST TOTAL" of those that were not there yet
 *   storm N     N threads touch all pages: "FAULTS TOTAL"
 *   full        waits, touching nothing, until all pages are there: "PAGES TOTAL" since the handshake
 *   watch N     a page every N microseconds until standard input ends: "FAULTS P50 P99 MOST END", END is when the longest fault
 *               ended on CLOCK_MONOTONIC
 *
 * The client of all benchmarks of the page server, whoever serves.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define SCATTER 40503u /* odd, so that its multiples meet every page once */
#define PRESENT_IN_PAGEMAP 63

static volatile char *memory;
static uint64_t pages;
static uint64_t start;
static int threads;
static _Atomic uint64_t faults;

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t nanoseconds(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        fail("clock_gettime");
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void pin(int cpu)
{
    cpu_set_t set;
    if (cpu < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        fail("sched_setaffinity");
}

static int present(uint64_t page)
{
    static int pagemap = -1;
    uint64_t entry;
    if (pagemap < 0)
        pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (pread(pagemap, &entry, sizeof entry, (off_t)(((uintptr_t)memory / PAGE + page) * sizeof entry)) != sizeof entry)
        fail("/proc/self/pagemap");
    return entry >> PRESENT_IN_PAGEMAP & 1;
}

/* Touches a page: how long it took. */
static uint64_t touch(uint64_t page)
{
    uint64_t before = nanoseconds();
    uint64_t word = *(volatile uint64_t *)(memory + page * PAGE);
    uint64_t after = nanoseconds();
    if (word != page + 1) {
        fprintf(stderr, "page %" PRIu64 " has %" PRIx64 "\n", page, word);
        exit(1);
    }
    return after - before;
}

static void hand_over(const char *path, uint64_t bytes)
{
    int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (uffd < 0)
        fail("userfaultfd");
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_EVENT_REMOVE};
    if (ioctl(uffd, UFFDIO_API, &api) != 0)
        fail("UFFDIO_API");
    struct uffdio_register range = {
        .range = {.start = (uintptr_t)memory, .len = bytes},
        .mode = UFFDIO_REGISTER_MODE_MISSING,
    };
    if (ioctl(uffd, UFFDIO_REGISTER, &range) != 0)
        fail("UFFDIO_REGISTER");

    char text[256];
    int length = snprintf(text, sizeof text,
                          "[{\"base_host_virt_addr\":%" PRIuPTR ",\"size\":%" PRIu64 ",\"offset\":0,\"page_size\":4096}]",
                          (uintptr_t)memory, bytes);
    char control[CMSG_SPACE(sizeof uffd)] = {0};
    struct iovec part = {.iov_base = text, .iov_len = (size_t)length};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof uffd);
    memcpy(CMSG_DATA(rights), &uffd, sizeof uffd);

    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof address) != 0)
        fail(path);
    start = nanoseconds();
    if (sendmsg(connection, &message, 0) != length)
        fail("sendmsg");
}

static int ascending(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void print(uint64_t *times, uint64_t count, uint64_t last)
{
    qsort(times, count, sizeof *times, ascending);
    if (count == 0)
        printf("0 0 0 0 %" PRIu64 "\n", last);
    else
        printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", count, times[count / 2],
               times[count - 1 - count / 100], times[count - 1], last);
}

static uint64_t *room(void)
{
    uint64_t *times = calloc(pages, sizeof *times);
    if (times == NULL)
        fail("calloc");
    memset(times, 1, pages * sizeof *times);
    return times;
}

static void touch_some(uint64_t wanted)
{
    uint64_t *times = room();
    uint64_t count = 0, total = 0;
    for (uint64_t i = 1; i < pages && count < wanted; i++) {
        uint64_t page = i * SCATTER % pages;
        int there = present(page);
        uint64_t time = touch(page);
        if (!there) {
            times[count++] = time;
            total += time;
        }
    }
    print(times, count, total);
}

static void *touch_part(void *number)
{
    uint64_t count = 0;
    for (uint64_t i = 1 + (uintptr_t)number; i < pages; i += (uint64_t)threads, count++)
        touch(i * SCATTER % pages);
    faults += count;
    return NULL;
}

static void storm(void)
{
    pthread_t team[threads];
    uint64_t began = nanoseconds();
    for (int i = 0; i < threads; i++)
        if (pthread_create(&team[i], NULL, touch_part, (void *)(uintptr_t)i) != 0)
            fail("pthread_create");
    for (int i = 0; i < threads; i++)
        pthread_join(team[i], NULL);
    printf("%" PRIu64 " %" PRIu64 "\n", (uint64_t)faults, nanoseconds() - began);
}

static void await_all(void)
{
    struct timespec pause = {.tv_nsec = 100000};
    while (!present(pages - 1))
        nanosleep(&pause, NULL);
    uint64_t total = nanoseconds() - start; /* that all are there is seen afterwards: to look takes as long as to copy a half */
    for (uint64_t page = 0; page < pages; page++)
        while (!present(page)) {
            nanosleep(&pause, NULL);
            total = nanoseconds() - start;
        }
    for (uint64_t page = 0; page < pages; page++)
        touch(page);
    printf("%" PRIu64 " %" PRIu64 "\n", pages, total);
}

static void watch(long microseconds)
{
    struct pollfd input = {.fd = 0, .events = POLLIN};
    struct timespec pause = {.tv_nsec = microseconds * 1000};
    uint64_t *times = room();
    uint64_t count = 0, longest = 0, end = 0;
    for (uint64_t i = 1; i < pages && poll(&input, 1, 0) == 0; i++) {
        times[count] = touch(i * SCATTER % pages);
        if (times[count] > longest) {
            longest = times[count];
            end = nanoseconds();
        }
        count++;
        nanosleep(&pause, NULL);
    }
    poll(&input, 1, -1); /* all touched: whoever waits for us still finds us */
    print(times, count, end);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: pager_client SOCKET PAGES CPU ORDER [NUMBER]\n");
        return 2;
    }
    alarm(120); /* nobody may be left who waits for a server that is gone */
    pages = strtoull(argv[2], NULL, 10);
    uint64_t bytes = pages * PAGE;
    long number = argc > 5 ? strtol(argv[5], NULL, 10) : 0;
    memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    pin(atoi(argv[3]));
    hand_over(argv[1], bytes);
    if (strcmp(argv[4], "full") == 0) {
        await_all();
        return 0;
    }
    touch(0);
    printf("served %" PRIuPTR "\n", (uintptr_t)memory);
    fflush(stdout);
    threads = (int)number;
    if (strcmp(argv[4], "faults") == 0)
        touch_some((uint64_t)number);
    else if (strcmp(argv[4], "storm") == 0)
        storm();
    else if (strcmp(argv[4], "watch") == 0)
        watch(number);
    else
        return 2;
    return 0;
}
