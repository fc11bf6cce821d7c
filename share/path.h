/* Paths of files that come from elsewhere. */
#ifndef TT_PATH_H
#define TT_PATH_H

#include "buf.h"

#include <stdbool.h>

/* Whether a text is the name of something below a folder: not empty, not absolute, nothing that
 * leads out of it, shorter than PATH_MAX. */
bool tt_path_is_inner(tt_span_t name);

/* Makes the folders above a path that are not there. Returns 0, or -1 with errno. */
int tt_path_make_parents(const char *path);

#endif
