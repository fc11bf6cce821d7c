/* Bounded memory of what was. See record.h. */
#include "record.h"

#include "buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ENTRY = 48 }; /* what the allocator and the table have for a record, roughly */

static const size_t caps[RECORD_ROWS] = {
    [RECORD_PENDING] = SIZE_MAX,
    [RECORD_SEEN] = RECORDS_CAP_BYTES,
    [RECORD_LEFT] = RECORDS_LEFT_CAP_BYTES,
};

double record_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- rows */

static void charge(records_t *self, record_t *record, size_t bytes)
{
    record->bytes += bytes;
    record->held += bytes;
    self->rows[record->row].bytes += bytes;
    self->rows[record->row].held += bytes;
}

static void refund(records_t *self, record_t *record, size_t bytes)
{
    record->bytes -= bytes;
    record->held -= bytes;
    self->rows[record->row].bytes -= bytes;
    self->rows[record->row].held -= bytes;
}

static void put(records_t *self, record_t *record, record_row_t row)
{
    record->row = row;
    record->next = NULL;
    record->prev = self->rows[row].last;
    if (record->prev)
        record->prev->next = record;
    else
        self->rows[row].first = record;
    self->rows[row].last = record;
    self->rows[row].count++;
    self->rows[row].bytes += record->bytes;
    self->rows[row].held += record->held;
}

static void take_out(records_t *self, record_t *record)
{
    if (record->prev)
        record->prev->next = record->next;
    else
        self->rows[record->row].first = record->next;
    if (record->next)
        record->next->prev = record->prev;
    else
        self->rows[record->row].last = record->prev;
    self->rows[record->row].count--;
    self->rows[record->row].bytes -= record->bytes;
    self->rows[record->row].held -= record->held;
}

/* Names are few among 2^64 keys; a find looks whether it is the right one. */
static uint64_t key_of(const uint8_t session[RECORDS_SESSION], uint64_t number)
{
    uint64_t key;
    memcpy(&key, session, sizeof key);
    return key ^ number * UINT64_C(0x9e3779b97f4a7c15);
}

static void free_written(records_t *self, record_t *record, record_part_t *part)
{
    for (int i = 0; i < 2; i++) {
        if (part->written[i] == NULL)
            continue;
        refund(self, record, part->written[i]->len);
        tt_buf_release(part->written[i]);
        free(part->written[i]);
        part->written[i] = NULL;
    }
}

static void destroy(records_t *self, record_t *record)
{
    uint64_t key = key_of(record->session, record->number);
    for (size_t i = 0; i < record->count; i++) {
        free_written(self, record, &record->parts[i]);
        free(record->parts[i].answer);
    }
    take_out(self, record);
    if (tt_map_get(&self->by_name, key) == record)
        tt_map_take(&self->by_name, key);
    free(record);
}

/* ---- the life of a record */

record_t *records_begin(records_t *self, const uint8_t session[RECORDS_SESSION],
                        uint64_t number, uint64_t task, const char *label, size_t count)
{
    size_t label_size = strlen(label) + 1,
           bytes = sizeof(record_t) + count * sizeof(record_part_t) + label_size;
    record_t *record = tt_alloc(bytes);
    record->parts = (record_part_t *)(record + 1);
    memcpy(record->session, session, RECORDS_SESSION);
    record->number = number;
    record->task = task;
    record->count = record->left = count;
    record->label = memcpy(record->parts + count, label, label_size);
    record->submitted = record_now();
    record->bytes = bytes + ENTRY;
    for (size_t i = 0; i < count; i++)
        record->parts[i].engine_id = -1;
    put(self, record, RECORD_PENDING);
    if (tt_map_get(&self->by_name, key_of(session, number)) == NULL)
        tt_map_set(&self->by_name, key_of(session, number), record);
    return record;
}

bool records_written(records_t *self, record_t *record, size_t i, int stream, tt_span_t bytes,
                     bool left)
{
    record_part_t *part = &record->parts[i];
    tt_buf_t **written = &part->written[stream == 2];
    size_t before = left ? self->rows[RECORD_PENDING].held : *written ? (*written)->len : 0;
    if (before + bytes.len > (left ? RECORDS_LEFT_CAP_BYTES / 2 : RECORDS_RESULT_BYTES)) {
        part->unwritten += bytes.len;
        return false;
    }
    if (*written == NULL)
        *written = tt_alloc(sizeof **written);
    tt_buf_append(*written, bytes.data, bytes.len);
    charge(self, record, bytes.len);
    return true;
}

static uint8_t *append(uint8_t *at, const void *data, size_t len)
{
    if (len > 0)
        memcpy(at, data, len);
    return at + len;
}

