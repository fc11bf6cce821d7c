/* clang-format off */
/* Target sets: which engines a person means. The grammar of PROMPT.md, "Targets": items separated by
 * commas, each of them
 *     3  0-3       ids and inclusive ranges of ids; all of them must exist
 *     -1           counted from the end of the sorted ids: the last
 *     0:8:2        a slice of the sorted ids, as Python's: end-exclusive, any part may be missing
 *     web1  web[01-17,19]  web01-web17
 *                  hosts, node sets, and ranges as labels show them; web1 also means
 *                  web1.example.org
 *     @gpu         engines with that label or language; @python are also those of
 *                  ipython, and @ipython those alone
 *     all
 */
/* clang-format on */
#ifndef TT_TARGET_H
#define TT_TARGET_H

#include "buf.h"
#include "error.h"

typedef struct {
    int id;
    const char *host; /* NULL: not known */
    const char *language;
    const char *labels; /* of labels.h; NULL: none */
    const char *kind;   /* what it was started as; NULL: its language */
} tt_target_engine_t;   /* all borrowed */

/* Finds the engines that `set` names and `exclude` (NULL: nothing) does not. Returns 0 and
 * their sorted unique ids, at least one, in `ids`, the caller's to free(); or -1 with what is
 * wrong and what exists. Texts over 64 KiB and ranges over a million are refused. */
int tt_target_select(const char *set, const char *exclude, const tt_target_engine_t *engines,
                     size_t count, int **ids, size_t *id_count, tt_error_t *err);

/* Appends sorted unique ids as a set: "0-3,7". */
void tt_target_format(tt_buf_t *out, const int *ids, size_t count);

/* Appends host names, in any order and with repetitions, as node sets: "db,web[01-17,19-40]".
 * Leading zeros are kept. */
void tt_target_nodes(tt_buf_t *out, const char *const *names, size_t count);

/* Calls `each` with every name that a node set such as "web[01-40,42]" stands for, in order; a
 * text without brackets is its own name. Ends at the first call that does not return 0. Returns
 * 0, or -1 with the reason. */
typedef int tt_node_fn(void *arg, const char *name, tt_error_t *err);
int tt_target_expand(const char *item, tt_node_fn *each, void *arg, tt_error_t *err);

#endif
