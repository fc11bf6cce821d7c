/* The groups of engines that `tutti start` is told of, as its options tell them in their order:
 * the name of an option, its value, and so on. Each --engines begins a group. */
#ifndef GROUPS_H
#define GROUPS_H

#include "cluster.h"

/* The first `set` texts are what the settings say, the others come from the line. Lays the
 * settings under each group of the line; its own number of engines takes the place of theirs.
 */
void groups_lay(tt_texts_t *texts, size_t set);

/* Fills in the wish's groups; what stands before the first --engines is the first one's.
 * Returns 0, or -1 with what is wrong. */
int groups_read(const tt_texts_t *texts, cluster_wish_t *wish, tt_error_t *err);

#endif
