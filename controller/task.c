/* Tasks and lists of their parts. See task.h. */
#include "task.h"

#include <stdlib.h>
#include <string.h>

void part_list_push(part_list_t *self, part_t *part)
{
    part->next = NULL;
    part->prev = self->last;
    if (self->last)
        self->last->next = part;
    else
        self->first = part;
    self->last = part;
    self->count++;
}

void part_list_push_front(part_list_t *self, part_t *part)
{
    part->prev = NULL;
    part->next = self->first;
    if (self->first)
        self->first->prev = part;
    else
        self->last = part;
    self->first = part;
    self->count++;
}

void part_list_remove(part_list_t *self, part_t *part)
{
    if (part->prev)
        part->prev->next = part->next;
    else
        self->first = part->next;
    if (part->next)
        part->next->prev = part->prev;
    else
        self->last = part->prev;
    part->next = part->prev = NULL;
    self->count--;
}

part_t *part_list_pop(part_list_t *self)
{
    part_t *part = self->first;
    if (part)
        part_list_remove(self, part);
    return part;
}

task_t *task_new(uint64_t id, const tt_msg_submit_t *submit, tt_frames_t *frames, size_t count)
{
    task_t *self = tt_alloc(sizeof *self);
    self->id = id;
    self->op = (unsigned)submit->op;
    self->balanced = submit->flags & TT_SUBMIT_BALANCED;
    self->now = submit->flags & TT_SUBMIT_NOW;
    self->retries = submit->retries < 10 ? (unsigned)submit->retries : 10;
    self->timeout_ms = submit->timeout_ms;
    self->index = submit->index;
    self->stays = submit->flags & TT_SUBMIT_STAYS;
    if (submit->blob.len == sizeof self->blob) {
        memcpy(self->blob, submit->blob.data, sizeof self->blob);
        self->has_blob = true;
    }
    tt_text_copy(submit->label, self->label, sizeof self->label);
    self->frames = *frames;
    tt_frames_init(frames);
    tt_buf_append(&self->layout, submit->layout.data, submit->layout.len);
    self->bytes = tt_frames_bytes(&self->frames) + sizeof *self + count * sizeof(part_t);
    self->parts = tt_alloc(count * sizeof *self->parts);
    self->part_count = self->left = count;
    self->submitted_ns = tt_now_ns();
    for (size_t i = 0; i < count; i++)
        self->parts[i] = (part_t){.task = self, .attempt = 1, .engine_id = -1};
    return self;
}

void task_destroy(task_t **self_p)
{
    task_t *self = *self_p;
    if (self == NULL)
        return;
    tt_frames_release(&self->frames);
    tt_buf_release(&self->layout);
    free(self->doom);
    free(self->followed);
    free(self->waiters);
    free(self->hearers);
    free(self->allowed);
    free(self->parts);
    free(self);
    *self_p = NULL;
}

static int by_engine(const void *key, const void *part)
{
    int a = *(const int *)key, b = ((const part_t *)part)->engine_id;
    return a < b ? -1 : a > b;
}

part_t *task_part(task_t *self, int engine_id)
{
    if (self->balanced)
        return self->parts->engine_id == engine_id ? self->parts : NULL;
    return bsearch(&engine_id, self->parts, self->part_count, sizeof *self->parts, by_engine);
}

static int by_id(const void *a, const void *b)
{
    return *(const int *)a < *(const int *)b ? -1 : *(const int *)a > *(const int *)b;
}

bool task_outlives(const task_t *self)
{
    return self->keep || self->stays;
}

bool task_allows(const task_t *self, int engine_id, uint64_t born)
{
    if (self->born && born > self->born)
        return false;
    return self->allowed == NULL || bsearch(&engine_id, self->allowed, self->allowed_count,
                                            sizeof *self->allowed, by_id);
}
