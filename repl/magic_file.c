/* %upload and %download. */
#include "magic.h"
#include "transfer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- words, as a shell has them: quotes and backslashes */

static size_t unquote(char *out, const char *at, const char *end)
{
    size_t len = 0;
    char quote = 0;
    for (; at < end; at++) {
        if (quote == 0 && (*at == '\'' || *at == '"'))
            quote = *at;
        else if (quote && *at == quote)
            quote = 0;
        else if (*at == '\\' && quote != '\'' && at + 1 < end)
            out[len++] = *++at;
        else
            out[len++] = *at;
    }
    out[len] = 0;
    return len;
}

static const char *word_end(const char *at)
{
    for (char quote = 0; *at && (quote || strchr(" \t\n", *at) == NULL); at++) {
        if (quote == 0 && (*at == '\'' || *at == '"'))
            quote = *at;
        else if (quote && *at == quote)
            quote = 0;
        else if (*at == '\\' && quote != '\'' && at[1])
            at++;
    }
    return at;
}

static words_list_t split(const char *text)
{
    words_list_t list = {NULL, 0};
    for (const char *at = text; *(at += strspn(at, " \t\n"));) {
        const char *end = word_end(at);
        char *word = tt_alloc((size_t)(end - at) + 1);
        unquote(word, at, end);
        list.items = tt_realloc(list.items, (list.count + 1) * sizeof *list.items);
        list.items[list.count++] = word;
        at = end;
    }
    return list;
}

/* ---- machines: those of the targets, each once */

static int find_hosts(session_t *session, const magic_call_t *call, const char ***hosts,
                      size_t *count)
{
    int *ids;
    size_t id_count, engine_count;
    int status = session_targets(session, words_value(&call->words, "targets"),
                                 words_value(&call->words, "exclude"), &ids, &id_count, NULL);
    if (status != 0)
        return status;
    const tt_engine_t *engines = tt_client_engines(session->client, &engine_count);
    *hosts = tt_alloc((id_count + 1) * sizeof **hosts);
    *count = 0;
    for (size_t i = 0, at = 0; i < id_count; i++) {
        while (at < engine_count && engines[at].id != ids[i])
            at++;
        bool known = at == engine_count;
        for (size_t j = 0; !known && j < *count; j++)
            known = strcmp((*hosts)[j], engines[at].host) == 0;
        if (!known)
            (*hosts)[(*count)++] = tt_strdup(engines[at].host);
    }
    free(ids);
    return 0;
}

static int run(session_t *session, const magic_call_t *call, transfer_wish_t *wish)
{
    const char **hosts;
    int status = find_hosts(session, call, &hosts, &wish->host_count);
    if (status != 0)
        return status;
    wish->hosts = hosts;
    status = transfer_run(session, wish);
    for (size_t i = 0; i < wish->host_count; i++)
        free((char *)(uintptr_t)hosts[i]);
    free(hosts);
    return status;
}

/* Takes `--to DIR` out of the words, wherever it stands. */
static char *take_to(words_list_t *words)
{
    for (size_t i = 0; i + 1 < words->count; i++) {
        if (strcmp(words->items[i], "--to") != 0)
            continue;
        char *to = words->items[i + 1];
        free(words->items[i]);
        memmove(words->items + i, words->items + i + 2,
                (words->count - i - 2) * sizeof *words->items);
        words->count -= 2;
        return to;
    }
    return NULL;
}

int magic_upload(session_t *session, const magic_call_t *call)
{
    words_list_t words = split(call->rest);
    char *to = take_to(&words);
    const char *told = words_value(&call->words, "to");
    transfer_wish_t wish = {.up = true,
                            .words = words.items,
                            .word_count = words.count,
                            .directory = to     ? to
                                         : told ? told
                                                : ""};
    int status = words.count > 0
                     ? run(session, call, &wish)
                     : session_complain(session, "%upload", 2, "it takes files or folders");
    free(to);
    words_list_release(&words);
    return status;
}

/* The last word is where they go when it is a folder here, or says so by its end. */
static char *take_directory(words_list_t *words)
{
    struct stat found;
    char *last = words->count > 1 ? words->items[words->count - 1] : NULL;
    size_t len = last ? strlen(last) : 0;
    if (len == 0 ||
        (last[len - 1] != '/' && (stat(last, &found) != 0 || !S_ISDIR(found.st_mode))))
        return NULL;
    words->count--;
    return last;
}

int magic_download(session_t *session, const magic_call_t *call)
{
    words_list_t words = split(call->rest);
    char *to = take_directory(&words);
    transfer_wish_t wish = {
        .words = words.items, .word_count = words.count, .directory = to ? to : ""};
    int status =
        words.count > 0
            ? run(session, call, &wish)
            : session_complain(session, "%download", 2,
                               "it takes names or patterns of files there, as in 'out/*.csv'");
    free(to);
    words_list_release(&words);
    return status;
}
