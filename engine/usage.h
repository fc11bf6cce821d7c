/* What a process and all that it has started use: read from proc(5), for beats. */
#ifndef USAGE_H
#define USAGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct {
    uint64_t cpu_ms;    /* ever, with what children that have ended had used */
    uint64_t rss_bytes; /* summed: what processes share counts for each */
    size_t processes;
} usage_t;

/* Adds up process `pid` and those below it (not what has left it for another parent). Looks at
 * `*budget` processes at most, and takes what it has looked at off. Returns 0; or -1 when there
 * is no such process, or no budget. Where the kernel tells no children, the process alone
 * counts, and children that have ended. */
int usage_read(pid_t pid, size_t *budget, usage_t *out);

#endif
