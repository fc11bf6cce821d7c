/* The output of an engine: read, attributed to the task that wrote it by the runtime's offsets,
 * sent with the result, or ahead of it when the task runs on. See engine_private.h.
 *
 * What was read before the task word was looked at was written before, too: so bytes behind the
 * running task's start are its own, and while nothing runs they are background. */
#include "engine_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum {
    READ_LIMIT = 262144,            /* bytes a turn, so that a flood does not hold the loop */
    FLUSH_MS = 100,                 /* how long output of a running task waits to be sent */
    OUTPUT_LIMIT = 16 * 1024 * 1024 /* bytes of one task; what is beyond is counted, not kept */
};

static void send_output(engine_t *self, uint64_t id, int stream, tt_buf_t *bytes)
{
    if (bytes->len == 0)
        return;
    tt_message_t message = tt_message(TT_MSG_OUTPUT, id);
    message.as.output.engine = self->id;
    message.as.output.stream = (uint64_t)stream + 1;
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_take_buf(&frames, bytes);
    host_send(self->host, &message, &frames);
}

/* Takes a part's bytes up to `offset`, cut at the limit of what a task may keep. */
static void take(engine_t *self, part_t *part, int stream, uint64_t offset, tt_buf_t *out)
{
    capture_t *capture = &self->out[stream];
    size_t before = out->len;
    capture_take(capture, offset, out);
    size_t got = out->len - before;
    size_t room = part->output < OUTPUT_LIMIT ? OUTPUT_LIMIT - (size_t)part->output : 0;
    if (host_congested(self->host))
        room = 0;
    if (got > room) {
        part->dropped += got - room;
        out->len = before + room;
        got = room;
    }
    part->output += got;
}

static void send_background(engine_t *self, int stream, uint64_t offset)
{
    tt_buf_t bytes;
    tt_buf_init(&bytes);
    capture_take(&self->out[stream], offset, &bytes);
    if (!host_congested(self->host))
        send_output(self, 0, stream, &bytes);
    tt_buf_release(&bytes);
}

/* Sends what has been read and is not yet on its way. */
static void flush_stream(engine_t *self, int stream)
{
    capture_t *capture = &self->out[stream];
    part_t *part = engine_running(self);
    bool exact = self->features & TT_FEATURE_PAGE;
    if (part != self->sent.first)
        return; /* the first has just ended or not yet started: its result tells */
    uint64_t start = part == NULL ? capture_end(capture)
                     : exact      ? atomic_load(&self->page->stream[stream].start)
                                  : 0;
    if (part && exact && tt_page_running(self->page) != part->seq)
        return; /* it ended as we looked: the start may be the next one's */
    send_background(self, stream, start);
    if (part == NULL)
        return;
    tt_buf_t bytes;
    tt_buf_init(&bytes);
    take(self, part, stream, capture_end(capture), &bytes);
    send_output(self, part->task->id, stream, &bytes);
    tt_buf_release(&bytes);
}

static void on_flush(void *arg)
{
    engine_t *self = arg;
    self->flush_timer = 0;
    for (int stream = 0; stream < 2; stream++)
        flush_stream(self, stream);
    const part_t *part = engine_running(self);
    if (part && part != self->sent.first) /* once the results before its own have come */
        self->flush_timer = tt_loop_add_timer(self->loop, FLUSH_MS, on_flush, self);
}

static void on_output(void *arg, int fd, uint32_t events)
{
    engine_t *self = arg;
    int stream = fd == self->out[0].fd ? 0 : 1;
    (void)events;
    if (!capture_read(&self->out[stream], READ_LIMIT))
        tt_loop_remove_fd(self->loop, fd);
    if (self->out[stream].bytes.len > READ_LIMIT)
        flush_stream(self, stream);
    else if (self->flush_timer == 0)
        self->flush_timer = tt_loop_add_timer(self->loop, FLUSH_MS, on_flush, self);
}

void engine_output_watch(engine_t *self)
{
    for (int stream = 0; stream < 2; stream++)
        tt_loop_add_fd(self->loop, self->out[stream].fd, EPOLLIN, on_output, self);
}

static void add_frame(tt_frames_t *frames, tt_buf_t *bytes)
{
    tt_frames_take_buf(frames, bytes);
    tt_buf_release(bytes);
}

void engine_output_attribute(engine_t *self, part_t *part, const uint64_t offsets[4],
                             tt_frames_t *frames)
{
    bool exact = self->features & TT_FEATURE_PAGE;
    for (int stream = 0; stream < 2; stream++) {
        capture_t *capture = &self->out[stream];
        uint64_t start = offsets[2 * stream], end = offsets[2 * stream + 1];
        if (exact) {
            capture_read_to(capture, end);
        } else {
            capture_read_present(capture);
            end = capture_end(capture);
        }
        send_background(self, stream, engine_asked_itself(part) ? end : start);
        tt_buf_t bytes;
        tt_buf_init(&bytes);
        take(self, part, stream, end, &bytes);
        self->output_end[stream] = end;
        add_frame(frames, &bytes);
    }
}

void engine_output_cut(engine_t *self, part_t *part, tt_frames_t *frames)
{
    bool started =
        part->seq > 0 && (self->page == NULL || !(self->features & TT_FEATURE_PAGE) ||
                          part->seq == tt_page_started(self->page));
    for (int stream = 0; stream < 2; stream++) {
        tt_buf_t bytes;
        tt_buf_init(&bytes);
        if (started && self->out[stream].fd >= 0) {
            if (self->page && self->features & TT_FEATURE_PAGE)
                send_background(self, stream, atomic_load(&self->page->stream[stream].start));
            take(self, part, stream, capture_end(&self->out[stream]), &bytes);
        }
        add_frame(frames, &bytes);
    }
}

static void copy_last_line(const tt_buf_t *bytes, char *last, size_t size)
{
    size_t end = bytes->len;
    while (end > 0 && bytes->data[end - 1] == '\n')
        end--;
    size_t start = end;
    while (start > 0 && bytes->data[start - 1] != '\n')
        start--;
    size_t len = end - start < size ? end - start : size - 1;
    if (len)
        memcpy(last, bytes->data + start, len);
    last[len] = 0;
}

void engine_output_finish(engine_t *self, char *last, size_t size)
{
    for (int stream = 0; stream < 2; stream++)
        if (self->out[stream].fd >= 0)
            capture_read(&self->out[stream], OUTPUT_LIMIT);
    copy_last_line(&self->out[1].bytes, last, size);
}
