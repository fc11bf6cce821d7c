/* Tasks and their parts. See task.h. */
#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOW_LIMIT_MS = 1000 }; /* of a question that brings none */

void incoming_link(incoming_t *self, incoming_t **list)
{
    self->next = *list;
    self->at = list;
    if (self->next)
        self->next->at = &self->next;
    *list = self;
}

void incoming_unlink(incoming_t *self)
{
    if (self->at == NULL)
        return;
    *self->at = self->next;
    if (self->next)
        self->next->at = self->at;
    self->at = NULL;
    self->next = NULL;
}

task_t *task_new(uint64_t id, const tt_msg_task_t *message, tt_frames_t *frames)
{
    task_t *self = tt_alloc(sizeof *self);
    self->refs = 1;
    self->id = id;
    self->op = (unsigned)message->op;
    self->attempt = (unsigned)message->attempt;
    self->timeout_ms = message->timeout_ms < INT64_MAX ? message->timeout_ms : INT64_MAX;
    self->pid = message->pid;
    self->now = message->flags & TT_SUBMIT_NOW;
    if (self->now && self->timeout_ms == 0)
        self->timeout_ms = NOW_LIMIT_MS;
    self->frames = *frames;
    tt_frames_init(frames);
    tt_error_t err;
    if (tt_layout_read(&self->incoming.layout, message->layout, &err) != 0)
        snprintf(self->incoming.failure, sizeof self->incoming.failure, "%.190s", err.text);
    if (message->blob.len == sizeof self->blob) {
        memcpy(self->blob, message->blob.data, sizeof self->blob);
        self->has_blob = true;
    }
    return self;
}

void task_release(task_t **task_p)
{
    task_t *self = *task_p;
    *task_p = NULL;
    if (self == NULL || --self->refs > 0)
        return;
    incoming_unlink(&self->incoming);
    tt_taking_release(&self->incoming.taking);
    tt_layout_release(&self->incoming.layout);
    tt_frames_release(&self->frames);
    free(self);
}

part_t *part_new(task_t *task)
{
    part_t *self = tt_alloc(sizeof *self);
    self->task = task;
    self->received_ns = tt_now_ns();
    task->refs++;
    return self;
}

void part_destroy(part_t **part_p)
{
    if (*part_p == NULL)
        return;
    task_release(&(*part_p)->task);
    free(*part_p);
    *part_p = NULL;
}

void part_queue_init(part_queue_t *self)
{
    *self = (part_queue_t){.end = &self->first};
}

void part_queue_push(part_queue_t *self, part_t *part)
{
    part->next = NULL;
    *self->end = part;
    self->end = &part->next;
    self->count++;
}

void part_queue_insert(part_queue_t *self, part_t *part)
{
    part_t **at = &self->first;
    while (*at && (*at)->order < part->order)
        at = &(*at)->next;
    part->next = *at;
    *at = part;
    if (part->next == NULL)
        self->end = &part->next;
    self->count++;
}

static part_t *unlink_at(part_queue_t *self, part_t **at)
{
    part_t *part = *at;
    if (part == NULL)
        return NULL;
    *at = part->next;
    if (*at == NULL)
        self->end = at;
    part->next = NULL;
    self->count--;
    return part;
}

part_t *part_queue_pop(part_queue_t *self)
{
    return unlink_at(self, &self->first);
}

part_t *part_queue_remove(part_queue_t *self, uint64_t id)
{
    part_t **at = &self->first;
    while (*at && ((*at)->task == NULL || (*at)->task->id != id))
        at = &(*at)->next;
    return unlink_at(self, at);
}

part_t *part_queue_find(const part_queue_t *self, uint64_t id)
{
    part_t *part = self->first;
    while (part && (part->task == NULL || part->task->id != id))
        part = part->next;
    return part;
}

void part_queue_vacate(part_queue_t *self, part_t *part)
{
    part_t **at = &self->first, *empty = tt_alloc(sizeof *empty);
    while (*at != part)
        at = &(*at)->next;
    *empty = (part_t){.next = part->next, .seq = part->seq};
    *at = empty;
    if (empty->next == NULL)
        self->end = &empty->next;
    part->next = NULL;
    part->seq = 0;
}
