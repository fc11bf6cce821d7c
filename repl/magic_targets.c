/* %targets: which engines are meant from here on; by name, or by what they did in the last job.
 */
#include "difference.h"
#include "magic.h"
#include "render.h"
#include "screen.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

/* As a target set: their numbers, or their hosts' names where those are how engines are called.
 */
static void name_engines(const session_t *session, const int *ids, size_t count, tt_buf_t *out)
{
    size_t known, found = 0;
    bool by_host = session_one_each(session);
    const tt_engine_t *engines = tt_client_engines(session->client, &known);
    const char **names = tt_alloc((count + 1) * sizeof *names);
    for (size_t i = 0, at = 0; i < count && by_host; i++) {
        while (at < known && engines[at].id != ids[i])
            at++;
        if (at < known)
            names[found++] = engines[at].host;
    }
    if (found == count)
        tt_target_nodes(out, names, found);
    else
        tt_target_format(out, ids, count);
    free(names);
}

/* ---- by what they did */

/* Fills in the engines that `text` (of the option; NULL without) picks among the answers; ids
 * may come twice. Returns how many. */
typedef size_t pick_fn(const answer_t *answers, size_t count, const char *text, int *ids);

static size_t pick_failed(const answer_t *answers, size_t count, const char *text, int *ids)
{
    size_t failed = 0;
    (void)text;
    for (size_t i = 0; i < count; i++)
        if (render_failed(&answers[i]) && answers[i].engine >= 0)
            ids[failed++] = answers[i].engine;
    return failed;
}

static size_t pick_odd(const answer_t *answers, size_t count, const char *text, int *ids)
{
    (void)text;
    difference_t *difference = difference_new(answers, count);
    size_t odd = difference_odd(difference, ids);
    difference_destroy(&difference);
    return odd;
}

static size_t pick_answered(const answer_t *answers, size_t count, const char *text, int *ids)
{
    difference_t *difference = difference_new(answers, count);
    size_t saying = difference_saying(difference, text, ids);
    difference_destroy(&difference);
    return saying;
}

static const struct {
    const char *option;
    pick_fn *pick;
    const char *none; /* told with the job's number when nobody is picked */
} picks[] = {
    {"failed", pick_failed, "nothing failed"},
    {"odd", pick_odd, "all answered the same"},
    {"answered", pick_answered, "nobody answered that"},
};

enum { PICKS = sizeof picks / sizeof *picks };

static size_t pick(const job_t *job, size_t index, const char *text, int *ids)
{
    size_t count;
    job_answer_t *full = job_answers(job, JOB_WHOLE, &count);
    answer_t *answers = tt_alloc((count + 1) * sizeof *answers);
    for (size_t i = 0; i < count; i++)
        answers[i] = full[i].answer;
    size_t found = picks[index].pick(answers, count, text, ids);
    free(answers);
    job_answers_release(&full, count);
    return tt_ids_sort(ids, found);
}

/* The engines of the last job that are picked, as a target set; the caller's to free. NULL
 * after a message. */
static char *picked_set(session_t *session, size_t index, const char *text)
{
    const job_t *last = session->jobs;
    while (last && last->next)
        last = last->next;
    if (last == NULL || !last->done)
        return session_complain(session, "%targets", 2, "%s",
                                last ? "the last job still runs" : "there is no job yet"),
               NULL;
    int *ids = tt_alloc((last->part_count + 1) * sizeof *ids);
    size_t found = pick(last, index, text, ids);
    tt_buf_t set;
    tt_buf_init(&set);
    name_engines(session, ids, found, &set);
    free(ids);
    if (found > 0)
        return tt_buf_text(&set), (char *)set.data;
    tt_buf_release(&set);
    return session_complain(session, "%targets", 2, "%s in job %d", picks[index].none,
                            last->number),
           NULL;
}

static int set_picked(session_t *session, const magic_call_t *call, size_t index)
{
    const char *option = picks[index].option;
    if (call->rest[strspn(call->rest, " \t\n")])
        return session_complain(session, "%targets", 2, "takes --%s or a set, not both",
                                option);
    char *set = picked_set(session, index, words_value(&call->words, option));
    int status =
        set ? magic_set_targets(session, set, words_value(&call->words, "exclude")) : 2;
    free(set);
    return status;
}

/* ---- the magic */

int magic_targets(session_t *session, const magic_call_t *call)
{
    const char *exclude = words_value(&call->words, "exclude");
    const char *rest = call->rest + strspn(call->rest, " \t\n");
    size_t len = strlen(rest);
    while (len > 0 && strchr(" \t\n", rest[len - 1]))
        len--;
    for (size_t i = 0; i < PICKS; i++)
        if (words_has(&call->words, picks[i].option))
            return set_picked(session, call, i);
    if (len > 0 || exclude) {
        char *set = len > 0 ? tt_strndup(rest, len) : tt_strdup("all");
        int status = magic_set_targets(session, set, exclude);
        free(set);
        return status;
    }
    tt_buf_t text;
    tt_buf_init(&text);
    int status = magic_tell_targets(session, &text);
    tt_buf_append(&text, "\n", status == 0);
    screen_write(1, (tt_span_t){text.data, text.len});
    tt_buf_release(&text);
    return status;
}
