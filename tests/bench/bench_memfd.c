/* The least that big values for several processes of one machine cost: writing them once into a
 * memfd, which each of them maps; and reading them back, one more memfd. Usage: bench_memfd
 * push|pull BYTES PROCESSES; prints milliseconds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "bench_memfd: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int write_once(const char *bytes, size_t size)
{
    int fd = memfd_create("bench", MFD_CLOEXEC);
    if (fd < 0)
        die("memfd_create");
    for (size_t done = 0; done < size;) {
        ssize_t got = write(fd, bytes + done, size - done);
        if (got <= 0)
            die("write");
        done += (size_t)got;
    }
    return fd;
}

/* A process that maps the memfd when it is told its number, and answers. */
static void map_it(int in, int out, size_t size)
{
    int fd;
    if (read(in, &fd, sizeof fd) != sizeof fd)
        _exit(1);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getppid(), fd);
    FILE *file = fopen(path, "re");
    if (file == NULL ||
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(file), 0) == MAP_FAILED)
        _exit(1);
    if (write(out, "", 1) != 1)
        _exit(1);
    _exit(0);
}

int main(int argc, char **argv)
{
    size_t size = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    int count = argc == 4 ? atoi(argv[3]) : 0, to[64][2], from[2];
    if (size == 0 || count < 1 || count > 64) {
        fprintf(stderr, "usage: bench_memfd push|pull BYTES PROCESSES\n");
        return 2;
    }
    alarm(60);
    char *bytes = malloc(size);
    if (bytes == NULL || pipe(from) != 0)
        die("malloc");
    memset(bytes, 'x', size);
    if (strcmp(argv[1], "pull") == 0)
        count = 0; /* nobody maps it */
    for (int i = 0; i < count; i++) {
        if (pipe(to[i]) != 0)
            die("pipe");
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0)
            map_it(to[i][0], from[1], size);
    }
    double began = now_ms();
    int fd = write_once(bytes, size);
    for (int i = 0; i < count; i++)
        if (write(to[i][1], &fd, sizeof fd) != sizeof fd)
            die("write");
    char byte;
    for (int i = 0; i < count; i++)
        if (read(from[0], &byte, 1) != 1)
            die("read");
    printf("%.3f\n", now_ms() - began);
    for (int i = 0; i < count; i++)
        close(to[i][1]);
    while (wait(NULL) > 0)
        ;
    return 0;
}
