/* Placement of engines. See placement.h. */
#include "placement.h"

#include "pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS_MAX = 4096, MEMORY_LEAST = 64 << 20 };

/* What numerical libraries read: N engines with a thread for each core would fight. */
static const char *const thread_variables[] = {"OMP_NUM_THREADS",        "OPENBLAS_NUM_THREADS",
                                               "MKL_NUM_THREADS",        "NUMEXPR_NUM_THREADS",
                                               "VECLIB_MAXIMUM_THREADS", "POLARS_MAX_THREADS"};

void placement_release(placement_t *self)
{
    tt_texts_release(&self->variables);
}

int placement_check(const placement_t *self, tt_error_t *err)
{
    double bytes;
    if (self->threads < 0 || self->threads > THREADS_MAX)
        return tt_error_set(err, "--threads takes a number from 1 to %d, not %ld", THREADS_MAX,
                            self->threads);
    if (self->nice < 0 || self->nice > 19)
        return tt_error_set(err, "--nice takes a number from 0 to 19, not %ld", self->nice);
    if (self->memory && (tt_amount(self->memory, &bytes) != 0 || bytes < MEMORY_LEAST))
        return tt_error_set(err, "--memory takes at least 64M, as in 4G, not '%s'",
                            self->memory);
    for (size_t i = 0; i < self->variables.count; i++) {
        const char *text = self->variables.items[i];
        if (strchr(text, '=') == NULL || *text == '=')
            return tt_error_set(err, "--env takes NAME=VALUE, not '%s'", text);
    }
    return 0;
}

static bool is_told(const placement_t *self, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < self->variables.count; i++)
        if (strncmp(self->variables.items[i], name, len) == 0 &&
            self->variables.items[i][len] == '=')
            return true;
    return false;
}

/* Of several values for one name the last one holds: then the settings' come before the line's.
 */
static bool is_told_again(const tt_texts_t *variables, size_t index)
{
    const char *text = variables->items[index];
    size_t name = strcspn(text, "=") + 1;
    for (size_t i = index + 1; i < variables->count; i++)
        if (strncmp(variables->items[i], text, name) == 0)
            return true;
    return false;
}

static size_t pack_variables(const tt_texts_t *variables, tt_buf_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < variables->count; i++)
        if (!is_told_again(variables, i)) {
            tt_pack_text(out, variables->items[i]);
            count++;
        }
    return count;
}

static size_t pack_threads(const placement_t *self, bool here, tt_buf_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof thread_variables / sizeof *thread_variables; i++) {
        const char *name = thread_variables[i];
        if (is_told(self, name) || (here && self->threads == 0 && getenv(name)))
            continue;
        char text[64];
        snprintf(text, sizeof text, "%s=%ld", name, self->threads ? self->threads : 1);
        tt_pack_text(out, text);
        count++;
    }
    return count;
}

void placement_tell(const placement_t *self, const char *directory, bool here,
                    tt_msg_launch_t *launch, tt_buf_t *texts)
{
    tt_buf_t all;
    double bytes = 0;
    tt_buf_init(&all);
    size_t count = pack_threads(self, here, &all);
    count += pack_variables(&self->variables, &all);
    tt_pack_array(texts, count);
    tt_buf_append(texts, all.data, all.len);
    tt_buf_release(&all);
    if (self->memory)
        tt_amount(self->memory, &bytes);
    size_t end = texts->len; /* of the environment; behind it may be the directory */
    if (here && self->directory && self->directory[0] != '/')
        tt_buf_printf(texts, "%s/%s", directory, self->directory);
    launch->environment = (tt_span_t){texts->data, end};
    launch->directory = texts->len > end
                            ? (tt_span_t){texts->data + end, texts->len - end}
                            : tt_span(self->directory ? self->directory : directory);
    launch->nice = (uint64_t)self->nice;
    launch->memory_bytes = (uint64_t)bytes;
}
