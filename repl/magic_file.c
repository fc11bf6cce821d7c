/* %upload and %download. */
#include "magic.h"
#include "transfer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- words, as a shell has them: quotes and backslashes */

static void add_word(words_list_t *list, tt_buf_t *word)
{
    list->items = tt_realloc(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = tt_strndup((const char *)word->data, word->len);
    word->len = 0;
}

/* What the rest of the line of that magic is in words. Returns 0; or the status of a complaint:
 * a quote is open. The list is to be released either way. */
static int split(session_t *session, const char *magic, const char *at, words_list_t *list)
{
    tt_buf_t word;
    bool inside = false; /* a word, which may be empty */
    char quote = 0;
    tt_buf_init(&word);
    *list = (words_list_t){NULL, 0};
    for (; *at; at++) {
        bool blank = quote == 0 && strchr(" \t\n", *at);
        if (blank && inside)
            add_word(list, &word);
        inside = !blank;
        if (blank)
            continue;
        if (quote ? *at == quote : *at == '\'' || *at == '"') {
            quote = quote ? 0 : *at;
            continue;
        }
        if (*at == '\\' && quote != '\'' && at[1])
            at++;
        tt_buf_append(&word, at, 1);
    }
    if (inside)
        add_word(list, &word);
    tt_buf_release(&word);
    return quote ? session_complain(session, magic, 2, "the quote %c is not closed", quote) : 0;
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
    words_list_t words;
    int status = split(session, "%upload", call->rest, &words);
    char *to = take_to(&words);
    const char *told = words_value(&call->words, "to");
    transfer_wish_t wish = {.up = true,
                            .words = words.items,
                            .word_count = words.count,
                            .directory = to     ? to
                                         : told ? told
                                                : ""};
    if (status == 0)
        status = words.count > 0
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
    words_list_t words;
    int status = split(session, "%download", call->rest, &words);
    char *to = take_directory(&words);
    transfer_wish_t wish = {
        .words = words.items, .word_count = words.count, .directory = to ? to : ""};
    if (status == 0)
        status = words.count > 0
                     ? run(session, call, &wish)
                     : session_complain(
                           session, "%download", 2,
                           "it takes names or patterns of files there, as in 'out/*.csv'");
    free(to);
    words_list_release(&words);
    return status;
}
