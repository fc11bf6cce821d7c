/* %replay, and what it is for: engines that lack what was sent before they were born. Balanced
 * work leaves them out. See journal.h. */
#include "given.h"
#include "magic.h"
#include "pack.h"
#include "screen.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

static uint64_t newest(const session_t *session)
{
    size_t count;
    uint64_t born = 0;
    const tt_engine_t *engines = tt_client_engines(session->client, &count);
    for (size_t i = 0; i < count; i++)
        if (engines[i].born > born)
            born = engines[i].born;
    return born;
}

uint64_t magic_note(session_t *session, const magic_targets_t *targets, const deed_t *deed)
{
    deed_t noted = *deed;
    const tt_engine_t *first =
        targets->count ? tt_client_engine(session->client, targets->ids[0]) : NULL;
    noted.born = newest(session);
    noted.language = targets->bare && first ? first->language : NULL;
    noted.ids = noted.language ? NULL : targets->ids;
    noted.id_count = noted.language ? 0 : targets->count;
    return journal_add(session->journal, &noted);
}

static bool lacks(const session_t *session, int id)
{
    const tt_engine_t *engine = tt_client_engine(session->client, id);
    lack_t lack = {0, 0};
    if (engine)
        lack = journal_lack(session->journal, engine);
    return lack.lines + lack.names > 0;
}

/* ---- balanced work */

static void tell_lacking(const int *ids, size_t count, bool left_out)
{
    tt_buf_t set;
    tt_buf_init(&set);
    tt_target_format(&set, ids, count);
    if (left_out)
        screen_note("%s %s left out: what was sent before is missing there; %%replay %s, or "
                    "--any\n",
                    tt_buf_text(&set), count == 1 ? "is" : "are", tt_buf_text(&set));
    else
        screen_note("what was sent before is missing on %s; %%replay %s\n", tt_buf_text(&set),
                    tt_buf_text(&set));
    tt_buf_release(&set);
}

uint64_t magic_keep_complete(session_t *session, int *ids, size_t *count)
{
    size_t kept = 0, lacking = 0;
    if (journal_next(session->journal, 0) == NULL)
        return 0; /* nothing has been sent: any engine will do, and later ones as well */
    int *without = tt_alloc((*count + 1) * sizeof *without);
    for (size_t i = 0; i < *count; i++) {
        if (lacks(session, ids[i]))
            without[lacking++] = ids[i];
        else
            ids[kept++] = ids[i];
    }
    if (lacking > 0)
        tell_lacking(without, lacking, kept > 0);
    if (kept > 0)
        *count = kept;
    else
        memcpy(ids, without, lacking * sizeof *ids);
    free(without);
    return newest(session);
}

/* ---- %replay */

typedef struct {
    session_t *session;
    const magic_call_t *call;
    int *ids; /* of engines that lack something */
    size_t count;
    size_t failed; /* deeds */
    uint64_t upto; /* the last deed before the first name that could not be pushed */
    bool pushed;   /* all names could be */
} replay_t;

/* What the task of a deed comes with. Returns 0, or an exit status after a message. */
static int pack_deed(session_t *session, const deed_t *deed, magic_task_t *task, tt_buf_t *args)
{
    if (deed->name == NULL) {
        task->op = TT_RT_EXECUTE;
        tt_pack_array(args, 3);
        tt_pack_text(args, deed->text);
        tt_pack_text(args, "replay");
        tt_pack_uint(args, deed->flags | TT_EXECUTE_QUIET);
        task->frames = NULL;
        return 0;
    }
    task->op = TT_RT_SET;
    int status = given_value(session, "%replay", deed->text, task->frames);
    if (status != 0)
        return status;
    magic_pack_set(args, deed->name, task->frames->count);
    return 0;
}

typedef enum { REDONE, FAILED, STOPPED } redo_t;

/* Waits for a deed's job. What fails is shown; what it writes otherwise is not: it was seen
 * before. */
