/* Reading logs. See logs.h. */
#include "logs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAIL = 64 << 10 };

static const char *const names[LOGS] = {"controller.log", "engine.log"};

bool logs_read(const tt_rundir_t *dir, int number, off_t *at, tt_buf_t *out)
{
    char path[PATH_MAX + 64];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", dir->state_dir, names[number]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    if (*at < 0)
        *at = info.st_size > TAIL ? info.st_size - TAIL : 0;
    if (info.st_size < *at)
        *at = 0;
    ssize_t got;
    while ((got = pread(fd, tt_buf_reserve(out, TAIL), TAIL, *at)) > 0) {
        out->len += (size_t)got;
        *at += got;
    }
    close(fd);
    return true;
}

/* Whether the line has `engine N` of one of them. */
static bool names_one(const char *line, size_t len, const int *ids, size_t count)
{
    static const char word[] = "engine ";
    const char *at = line, *end = line + len;
    while ((at = memmem(at, (size_t)(end - at), word, sizeof word - 1))) {
        char *stop;
        at += sizeof word - 1;
        long id = strtol(at, &stop, 10);
        for (size_t i = 0; stop > at && i < count; i++)
            if (ids[i] == id)
                return true;
    }
    return false;
}

void logs_of_engines(const char *text, const int *ids, size_t count, tt_buf_t *out)
{
    for (size_t len; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        if (!names_one(text, len, ids, count))
            continue;
        tt_buf_append(out, text, len);
        tt_buf_append(out, "\n", 1);
    }
}