/* One block of it all; output that came ahead stands before the rest of its stream. */
static answer_t *answer_new(const tt_msg_result_t *result, tt_buf_t *const written[2],
                            const tt_frames_t *payload, bool whole)
{
    size_t count = whole && payload ? payload->count : 0;
    if (whole && count < 3 && (written[0] || written[1]))
        count = 3;
    size_t cause = result->cause.len < 512 ? result->cause.len : 512,
           host = result->host.len < 256 ? result->host.len : 256, bytes = cause + host;
    for (size_t i = 0; i < count; i++) {
        const tt_buf_t *ahead = i == 1 || i == 2 ? written[i - 1] : NULL;
        bytes += tt_frames_span(payload, i).len + (ahead ? ahead->len : 0);
    }
    size_t size = sizeof(answer_t) + count * sizeof(uint32_t) + bytes;
    answer_t *answer = tt_alloc(size);
    *answer = (answer_t){.dropped_bytes = result->dropped_bytes,
                         .whole = whole,
                         .cause_len = (uint32_t)cause,
                         .host_len = (uint32_t)host,
                         .count = (uint32_t)count,
                         .len = (uint32_t *)(answer + 1),
                         .size = size};
    answer->bytes = (uint8_t *)(answer->len + count);
    uint8_t *at = append(answer->bytes, result->cause.data, cause);
    at = append(at, result->host.data, host);
    for (size_t i = 0; i < count; i++) {
        const tt_buf_t *ahead = i == 1 || i == 2 ? written[i - 1] : NULL;
        tt_span_t span = tt_frames_span(payload, i);
        answer->len[i] = (uint32_t)(span.len + (ahead ? ahead->len : 0));
        if (ahead)
            at = append(at, ahead->data, ahead->len);
        at = append(at, span.data, span.len);
    }
    return answer;
}

/* The record has ended: it makes room for itself. */
static void end(records_t *self, record_t *record)
{
    record_row_t row = record->alone ? RECORD_LEFT : RECORD_SEEN;
    take_out(self, record);
    put(self, record, row);
    self->total++;
    while (self->rows[row].bytes > caps[row])
        destroy(self, self->rows[row].first);
}

void records_end(records_t *self, record_t *record, size_t i, const tt_msg_result_t *result,
                 uint64_t born, const tt_frames_t *payload, bool left)
{
    record_part_t *part = &record->parts[i];
    static const tt_frames_t none;
    const tt_frames_t *frames = payload ? payload : &none;
    size_t bytes = tt_frames_bytes(frames);
    bool fits = left ? self->rows[RECORD_PENDING].held + bytes <= RECORDS_LEFT_CAP_BYTES / 2
                     : bytes <= RECORDS_RESULT_BYTES;
    bool whole = result->layout.len == 0 && fits;
    part->engine_id = (int)result->engine;
    part->status = (unsigned)result->status;
    part->attempt = (unsigned)result->attempt;
    part->queue_ns = result->queue_ns;
    part->wait_ns = result->wait_ns;
    part->run_ns = result->run_ns;
    part->born = born;
    part->ended = record_now();
    part->answer = answer_new(result, part->written, frames, whole);
    part->answer->dropped_bytes += part->unwritten;
    free_written(self, record, part);
    charge(self, record, part->answer->size);
    record->alone |= left;
    if (--record->left == 0)
        end(self, record);
}

tt_message_t records_result(const record_part_t *part, uint64_t id, tt_frames_t *payload)
{
    const answer_t *answer = part->answer;
    const uint8_t *at = answer->bytes + answer->cause_len + answer->host_len;
    tt_message_t message = tt_message(TT_MSG_RESULT, id);
    message.as.result = (tt_msg_result_t){
        .engine = part->engine_id,
        .attempt = part->attempt,
        .status = part->status,
        .queue_ns = part->queue_ns,
        .wait_ns = part->wait_ns,
        .run_ns = part->run_ns,
        .dropped_bytes = answer->dropped_bytes,
        .cause = {answer->bytes, answer->cause_len},
        .host = {answer->bytes + answer->cause_len, answer->host_len},
    };
    for (uint32_t i = 0; i < answer->count; i++) {
        tt_frames_copy(payload, at, answer->len[i]);
        at += answer->len[i];
    }
    return message;
}

record_t *records_find(const records_t *self, const uint8_t session[RECORDS_SESSION],
                       uint64_t number)
{
    record_t *record = tt_map_get(&self->by_name, key_of(session, number));
    bool same = record && record->number == number &&
                memcmp(record->session, session, RECORDS_SESSION) == 0;
    return same ? record : NULL;
}

void records_forget(records_t *self, record_t *record)
{
    if (record->left == 0)
        destroy(self, record);
}

size_t records_bytes(const records_t *self)
{
    size_t bytes = 0;
    for (int row = 0; row < RECORD_ROWS; row++)
        bytes += self->rows[row].bytes;
    return bytes;
}

void records_release(records_t *self)
{
    for (int row = 0; row < RECORD_ROWS; row++)
        while (self->rows[row].first)
            destroy(self, self->rows[row].first);
    tt_map_release(&self->by_name);
    *self = (records_t){0};
}

/* ---- reasons */

void reasons_add(reasons_t *self, int engine, const char *host, const char *text)
{
    reason_t *reason = &self->items[self->next];
    self->next = (self->next + 1) % REASONS_MAX;
    if (self->count < REASONS_MAX)
        self->count++;
    reason->when = record_now();
    reason->engine = engine;
    snprintf(reason->host, sizeof reason->host, "%s", host);
    snprintf(reason->text, sizeof reason->text, "%s", text);
}

const reason_t *reasons_get(const reasons_t *self, size_t i)
{
    return &self->items[(self->next + REASONS_MAX - self->count + i) % REASONS_MAX];
}