static redo_t await(session_t *session, job_t *job)
{
    bool done = session_wait(session, job, -1);
    if (done && job_failed(job) == 0) {
        job_destroy(&job); /* nothing of it is wanted later */
        return REDONE;
    }
    session_add_job(session, job);
    job->background = !done;
    job->shown = done && job->cancelled;
    if (!done || job->cancelled)
        return STOPPED;
    session_finish_job(session, job);
    return FAILED;
}

/* Does one deed again where it is missing. */
static redo_t redo(const replay_t *self, const deed_t *deed)
{
    session_t *session = self->session;
    magic_targets_t targets = {.ids = tt_alloc((self->count + 1) * sizeof *targets.ids)};
    for (size_t i = 0; i < self->count; i++) {
        const tt_engine_t *engine = tt_client_engine(session->client, self->ids[i]);
        if (engine && journal_lacks(session->journal, engine, deed))
            targets.ids[targets.count++] = self->ids[i];
    }
    tt_buf_t args;
    tt_frames_t frames;
    tt_buf_init(&args);
    tt_frames_init(&frames);
    magic_task_t task = {.args = &args, .frames = &frames, .label = deed->text};
    redo_t came = REDONE;
    if (targets.count > 0 && pack_deed(session, deed, &task, &args) != 0)
        came = FAILED;
    else if (targets.count > 0)
        came = await(session, magic_submit(session, &targets, &task));
    tt_buf_release(&args);
    free(targets.ids);
    return came;
}

/* All deeds, in their order. A line that fails is done; a name that cannot be pushed is missing
 * still. Returns false when it was stopped. */
static bool redo_all(replay_t *self)
{
    const deed_t *deed;
    self->pushed = true;
    for (uint64_t at = 0; (deed = journal_next(self->session->journal, at));) {
        bool names = deed->name != NULL;
        at = deed->number;
        redo_t came = redo(self, deed);
        if (came == STOPPED)
            return false;
        self->failed += came == FAILED;
        self->pushed &= came == REDONE || !names;
        if (self->pushed)
            self->upto = at;
    }
    return true;
}

/* Those of the targets that lack something. Returns 0, or an exit status after a message. */
static int find_lacking(replay_t *self)
{
    const char *rest = self->call->rest + strspn(self->call->rest, " \t\n");
    size_t count;
    int status =
        session_targets(self->session, *rest ? rest : NULL, NULL, &self->ids, &count, NULL);
    for (size_t i = 0; status == 0 && i < count; i++)
        if (lacks(self->session, self->ids[i]))
            self->ids[self->count++] = self->ids[i];
    return status;
}

/* `0,4: 6 %px lines, 3 pushed names` */
static void tell_replayed(const replay_t *self, const lack_t *most)
{
    tt_buf_t line;
    tt_buf_init(&line);
    tt_target_format(&line, self->ids, self->count);
    tt_buf_printf(&line, ": ");
    lack_tell(most, &line);
    if (self->failed)
        tt_buf_printf(&line, ", of which %zu failed", self->failed);
    screen_note("%s\n", tt_buf_text(&line));
    tt_buf_release(&line);
}

static int replay(replay_t *self)
{
    session_t *session = self->session;
    lack_t most = {0, 0};
    for (size_t i = 0; i < self->count; i++) {
        lack_t lack =
            journal_lack(session->journal, tt_client_engine(session->client, self->ids[i]));
        most.lines = lack.lines > most.lines ? lack.lines : most.lines;
        most.names = lack.names > most.names ? lack.names : most.names;
    }
    bool whole = redo_all(self);
    for (size_t i = 0; i < self->count; i++) {
        const tt_engine_t *engine = tt_client_engine(session->client, self->ids[i]);
        if (engine)
            journal_settled(session->journal, engine, self->upto);
    }
    if (!whole)
        return session_complain(session, "%replay", 1,
                                "stopped: what is left is still missing");
    tell_replayed(self, &most);
    return self->failed ? 1 : 0;
}

int magic_replay(session_t *session, const magic_call_t *call)
{
    replay_t self = {.session = session, .call = call};
    int status = find_lacking(&self);
    if (status == 0 && self.count == 0)
        screen_note("nothing is missing there\n");
    else if (status == 0)
        status = replay(&self);
    free(self.ids);
    return status;
}
