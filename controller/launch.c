/* Launches in a list, the newest first. See launch.h. */
#include "launch.h"

#include <stdlib.h>
#include <string.h>

launch_t *launch_find(const controller_t *self, uint64_t id)
{
    launch_t *launch = self->launches;
    while (launch && launch->id != id)
        launch = launch->next;
    return launch;
}

static char *copy_text(tt_span_t text)
{
    return tt_strndup((const char *)text.data, text.len);
}

launch_t *launch_new(controller_t *self, const tt_msg_launch_t *message)
{
    launch_t *launch = tt_alloc(sizeof *launch);
    launch->controller = self;
    launch->id = ++self->next_launch;
    launch->launcher = copy_text(message->launcher);
    launch->language = copy_text(message->language);
    launch->program = copy_text(message->program);
    launch->directory = copy_text(message->directory);
    launch->labels = copy_text(message->labels);
    launch->grace_ms = message->grace_ms ? message->grace_ms : 60000;
    launch->nice = message->nice;
    launch->memory_bytes = message->memory_bytes;
    launch->count = message->count;
    launch->total = message->total;
    launch->first_id = -1;
    if (message->args.len)
        tt_buf_append(&launch->args, message->args.data, message->args.len);
    if (message->environment.len)
        tt_buf_append(&launch->environment, message->environment.data,
                      message->environment.len);
    launch->next = self->launches;
    self->launches = launch;
    return launch;
}

void launch_forget(controller_t *self, launch_t *launch)
{
    launch_t **at = &self->launches;
    while (*at != launch)
        at = &(*at)->next;
    *at = launch->next;
    tt_loop_cancel_timer(self->loop, launch->timer);
    free(launch->launcher);
    free(launch->language);
    free(launch->program);
    free(launch->directory);
    free(launch->labels);
    tt_buf_release(&launch->args);
    tt_buf_release(&launch->environment);
    free(launch);
}

static void copy(char **text, const char *from)
{
    free(*text);
    *text = tt_strdup(from);
}

static void copy_buf(tt_buf_t *buf, const tt_buf_t *from)
{
    buf->len = 0;
    if (from->len)
        tt_buf_append(buf, from->data, from->len);
}

void launch_copy(launch_t *self, const launch_t *model)
{
    copy(&self->language, model->language);
    copy(&self->program, model->program);
    copy(&self->directory, model->directory);
    copy(&self->labels, model->labels);
    copy_buf(&self->args, &model->args);
    copy_buf(&self->environment, &model->environment);
    self->grace_ms = model->grace_ms;
    self->nice = model->nice;
    self->memory_bytes = model->memory_bytes;
    self->remote = model->remote;
}
