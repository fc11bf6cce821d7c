/* Paths. See path.h. */
#include "path.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool tt_path_is_inner(tt_span_t name)
{
    if (name.len == 0 || name.len >= PATH_MAX || name.data[0] == '/' ||
        memchr(name.data, 0, name.len))
        return false;
    for (size_t at = 0; at < name.len;) {
        const uint8_t *part = name.data + at, *slash = memchr(part, '/', name.len - at);
        size_t len = slash ? (size_t)(slash - part) : name.len - at;
        if (len == 2 && memcmp(part, "..", 2) == 0)
            return false;
        at += len + 1;
    }
    return true;
}

int tt_path_make_parents(const char *path)
{
    char *copy = tt_strdup(path);
    int rc = 0;
    for (char *slash = strchr(copy + (*copy != 0), '/'); slash && rc == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            rc = errno;
        *slash = '/';
    }
    free(copy);
    errno = rc ? rc : errno;
    return rc ? -1 : 0;
}
