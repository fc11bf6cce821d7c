/* What may be used of this machine. Limits of control groups hold for all groups below one, so
 * each on the way up is asked. */
#include "machine.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

int tt_machine_quota(const char *cpu_max)
{
    long long quota, period;
    if (sscanf(cpu_max, "%lld %lld", &quota, &period) != 2 || quota <= 0 || period <= 0)
        return 0;
    long long cores = quota / period + (quota % period != 0);
    return cores > INT_MAX ? INT_MAX : (int)cores;
}

static int read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    int rc = fgets(line, size, file) ? 0 : -1;
    fclose(file);
    line[rc == 0 ? strcspn(line, "\n") : 0] = 0;
    return rc;
}

/* Version 2 has one line, "0::/path". */
static int group_path(char *path, int size)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    int rc = -1;
    while (file && rc != 0 && fgets(path, size, file))
        if (strncmp(path, "0::/", 4) == 0)
            rc = 0;
    if (file)
        fclose(file);
    if (rc == 0)
        memmove(path, path + 3, strlen(path + 3) + 1);
    path[rc == 0 ? strcspn(path, "\n") : 0] = 0;
    return rc;
}

static int least_quota(void)
{
    char group[PATH_MAX], file[PATH_MAX + 64], line[64];
    int least = 0;
    if (group_path(group, sizeof group) != 0)
        return 0;
    for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
        *end = 0;
        snprintf(file, sizeof file, "/sys/fs/cgroup%s/cpu.max", group);
        int quota = read_line(file, line, sizeof line) == 0 ? tt_machine_quota(line) : 0;
        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
    }
    return least;
}

int tt_machine_cores(void)
{
    cpu_set_t set;
    int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    int quota = least_quota();
    if (quota > 0 && quota < cores)
        cores = quota;
    return cores > 0 ? cores : 1;
}

uint64_t tt_machine_spare_memory(void)
{
    char line[128];
    unsigned long long kib;
    uint64_t found = UINT64_MAX;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
            found = kib << 10;
    if (file)
        fclose(file);
    return found;
}
