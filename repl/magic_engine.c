/* Engines: %targets, %interrupt, %restart, %status, %why; and %help. */
#include "magic.h"
#include "pack.h"
#include "status.h"
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_MS = 10000, RESTART_MS = 30000 };

int magic_targets(session_t *session, const magic_call_t *call)
{
    int *ids;
    size_t count;
    const char *exclude = words_value(&call->words, "exclude");
    char *set = tt_strdup(call->rest);
    set[strcspn(set, "\n")] = 0;
    for (size_t len = strlen(set); len > 0 && set[len - 1] == ' ';)
        set[--len] = 0;
    bool tell = *set == 0 && exclude == NULL;
    const char *wanted = *set ? set : exclude ? "all" : NULL;
    int status = session_targets(session, wanted, exclude, &ids, &count, NULL);
    if (status == 0 && tell) {
        tt_buf_t text;
        tt_buf_init(&text);
        tt_target_format(&text, ids, count);
        printf("%s: %s\n", session->targets, tt_buf_text(&text));
        tt_buf_release(&text);
    } else if (status == 0) {
        free(session->targets);
        free(session->exclude);
        session->targets = tt_strdup(wanted);
        session->exclude = exclude ? tt_strdup(exclude) : NULL;
    }
    if (status == 0)
        free(ids);
    free(set);
    return status;
}

/* Sends a message that names engines and waits for its DONE. */
static int request(session_t *session, const char *what, tt_message_t *message,
                   tt_span_t *field, const int *ids, size_t count)
{
    tt_buf_t list;
    tt_error_t err;
    tt_message_t answer;
    tt_packet_t reply;
    tt_buf_init(&list);
    tt_ids_pack(&list, ids, count);
    *field = (tt_span_t){list.data, list.len};
    int rc = tt_client_request(session->client, message, REQUEST_MS, &answer, &reply, &err);
    tt_buf_release(&list);
    if (rc != 0)
        return session_complain(session, what, 3, "%s", err.text);
    tt_packet_release(&reply);
    return 0;
}

static const char *set_of(const magic_call_t *call)
{
    return call->rest[strspn(call->rest, " \t\n")] ? call->rest : NULL;
}

int magic_interrupt(session_t *session, const magic_call_t *call)
{
    int *ids;
    size_t count;
    tt_message_t message = tt_message(TT_MSG_INTERRUPT, 0);
    int status = session_targets(session, set_of(call), NULL, &ids, &count, NULL);
    if (status != 0)
        return status;
    status =
        request(session, "%interrupt", &message, &message.as.interrupt.engines, ids, count);
    free(ids);
    return status;
}

/* Every engine, lost and failed ones too: these are what a restart is for. */
static int *all_engines(session_t *session, size_t *count)
{
    const tt_engine_t *engines = tt_client_engines(session->client, count);
    int *ids = tt_alloc((*count + 1) * sizeof *ids);
    for (size_t i = 0; i < *count; i++)
        ids[i] = engines[i].id;
    return ids;
}

static bool all_ready(session_t *session, const int *ids, size_t count, const int *old_pids)
{
    size_t known;
    const tt_engine_t *engines = tt_client_engines(session->client, &known);
    for (size_t i = 0; i < count; i++)
        for (size_t e = 0; e < known; e++)
            if (engines[e].id == ids[i] && engines[e].state != TT_ENGINE_FAILED &&
                (engines[e].state != TT_ENGINE_READY || engines[e].pid == old_pids[i]))
                return false;
    return true;
}

static int wait_restarted(session_t *session, const int *ids, size_t count, const int *old_pids)
{
    int64_t until = tt_now_ms() + RESTART_MS;
    bool never = false;
    while (!all_ready(session, ids, count, old_pids)) {
        if (tt_now_ms() > until || !tt_client_alive(session->client))
            return session_complain(session, "%restart", 1,
                                    "not all are back within 30 s; %%why");
        tt_loop_run_until(session->loop, &never, 5);
    }
    return 0;
}

int magic_restart(session_t *session, const magic_call_t *call)
{
    int *ids, status = 0;
    size_t count, known;
    tt_message_t message = tt_message(TT_MSG_ACTION, 0);
    message.as.action.action = TT_ACTION_RESTART;
    if (set_of(call))
        status = session_targets(session, set_of(call), NULL, &ids, &count, NULL);
    else
        ids = all_engines(session, &count);
    if (status != 0)
        return status;
    const tt_engine_t *engines = tt_client_engines(session->client, &known);
    int *pids = tt_alloc((count + 1) * sizeof *pids);
    for (size_t i = 0; i < count; i++)
        for (size_t e = 0; e < known; e++)
            if (engines[e].id == ids[i])
                pids[i] = engines[e].pid;
    status = request(session, "%restart", &message, &message.as.action.engines, ids, count);
    if (status == 0)
        status = wait_restarted(session, ids, count, pids);
    free(ids);
    free(pids);
    return status;
}

int magic_status(session_t *session, const magic_call_t *call)
{
    tt_error_t err;
    (void)call;
    if (status_show(session->client, session->json ? STATUS_JSON : STATUS_TEXT, stdout, &err) ==
        0)
        return 0;
    return session_complain(session, "%status", 3, "%s", err.text);
}

int magic_why(session_t *session, const magic_call_t *call)
{
    tt_error_t err;
    (void)call;
    if (status_show(session->client, STATUS_WHY, stdout, &err) == 0)
        return 0;
    return session_complain(session, "%why", 3, "%s", err.text);
}

/* ---- help */

static void help_of(const magic_t *magic)
{
    printf("%%%s %s\n    %s\n", magic->name, magic->usage, magic->summary);
    for (size_t i = 0; i < magic->option_count; i++) {
        const words_option_t *option = &magic->options[i];
        char letter[8] = "";
        if (option->letter)
            snprintf(letter, sizeof letter, "-%c, ", option->letter);
        printf("    %s--%s%s\n", letter, option->name, option->takes_value ? " VALUE" : "");
    }
}

int magic_help(session_t *session, const magic_call_t *call)
{
    const char *name = call->rest + strspn(call->rest, " \t%");
    size_t len = strcspn(name, " \t\n");
    const char *group = "";
    if (len > 0) {
        char *copy = tt_strndup(name, len);
        const magic_t *magic = magic_find(copy);
        free(copy);
        if (magic == NULL)
            return session_complain(session, "%help", 2, "no magic '%.*s'; %%help lists them",
                                    (int)len, name);
        help_of(magic);
        return 0;
    }
    for (const magic_t *row = magics; row->name; row++) {
        if (strcmp(row->group, group) != 0)
            printf("%s%s\n", *group ? "\n" : "", row->group);
        group = row->group;
        printf("  %%%-10s %s\n", row->name, row->summary);
    }
    printf(
        "\nPlain lines are Python, here; %%px runs them on the engines; %%%%px opens a cell.\n"
        "A trailing & puts a magic into the background. @SET: CODE is %%px -t SET CODE.\n");
    fflush(stdout);
    return 0;
}
