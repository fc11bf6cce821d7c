/* `%px NAME?`: what engines know of a name. */
#include "magic.h"
#include "pack.h"
#include "render.h"
#include "screen.h"

#include <stdlib.h>
#include <string.h>

enum { LIMIT_MS = 2000 }; /* for the engines to answer */

/* What the engine said; data NULL when it knows nothing. */
static tt_span_t text_of(const answer_t *answer)
{
    tt_span_t text = {NULL, 0};
    if (answer->value.data) {
        tt_reader_t reader = tt_reader(answer->value);
        tt_read_str(&reader, &text);
    }
    return text.len > 0 ? text : (tt_span_t){NULL, 0};
}

/* Equal texts once; labels only when there are several. */
static void show_texts(const fold_group_t *groups, size_t count, const label_style_t *style,
                       tt_buf_t *out)
{
    for (size_t i = 0; i < count; i++) {
        if (count > 1) {
            tt_buf_printf(out, "[");
            label_names(out, groups[i].members, groups[i].count, style);
            tt_buf_printf(out, "]\n");
        }
        tt_buf_append(out, groups[i].text.data, groups[i].text.len);
        if (groups[i].text.data[groups[i].text.len - 1] != '\n')
            tt_buf_append(out, "\n", 1);
    }
}

/* Shows what the engines said. Returns 0, or 1 when one failed or none knows the name. */
static int show(session_t *session, const job_t *job, const char *name)
{
    size_t count, group_count, known = 0;
    job_answer_t *full = job_answers(job, JOB_WHOLE, &count);
    answer_t *answers = tt_alloc((count + 1) * sizeof *answers);
    fold_t *fold = fold_new();
    tt_buf_t out, err;
    char *unknown = tt_printf("nothing is known of '%s'", name);
    tt_buf_init(&out);
    tt_buf_init(&err);
    for (size_t i = 0; i < count; i++) {
        answers[i] = full[i].answer;
        tt_span_t text = text_of(&answers[i]);
        known += text.data != NULL;
        if (!render_failed(&answers[i]))
            fold_add(fold, answers[i].engine, answers[i].host,
                     text.data ? text : tt_span(unknown));
    }
    render_style_t style;
    session_style(session, job, &style);
    size_t failed = render_failures(answers, count, &style, &err);
    const fold_group_t *groups = fold_groups(fold, &group_count);
    int status = failed > 0;
    if (known > 0)
        show_texts(groups, group_count, &style.label, &out);
    else if (failed == 0)
        status = session_complain(session, NULL, 1, "%s", unknown);
    screen_write(1, (tt_span_t){out.data, out.len});
    screen_write(2, (tt_span_t){err.data, err.len});
    tt_buf_release(&out);
    tt_buf_release(&err);
    fold_destroy(&fold);
    free(unknown);
    free(answers);
    job_answers_release(&full, count);
    return status;
}

int magic_inspect(session_t *session, const magic_targets_t *targets, const char *name,
                  unsigned detail)
{
    tt_buf_t args;
    magic_task_t task = {
        .op = TT_RT_INSPECT, .args = &args, .label = name, .timeout_ms = LIMIT_MS, .now = true};
    tt_buf_init(&args);
    tt_pack_array(&args, 2);
    tt_pack_text(&args, name);
    tt_pack_uint(&args, detail > 1);
    job_t *job = magic_submit(session, targets, &task);
    tt_buf_release(&args);
    session_add_job(session, job);
    job->shown = true; /* here, or not at all */
    if (!session_wait(session, job, LIMIT_MS + 500))
        return session_complain(session, NULL, 1, "engines do not answer '%s?'; %%why", name);
    return show(session, job, name);
}
