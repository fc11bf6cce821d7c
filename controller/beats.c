/* Beats of hosts: what runs there and what it uses, for STATUS. Who measures spends time on it,
 * so engines are measured only while somebody asks for the status. */
#include "controller.h"

enum {
    LOOK_MS = 15000, /* that a STATUS counts as looking */
    FRESH_MS = 5000  /* that numbers of a beat hold */
};

/* [engine, task, ms, queued, ms since it was first interrupted] */
static void note_running(controller_t *self, const peer_t *host, tt_span_t entry)
{
    tt_reader_t reader = tt_reader(entry);
    size_t fields = 0;
    int64_t id = -1, ms = 0;
    uint64_t task = 0, ignoring_ms = 0;
    if (tt_read_array(&reader, &fields) != 0 || tt_read_int(&reader, &id) != 0 ||
        tt_read_uint(&reader, &task) != 0 || tt_read_int(&reader, &ms) != 0)
        return;
    if (tt_skip(&reader) == 0)
        tt_read_uint(&reader, &ignoring_ms);
    engine_t *engine = registry_find(&self->registry, id);
    if (engine == NULL || engine->host != host)
        return;
    engine->running_task = task;
    engine->running_ms = ms;
    engine->ignoring_ms = ignoring_ms;
}

/* [engine, share, rss] */
static void note_usage(controller_t *self, const peer_t *host, tt_span_t entry)
{
    tt_reader_t reader = tt_reader(entry);
    size_t fields = 0;
    int64_t id = -1, share = -1;
    uint64_t rss_bytes = 0;
    if (tt_read_array(&reader, &fields) != 0 || tt_read_int(&reader, &id) != 0 ||
        tt_read_int(&reader, &share) != 0 || tt_read_uint(&reader, &rss_bytes) != 0)
        return;
    engine_t *engine = registry_find(&self->registry, id);
    if (engine == NULL || engine->host != host)
        return;
    engine->used_ms = tt_now_ms();
    engine->share = share;
    engine->rss_bytes = rss_bytes;
}

static void each(controller_t *self, const peer_t *host, tt_reader_t reader,
                 void (*fn)(controller_t *, const peer_t *, tt_span_t))
{
    tt_span_t entry;
    size_t count = 0;
    tt_read_array(&reader, &count);
    for (size_t i = 0; i < count && tt_read_raw(&reader, &entry) == 0; i++)
        fn(self, host, entry);
}

/* [load, cores, memory, spare, engines]; hosts of older versions tell none. */
static void note_load(controller_t *self, peer_t *host, tt_span_t any)
{
    tt_reader_t reader = tt_reader(any);
    size_t fields = 0;
    host_load_t load = {.known = true};
    if (any.len == 0 || tt_read_array(&reader, &fields) != 0 ||
        tt_read_uint(&reader, &load.milli) != 0 || tt_read_uint(&reader, &load.cores) != 0 ||
        tt_read_uint(&reader, &load.memory_bytes) != 0 ||
        tt_read_uint(&reader, &load.spare_bytes) != 0)
        return;
    host->load = load;
    if (fields > 4)
        each(self, host, reader, note_usage);
}

static bool is_looked_at(const controller_t *self)
{
    return self->looked_ms && tt_now_ms() - self->looked_ms < LOOK_MS;
}

void beats_take(controller_t *self, peer_t *peer, tt_message_t *message, tt_frames_t *payload)
{
    (void)payload;
    peer->rss_bytes = message->as.beat.rss_bytes;
    for (size_t i = 0; i < self->registry.count; i++)
        if (self->registry.engines[i]->host == peer)
            self->registry.engines[i]->running_task = self->registry.engines[i]->ignoring_ms =
                0;
    each(self, peer, tt_reader(message->as.beat.running), note_running);
    note_load(self, peer, message->as.beat.load);
    tt_message_t back = tt_message(TT_MSG_BEAT, 0);
    back.as.beat.sent_ns = message->as.beat.sent_ns;
    back.as.beat.look = is_looked_at(self);
    tt_outbox_send(peer->outbox, &back, NULL);
}

void beats_look(controller_t *self)
{
    self->looked_ms = tt_now_ms();
}

bool beats_fresh(const engine_t *engine)
{
    return engine->used_ms && engine_usable(engine) && tt_now_ms() - engine->used_ms < FRESH_MS;
}
