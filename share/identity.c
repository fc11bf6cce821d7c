/* Machine, boot and randomness. */
#include "identity.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

const char *tt_host_name(void)
{
    static char name[HOST_NAME_MAX + 1];
    if (name[0] == 0 && gethostname(name, sizeof name - 1) != 0)
        strcpy(name, "?");
    return name;
}

const char *tt_boot_id(void)
{
    static char id[64];
    int fd = id[0] ? -1 : open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return id;
    ssize_t got = read(fd, id, sizeof id - 1);
    id[got > 0 ? got : 0] = 0;
    id[strcspn(id, "\n")] = 0;
    close(fd);
    return id;
}

void tt_random(void *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t got = getrandom((char *)bytes + at, len - at, 0);
        if (got < 0)
            abort();
        at += (size_t)got;
    }
}

uint64_t tt_random_number(void)
{
    uint64_t number;
    tt_random(&number, sizeof number);
    return (number >> 1) | 1;
}
