/* Where pictures are kept: files of the cluster's state directory, for their owner only, named
 * after the job and who made them: 2-3.png, 2-3-2.png for the second one of engine 3. It is
 * kept below bounds: of more than ALBUM_FILES, or ALBUM_BYTES in all, the oldest go. */
#ifndef ALBUM_H
#define ALBUM_H

#include "picture.h"
#include "error.h"

#include <stdint.h>
#include <time.h>

enum { ALBUM_FILES = 500 };
#define ALBUM_BYTES ((uint64_t)256 << 20)

typedef struct {
    const char *dir;       /* made when there is something to keep */
    struct timespec began; /* what is younger may be of another prompt that is open: it stays */
} album_t;

/* Keeps a picture under `stem` (`2-3`), or stem-2 and so on where that is taken: by one of
 * another prompt, or by one of this that differs. One that is there already is not written
 * again. The path is the caller's to free; NULL with the reason. */
char *album_keep(const album_t *self, const char *stem, const picture_t *picture,
                 tt_error_t *err);

/* A path as a person writes it: ~ for the home. Appended, with controls escaped. */
void album_tell(tt_buf_t *out, const char *path);

#endif
