/* What processes use. See usage.h. */
#include "usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TODO_MAX = 512, THREADS_MAX = 64 };

/* Processes that are still to be looked at. */
typedef struct {
    pid_t pids[TODO_MAX];
    size_t count;
} todo_t;

/* One read, cut to fit and zero-terminated; files of proc(5) of that size come whole. */
static ssize_t read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    text[got > 0 ? got : 0] = 0;
    return got;
}

/* Adds one process. Returns how many threads it has, 0 when it is not there. */
static long add_process(pid_t pid, usage_t *out)
{
    char path[64], text[1024];
    unsigned long own[2];
    long waited[2], threads, pages;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (read_file(path, text, sizeof text) <= 0)
        return 0;
    const char *at = strrchr(text, ')'); /* its name may hold anything */
    if (at == NULL ||
        sscanf(at + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld %*d %*d %ld "
               "%*d %*u %*u %ld",
               &own[0], &own[1], &waited[0], &waited[1], &threads, &pages) != 6)
        return 0;
    uint64_t ticks = (uint64_t)own[0] + own[1] + (uint64_t)waited[0] + (uint64_t)waited[1];
    out->cpu_ms += ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
    out->rss_bytes += pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    out->processes++;
    return threads > 0 ? threads : 1;
}

/* A thread's children; a number that was cut at the end is left out. */
static void add_children(pid_t pid, const char *thread, todo_t *todo)
{
    char path[96], text[4096], *at = text, *end;
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", (int)pid, thread);
    if (read_file(path, text, sizeof text) <= 0)
        return;
    for (; todo->count < TODO_MAX; at = end) {
        long child = strtol(at, &end, 10);
        if (end == at || *end == 0 || child <= 0)
            return;
        todo->pids[todo->count++] = (pid_t)child;
    }
}

static void add_children_of_threads(pid_t pid, todo_t *todo)
{
    char path[64];
    size_t seen = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    for (struct dirent *entry; threads && seen < THREADS_MAX && (entry = readdir(threads));) {
        if (*entry->d_name == '.')
            continue;
        add_children(pid, entry->d_name, todo);
        seen++;
    }
    if (threads)
        closedir(threads);
}

int usage_read(pid_t pid, size_t *budget, usage_t *out)
{
    todo_t todo = {.pids = {pid}, .count = 1};
    char name[24];
    *out = (usage_t){0};
    if (pid <= 0)
        return -1;
    while (todo.count > 0 && *budget > 0) {
        pid_t next = todo.pids[--todo.count];
        long threads = add_process(next, out);
        --*budget;
        snprintf(name, sizeof name, "%d", (int)next);
        if (threads == 1)
            add_children(next, name, &todo);
        else if (threads > 1)
            add_children_of_threads(next, &todo);
    }
    return out->processes > 0 ? 0 : -1;
}
