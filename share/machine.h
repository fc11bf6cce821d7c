/* What this machine lets us use. */
#ifndef TT_MACHINE_H
#define TT_MACHINE_H

#include <stdint.h>

/* How many cores may be used at once, 1 or more: what the scheduler's affinity allows
 * (taskset, a batch system), and no more than the CPU quota of our control group (a container),
 * rounded up. */
int tt_machine_cores(void);

/* The quota in a control group's cpu.max ("MAX PERIOD", as Linux writes it), rounded up to
 * whole cores; 0 when there is none or the text is malformed. */
int tt_machine_quota(const char *cpu_max);

/* Memory that can be given without pushing others out, in bytes (MemAvailable of proc(5));
 * UINT64_MAX when it is not known. */
uint64_t tt_machine_spare_memory(void);

#endif
