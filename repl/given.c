/* Values, functions and items of the local engine. See given.h; the tasks are told in
 * PROTOCOL.md (GET). */
#include "given.h"

#include "pack.h"
#include "screen.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* GET of expressions. The caller releases `result`. */
static int get(session_t *session, const char *magic, char *const *exprs, size_t count,
               const char *how, local_result_t *result, answer_t *answer)
{
    tt_buf_t args;
    tt_error_t err;
    tt_buf_init(&args);
    tt_pack_array(&args, 2);
    tt_pack_array(&args, count);
    for (size_t i = 0; i < count; i++)
        tt_pack_text(&args, exprs[i]);
    tt_pack_text(&args, how);
    int status = session_local_call(session, TT_RT_GET, &args, NULL, result);
    tt_buf_release(&args);
    if (status != 0)
        return status;
    answer_init(answer);
    if (answer_read(answer, tt_frames_span(&result->frames, 0), &err) == 0 &&
        answer->value.data)
        return 0;
    local_result_release(result);
    return session_complain(session, magic, 1, "the local engine gave no value");
}

/* ---- values */

int given_value(session_t *session, const char *magic, const char *expr, tt_frames_t *group)
{
    char *exprs[] = {(char *)(uintptr_t)expr};
    local_result_t result;
    answer_t answer;
    size_t count = 0;
    tt_span_t value = {NULL, 0};
    tt_frames_init(group);
    int status = get(session, magic, exprs, 1, "value", &result, &answer);
    if (status != 0)
        return status;
    tt_reader_t reader = tt_reader(answer.value);
    if (tt_read_array(&reader, &count) == 0 && count == 1)
        tt_read_raw(&reader, &value);
    if (value.data == NULL) {
        local_result_release(&result);
        return session_complain(session, magic, 1, "the local engine gave no value of '%s'",
                                expr);
    }
    tt_frames_copy(group, value.data, value.len);
    for (size_t i = 1; i < result.frames.count; i++)
        tt_frames_share(group, &result.frames.items[i]);
    local_result_release(&result);
    return 0;
}

/* ---- functions */

/* What a person should know of what travels: names and sizes. */
static void tell_note(tt_span_t note)
{
    tt_buf_t line;
    tt_buf_init(&line);
    tt_text_escape(&line, (const char *)note.data, note.len);
    screen_note("%s\n", tt_buf_text(&line));
    tt_buf_release(&line);
}

int given_function(session_t *session, const char *magic, const char *expr,
                   uint8_t hash[GIVEN_HASH])
{
    char *exprs[] = {(char *)(uintptr_t)expr};
    local_result_t result;
    answer_t answer;
    int status = get(session, magic, exprs, 1, "function", &result, &answer);
    if (status != 0)
        return status;
    tt_reader_t reader = tt_reader(answer.value);
    size_t count;
    tt_span_t bytes = {NULL, 0}, note;
    if (tt_read_array(&reader, &count) == 0)
        tt_read_bin(&reader, &bytes);
    if (tt_read_str(&reader, &note) == 0 && note.len > 0)
        tell_note(note);
    if (bytes.len == GIVEN_HASH && result.frames.count == 2) {
        tt_frames_t frames;
        memcpy(hash, bytes.data, GIVEN_HASH);
        tt_frames_init(&frames);
        tt_frames_share(&frames, &result.frames.items[1]);
        tt_client_blob(session->client, hash, &frames);
    } else {
        status = session_complain(session, magic, 1, "the local engine gave no function");
    }
    local_result_release(&result);
    return status;
}

/* ---- items */

int given_items(session_t *session, const char *magic, char *const *exprs, size_t expr_count,
                given_items_t *items)
{
    answer_t answer;
    size_t count = 0, next = 1;
    *items = (given_items_t){.count = 0};
    int status = get(session, magic, exprs, expr_count, "items", &items->result, &answer);
    if (status != 0)
        return status;
    tt_reader_t reader = tt_reader(answer.value);
    if (tt_read_array(&reader, &count) != 0)
        count = 0;
    items->first = tt_alloc((count + 1) * sizeof *items->first);
    items->frames = tt_alloc((count + 1) * sizeof *items->frames);
    for (size_t i = 0; i < count; i++) {
        uint64_t frames = 0;
        tt_read_uint(&reader, &frames);
        if (frames == 0 || next + frames > items->result.frames.count) {
            given_items_release(items);
            return session_complain(session, magic, 1, "the local engine gave broken items");
        }
        items->first[i] = next;
        items->frames[i] = (size_t)frames;
        next += (size_t)frames;
    }
    items->count = count;
    return 0;
}

void given_items_release(given_items_t *self)
{
    local_result_release(&self->result);
    free(self->first);
    free(self->frames);
    *self = (given_items_t){.count = 0};
}

tt_span_t given_item(given_items_t *self, size_t index, tt_frames_t *frames)
{
    size_t first = self->first[index];
    for (size_t i = 1; i < self->frames[index]; i++)
        tt_frames_share(frames, &self->result.frames.items[first + i]);
    return tt_frames_span(&self->result.frames, first);
}

size_t given_group(given_items_t *self, size_t index, tt_frames_t *frames)
{
    tt_reader_t reader = tt_reader(tt_frames_span(&self->result.frames, self->first[index]));
    tt_span_t value = tt_span("\xc0");
    size_t count;
    if (tt_read_array(&reader, &count) == 0 && count == 1)
        tt_read_raw(&reader, &value);
    tt_frames_copy(frames, value.data, value.len);
    given_item(self, index, frames);
    return self->frames[index];
}
