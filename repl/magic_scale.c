/* %scale: more engines, like those that are there, or fewer. */
#include "magic.h"
#include "option.h"
#include "pack.h"
#include "notice.h"
#include "screen.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

enum { READY_MS = 60000, ENGINES_MAX = 100000 };

typedef struct {
    session_t *session;
    magic_targets_t here; /* the engines that are meant now */
    long wanted;          /* how many there are to be */
} scale_t;

/* `8`, `+2` or `-2`. Returns 0, or 2 after a message. */
static int read_wanted(scale_t *self, const char *text)
{
    long number;
    const char *digits = text + (*text == '+' || *text == '-');
    if (*digits < '0' || *digits > '9' || tt_whole_number(digits, &number) != 0 ||
        number > ENGINES_MAX)
        return session_complain(
            self->session, "%scale", 2,
            "takes how many engines there are to be, or +N, or -N, not '%s'", text);
    long now = (long)self->here.count;
    self->wanted = *text == '+' ? now + number : *text == '-' ? now - number : number;
    if (self->wanted >= 1)
        return 0;
    return session_complain(self->session, "%scale", 2,
                            "one engine has to stay, of %ld; tutti stop ends the cluster", now);
}

/* ---- fewer */

/* The highest numbers end, each when it has done what it has started. */
static int scale_down(scale_t *self)
{
    size_t count = self->here.count - (size_t)self->wanted;
    const int *last = self->here.ids + self->wanted;
    tt_buf_t ids, set;
    tt_buf_init(&ids);
    tt_buf_init(&set);
    tt_ids_pack(&ids, last, count);
    tt_message_t message = tt_message(TT_MSG_ACTION, 0);
    message.as.action.action = TT_ACTION_RETIRE;
    message.as.action.engines = (tt_span_t){ids.data, ids.len};
    int status = magic_request(self->session, "%scale", &message);
    tt_target_format(&set, last, count);
    if (status == 0)
        screen_note("%s end%s; what runs there is done first\n", tt_buf_text(&set),
                    count == 1 ? "s" : "");
    tt_buf_release(&ids);
    tt_buf_release(&set);
    return status;
}

/* ---- more */

/* The engines that were not there before: their ids, and how many of them are ready or have
 * failed. */
static int *find_new(const scale_t *self, const int *old, size_t old_count, size_t *count,
                     size_t *ready, size_t *failed)
{
    size_t known, at = 0;
    const tt_engine_t *engines = tt_client_engines(self->session->client, &known);
    int *ids = tt_alloc((known + 1) * sizeof *ids);
    *count = *ready = *failed = 0;
    for (size_t i = 0; i < known; i++) {
        while (at < old_count && old[at] < engines[i].id)
            at++;
        if (at < old_count && old[at] == engines[i].id)
            continue;
        ids[(*count)++] = engines[i].id;
        *ready += engines[i].state == TT_ENGINE_READY;
        *failed += engines[i].state == TT_ENGINE_FAILED || engines[i].state == TT_ENGINE_LOST;
    }
    return ids;
}

static int await_new(scale_t *self, const int *old, size_t old_count, size_t more)
{
    session_t *session = self->session;
    int64_t until = tt_now_ms() + READY_MS;
    bool never = false;
    size_t count, ready, failed;
    for (;;) {
        int *ids = find_new(self, old, old_count, &count, &ready, &failed);
        tt_buf_t set;
        tt_buf_init(&set);
        tt_target_format(&set, ids, count);
        free(ids);
        bool over = ready + failed >= more || tt_now_ms() > until || session->pressed ||
                    !tt_client_alive(session->client);
        if (over && ready > 0 && !notice_now())
            screen_note("%s %s new\n", tt_buf_text(&set), count == 1 ? "is" : "are");
        tt_buf_release(&set);
        if (over && ready < more)
            return session_complain(session, "%scale", 4, "%zu of %zu engines ready; %%why",
                                    ready, more);
        if (over)
            return 0;
        tt_loop_run_until(session->loop, &never, 5);
    }
}

/* Like the last one that is there. */
static int scale_up(scale_t *self)
{
    size_t more = (size_t)self->wanted - self->here.count, old_count;
    int *old = magic_all_engines(self->session, &old_count);
    tt_buf_t like;
    tt_buf_init(&like);
    tt_pack_int(&like, self->here.ids[self->here.count - 1]);
    tt_message_t message = tt_message(TT_MSG_LAUNCH, 0);
    message.as.launch.launcher = tt_span("like");
    message.as.launch.count = more;
    message.as.launch.settings = (tt_span_t){like.data, like.len};
    int status = magic_request(self->session, "%scale", &message);
    tt_buf_release(&like);
    if (status == 0)
        status = await_new(self, old, old_count, more);
    free(old);
    return status;
}

int magic_scale(session_t *session, const magic_call_t *call)
{
    scale_t self = {.session = session};
    const char *text = call->rest + strspn(call->rest, " \t\n");
    int status = magic_get_targets(session, call, &self.here);
    if (status != 0)
        return status;
    magic_keep_ours(session, &self.here);
    status = read_wanted(&self, text);
    if (status == 0 && self.wanted < (long)self.here.count)
        status = scale_down(&self);
    else if (status == 0 && self.wanted > (long)self.here.count)
        status = scale_up(&self);
    magic_free_targets(&self.here);
    return status;
}
