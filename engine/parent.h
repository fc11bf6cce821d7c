/* The tiny parent above an engine host: when the host ends, however it ends, no process that it
 * or user code started is left. */
#ifndef PARENT_H
#define PARENT_H

/* Forks. In the child it returns 0 and the caller becomes the host. In the parent it does not
 * return: it waits for the host, ends every descendant and exits as the host did (128 + signal
 * when it was killed). Returns -1 with errno when nothing could be forked. */
int parent_fork(void);

/* For the host, when it has ended its work: if the parent with that pid was killed before it,
 * nobody else sweeps, so this does. The host must be a subreaper. */
void parent_stand_in(int parent);

/* For a parent with a loop of its own (far.c). Ends every descendant, in at most ten seconds;
 * ends us as the host ended; makes a forked child a host below `parent`. */
void parent_sweep(void);
void parent_exit(int wait_status) __attribute__((noreturn));
void parent_become_host(int parent);

#endif
