/*
 * pager_handler SOCKET SNAPSHOT [populate]: the page server that does the least possible. One thread for each VM, which reads up to
 * 64 messages and copies a page for each from a mapping that is there in full; no removals, no states, no failures: it exits.
 * With "populate" it copies everything in pieces of 2 MiB before it serves.
 *
 * pager_handler SOCKET SNAPSHOT PID ADDRESS: the successor of one that was killed. It takes the userfaultfd out of the VM's process,
 * wakes who waits, and serves. Prints the time on CLOCK_MONOTONIC at which it began.
 *
 * The first form ends when its standard input does. The yardstick of the benchmarks of the page server.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define PIECE (2u << 20)
#define MESSAGES 64

static char *snapshot;
static uint64_t length;
static int populates;

struct vm {
    int uffd;
    uint64_t base;
};

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

static void map(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0)
        fail(path);
    length = (uint64_t)status.st_size;
    snapshot = mmap(NULL, length, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
    if (snapshot == MAP_FAILED)
        fail("mmap");
}

/* Copies; whether the VM is still there. */
static int copy(const struct vm *vm, uint64_t offset, uint64_t bytes)
{
    struct uffdio_copy request = {
        .dst = vm->base + offset,
        .src = (uintptr_t)snapshot + offset,
        .len = bytes,
    };
    if (ioctl(vm->uffd, UFFDIO_COPY, &request) == 0 || errno == EEXIST)
        return 1;
    if (errno != ESRCH)
        fail("UFFDIO_COPY");
    return 0;
}

static void serve(const struct vm *vm)
{
    struct uffd_msg messages[MESSAGES];
    struct pollfd ready = {.fd = vm->uffd, .events = POLLIN};
    while (poll(&ready, 1, 1000) >= 0) {
        ssize_t bytes = read(vm->uffd, messages, sizeof messages);
        if (bytes < 0 && errno != EAGAIN)
            fail("read");
        for (ssize_t i = 0; i < bytes / (ssize_t)sizeof *messages; i++)
            if (!copy(vm, (messages[i].arg.pagefault.address & ~(uint64_t)(PAGE - 1)) - vm->base, PAGE))
                return;
        if (bytes < 0 && !copy(vm, 0, PAGE))
            return;
    }
}

static void *attend(void *of)
{
    struct vm *vm = of;
    for (uint64_t done = 0; populates && done < length; done += PIECE)
        if (!copy(vm, done, PIECE < length - done ? PIECE : length - done))
            break;
    serve(vm);
    close(vm->uffd);
    free(vm);
    return NULL;
}

static struct vm *receive(int connection)
{
    char text[4096];
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {.iov_base = text, .iov_len = sizeof text - 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t bytes = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *rights = bytes <= 0 ? NULL : CMSG_FIRSTHDR(&message);
    struct vm *vm = malloc(sizeof *vm);
    if (rights == NULL || vm == NULL)
        fail("recvmsg");
    text[bytes] = 0;
    memcpy(&vm->uffd, CMSG_DATA(rights), sizeof vm->uffd);
    if (sscanf(text, "[{\"base_host_virt_addr\":%" SCNu64, &vm->base) != 1)
        fail("the handshake");
    return vm;
}

static void start(struct vm *vm)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, attend, vm) != 0)
        fail("pthread_create");
    pthread_detach(thread);
}

static void succeed(int pid, uint64_t base)
{
    struct vm vm = {.uffd = -1, .base = base};
    struct uffdio_range all = {.start = base, .len = length};
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    if (process < 0)
        fail("pidfd_open");
    for (int number = 3; number < 64 && vm.uffd < 0; number++) {
        char link[64], name[64] = "";
        snprintf(link, sizeof link, "/proc/%d/fd/%d", pid, number);
        if (readlink(link, name, sizeof name - 1) > 0 && strcmp(name, "anon_inode:[userfaultfd]") == 0)
            vm.uffd = (int)syscall(SYS_pidfd_getfd, process, number, 0);
    }
    if (vm.uffd < 0)
        fail("pidfd_getfd");
    if (ioctl(vm.uffd, UFFDIO_WAKE, &all) != 0)
        fail("UFFDIO_WAKE");
    serve(&vm);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: pager_handler SOCKET SNAPSHOT [populate | PID ADDRESS]\n");
        return 2;
    }
    map(argv[2]);
    if (argc == 5) {
        printf("began %" PRIu64 "\n", nanoseconds());
        fflush(stdout);
        succeed(atoi(argv[3]), strtoull(argv[4], NULL, 10));
        return 0;
    }
    populates = argc == 4;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0)
        fail(argv[1]);
    printf("listening\n");
    fflush(stdout);
    struct pollfd inputs[] = {{.fd = 0, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
    while (poll(inputs, 2, -1) > 0 && inputs[0].revents == 0) {
        int connection = accept(listener, NULL, NULL);
        if (connection < 0)
            fail("accept");
        start(receive(connection));
        close(connection);
    }
    return 0;
}
