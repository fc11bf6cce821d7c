/* Completion. See complete.h. First it is found out what is being typed, then its table row
 * says where the words come from. */
#include "complete.h"

#include "label.h"
#include "magic.h"
#include "pack.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LIMIT_MS = 300,    /* for the local engine, and for all engines together */
    NAMES_MAX = 10000, /* of one engine that are looked at */
    FILES_MAX = 2000
};

/* What is being typed: the line up to the cursor, and from where on it is what. */
typedef struct {
    session_t *session;
    const char *text; /* the whole entry up to the cursor */
    size_t len;
    line_choices_t *choices;
} typed_t;

static bool has_prefix(const char *word, const char *prefix, size_t len)
{
    return strncmp(word, prefix, len) == 0;
}

/* Where the last word begins, if blanks, commas, quotes and `=` end words. */
static size_t word_start(const typed_t *typed, size_t from)
{
    size_t start = typed->len;
    while (start > from && strchr(" \t\n,='\"", typed->text[start - 1]) == NULL)
        start--;
    return start;
}

/* ---- names of engines, local or not */

static size_t characters(const char *text, size_t bytes)
{
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += (text[i] & 0xc0) != 0x80;
    return count;
}

static size_t bytes_of(const char *text, size_t len, size_t count)
{
    size_t at = 0;
    for (size_t seen = 0; at < len; at++)
        if ((text[at] & 0xc0) != 0x80 && seen++ == count)
            return at;
    return at;
}

static void pack_question(tt_buf_t *args, const char *code, size_t len)
{
    tt_buf_init(args);
    tt_pack_array(args, 2);
    tt_pack_str(args, code, len);
    tt_pack_uint(args, characters(code, len));
}

/* Reads `[start, [name, ...]]` of a RESULT's body. False when it is none. */
static bool read_names(tt_span_t body, size_t *start, tt_reader_t *names, size_t *count)
{
    answer_t answer;
    tt_error_t err;
    int64_t first = 0;
    size_t two = 0;
    answer_init(&answer);
    if (body.len == 0 || answer_read(&answer, body, &err) != 0 || answer.value.len == 0)
        return false;
    *names = tt_reader(answer.value);
    if (tt_read_array(names, &two) != 0 || two < 2 || tt_read_int(names, &first) != 0 ||
        first < 0 || tt_read_array(names, count) != 0)
        return false;
    *start = (size_t)first;
    return true;
}

/* Code from `from` to the cursor, completed by the local engine. */
static void local_names(const typed_t *typed, size_t from)
{
    const char *code = typed->text + from;
    size_t len = typed->len - from, start, count;
    local_result_t result = {.exit_status = -1};
    tt_reader_t names;
    tt_buf_t args;
    local_t *local = session_local(typed->session);
    pack_question(&args, code, len);
    if (local && local_ask_within(local, TT_RT_COMPLETE, (tt_span_t){args.data, args.len},
                                  LIMIT_MS, &result) == 0) {
        if (result.status == TT_STATUS_TIMEOUT)
            typed->choices->note = tt_strdup("the local engine is busy");
        else if (read_names(tt_frames_span(&result.frames, 0), &start, &names, &count)) {
            tt_span_t name;
            typed->choices->start = from + bytes_of(code, len, start);
            typed->choices->plain = true;
            for (size_t i = 0; i < count && tt_read_str(&names, &name) == 0; i++)
                line_choices_add(typed->choices, (const char *)name.data, name.len, NULL);
        }
    }
    local_result_release(&result);
    tt_buf_release(&args);
}

/* One name on one engine. */
typedef struct {
    char *name;
    fold_member_t who;
} found_t;

/* The answers of engines as they come. There is one question at a time; what comes for an
 * earlier one, by its number, is too late. */
typedef struct {
    tt_job_t *job;
    bool done;
    size_t asked, answered, busy;
    size_t start; /* in characters, as the first answer says */
    found_t *found;
    size_t count, cap;
} survey_t;

static survey_t survey;
static uintptr_t survey_number;

static void survey_release(survey_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->found[i].name);
    free(self->found);
    *self = (survey_t){0};
    survey_number++;
}

static void add_found(survey_t *self, tt_span_t name, int engine)
{
    if (self->count == self->cap) {
        self->cap = self->cap ? self->cap * 2 : 256;
        self->found = tt_realloc(self->found, self->cap * sizeof *self->found);
    }
    self->found[self->count++] =
        (found_t){tt_strndup((const char *)name.data, name.len), {.id = engine}};
}

static void on_answer(void *arg, tt_job_t *job, tt_result_t *result)
{
    survey_t *self = &survey;
    tt_reader_t names;
    tt_span_t name;
    size_t start, count;
    (void)job;
    if ((uintptr_t)arg != survey_number)
        return;
    self->busy += result->status != TT_STATUS_OK || strcmp(result->cause, "busy") == 0;
    if (!read_names(tt_frames_span(result->frames, 0), &start, &names, &count))
        return;
    self->answered++;
    self->start = start;
    for (size_t i = 0; i < count && i < NAMES_MAX && tt_read_str(&names, &name) == 0; i++)
        add_found(self, name, result->engine);
}

static void on_answered(void *arg, tt_job_t *job)
{
    (void)job;
    if ((uintptr_t)arg == survey_number)
        survey.done = true;
}

static const tt_job_handlers_t survey_handlers = {on_answer, NULL, on_answered};

/* Asks the engines, and waits for them at most LIMIT_MS. */
static survey_t *ask_engines(session_t *session, const int *ids, size_t count, const char *code,
                             size_t len)
{
    survey_t *self = &survey;
    tt_buf_t args;
    tt_frames_t frames;
    self->asked = count;
    pack_question(&args, code, len);
    tt_frames_init(&frames);
    tt_frames_take_buf(&frames, &args);
    tt_buf_release(&args);
    tt_submit_t submit = {.op = TT_RT_COMPLETE,
                          .engines = ids,
                          .engine_count = count,
                          .now = true,
                          .timeout_ms = LIMIT_MS,
                          .handlers = &survey_handlers,
                          .arg = (void *)survey_number};
    self->job = tt_client_submit(session->client, &submit, &frames);
    tt_loop_run_until(session->loop, &self->done, LIMIT_MS);
    return self;
}

static int by_name(const void *a, const void *b)
{
    const found_t *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->who.id > y->who.id) - (x->who.id < y->who.id);
}

/* One entry for equal names; who has it is told where not all have. */
static void add_union(survey_t *self, line_choices_t *choices)
{
    if (self->count)
        qsort(self->found, self->count, sizeof *self->found, by_name);
    for (size_t i = 0, next; i < self->count; i = next) {
        for (next = i + 1; next < self->count; next++)
            if (strcmp(self->found[i].name, self->found[next].name) != 0)
                break;
        tt_buf_t label;
        tt_buf_init(&label);
        fold_member_t *who = tt_alloc((next - i) * sizeof *who);
        for (size_t k = i; k < next; k++)
            who[k - i] = self->found[k].who;
        if (next - i < self->answered) {
            tt_buf_append(&label, "[", 1);
            label_names(&label, who, next - i, &(label_style_t){.total = self->asked});
            tt_buf_append(&label, "]", 1);
        }
        line_choices_add(choices, self->found[i].name, strlen(self->found[i].name),
                         label.len ? tt_buf_text(&label) : NULL);
        tt_buf_release(&label);
        free(who);
    }
}

/* `1 of 4 engines is busy`, `2 of 4 engines do not answer`. */
static char *tell_missing(const survey_t *self)
{
    size_t silent = self->done ? 0 : tt_job_left(self->job), missing = self->busy + silent;
    if (missing == 0)
        return NULL;
    return tt_printf("%zu of %zu engines %s", missing, self->asked,
                     silent > self->busy ? missing == 1 ? "does not answer" : "do not answer"
                     : missing == 1      ? "is busy"
                                         : "are busy");
}

/* Code from `from` to the cursor, completed by the engines of a target set (NULL: the
 * session's). */
static void engine_names(const typed_t *typed, size_t from, const char *set)
{
    const char *code = typed->text + from;
    size_t len = typed->len - from, count;
    int *ids;
    if (session_find_targets(typed->session, set, &ids, &count) != 0)
        return;
    survey_t *answers = ask_engines(typed->session, ids, count, code, len);
    free(ids);
    typed->choices->start = from + bytes_of(code, len, answers->start);
    typed->choices->plain = true;
    typed->choices->note = tell_missing(answers);
    add_union(answers, typed->choices);
    survey_release(answers);
}

/* ---- other words */

/* Where the name of a file begins that is being typed: behind the last blank that counts, or
 * behind the quote that is open, which `quote` tells (0: none is). */
static size_t file_start(const typed_t *typed, size_t from, char *quote)
{
    size_t start = from;
    *quote = 0;
    for (size_t i = from; i < typed->len; i++) {
        char c = typed->text[i];
        bool ends = *quote ? c == *quote : strchr(" \t\n,'\"", c) != NULL;
        if (c == '\\' && i + 1 < typed->len)
            i++;
        else if (ends) {
            *quote = *quote == 0 && (c == '\'' || c == '"') ? c : 0;
            start = i + 1;
        }
    }
    return start;
}

/* Between quotes a name is as it is; elsewhere what the shell minds has a backslash. */
static char *unescape(const char *word, size_t len, char quote)
{
    tt_buf_t text;
    tt_buf_init(&text);
    for (size_t i = 0; i < len; i++) {
        if (word[i] == '\\' && quote == 0 && i + 1 < len)
            i++;
        tt_buf_append(&text, word + i, 1);
    }
    tt_buf_text(&text);
    return (char *)text.data;
}

static char *escape(const char *name, char quote)
{
    tt_buf_t text;
    tt_buf_init(&text);
    for (; *name; name++) {
        if (quote == 0 && strchr(" \t\n'\"\\$&;()<>|*?`", *name))
            tt_buf_append(&text, "\\", 1);
        tt_buf_append(&text, name, 1);
    }
    tt_buf_text(&text);
    return (char *)text.data;
}

/* The directory that the first `head` bytes of a word name. The caller's to free. */
static char *directory_of(const char *word, size_t head, char quote)
{
    const char *home = getenv("HOME");
    if (head == 0)
        return tt_strdup(".");
    char *name = unescape(word, head, quote);
    if (!has_prefix(name, "~/", 2) || home == NULL)
        return name;
    char *whole = tt_printf("%s%s", home, name + 1);
    free(name);
    return whole;
}

static bool is_offered(const char *name, const char *prefix)
{
    return has_prefix(name, prefix, strlen(prefix)) && (name[0] != '.' || prefix[0] == '.') &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void file_names(const typed_t *typed, size_t from)
{
    char quote;
    size_t start = file_start(typed, from, &quote), head = typed->len - start;
    const char *word = typed->text + start;
    while (head > 0 && word[head - 1] != '/')
        head--;
    char *directory = directory_of(word, head, quote);
    char *prefix = unescape(word + head, typed->len - start - head, quote);
    DIR *opened = opendir(directory);
    typed->choices->start = start + head;
    for (struct dirent *each;
         opened && (each = readdir(opened)) && typed->choices->count < FILES_MAX;) {
        struct stat about;
        if (!is_offered(each->d_name, prefix))
            continue;
        bool is_directory =
            fstatat(dirfd(opened), each->d_name, &about, 0) == 0 && S_ISDIR(about.st_mode);
        char *escaped = escape(each->d_name, quote);
        char *name = tt_printf("%s%s", escaped, is_directory ? "/" : "");
        line_choices_add(typed->choices, name, strlen(name), NULL);
        typed->choices->plain |= is_directory;
        free(escaped);
        free(name);
    }
    if (opened)
        closedir(opened);
    free(directory);
    free(prefix);
}

static void add_if(const typed_t *typed, const char *word)
{
    size_t start = typed->choices->start;
    for (size_t i = 0; i < typed->choices->count; i++)
        if (strcmp(typed->choices->words[i], word) == 0)
            return;
    if (has_prefix(word, typed->text + start, typed->len - start))
        line_choices_add(typed->choices, word, strlen(word), NULL);
}

static void label_words(const typed_t *typed, const char *labels)
{
    tt_label_t label;
    while (tt_labels_next(&labels, &label)) {
        char text[80];
        snprintf(text, sizeof text, "@%.*s", (int)label.name.len,
                 (const char *)label.name.data);
        add_if(typed, text);
    }
}

/* Ids, hosts, @languages, @labels, all. */
static void target_words(const typed_t *typed, size_t from)
{
    size_t count;
    const tt_engine_t *engines = tt_client_engines(typed->session->client, &count);
    typed->choices->start = word_start(typed, from);
    add_if(typed, "all");
    for (size_t i = 0; i < count && i < 1000; i++) {
        char text[80];
        snprintf(text, sizeof text, "%d", engines[i].id);
        add_if(typed, text);
        add_if(typed, engines[i].host);
        snprintf(text, sizeof text, "@%s", engines[i].language);
        add_if(typed, text);
        snprintf(text, sizeof text, "@%s", engines[i].kind);
        add_if(typed, text);
        label_words(typed, engines[i].labels);
    }
}

static void job_numbers(const typed_t *typed, size_t from)
{
    typed->choices->start = word_start(typed, from);
    for (const job_t *job = typed->session->jobs; job; job = job->next) {
        char text[32];
        snprintf(text, sizeof text, "%d", job->number);
        add_if(typed, text);
        if (job->name)
            add_if(typed, job->name);
    }
}

static void magic_names(const typed_t *typed, size_t start)
{
    size_t marks =
        typed->text[start + 1 < typed->len ? start + 1 : start] == '%' && start + 1 < typed->len
            ? 2
            : 1;
    typed->choices->start = start;
    for (const magic_t *row = magics; row->name; row++) {
        char text[64];
        snprintf(text, sizeof text, "%s%s", marks == 2 ? "%%" : "%", row->name);
        if (marks == 1 || row->flags & GRAMMAR_CELL)
            add_if(typed, text);
    }
}

static void option_names(const typed_t *typed, const magic_t *magic, size_t from)
{
    typed->choices->start = word_start(typed, from);
    for (size_t i = 0; i < magic->option_count; i++) {
        char text[64];
        snprintf(text, sizeof text, "--%s", magic->options[i].name);
        add_if(typed, text);
    }
}

/* ---- magics */

static void of_engines(const typed_t *typed, size_t from, const char *set)
{
    if (typed->text[from] == '!' || typed->text[from] == '%')
        file_names(typed, from + 1);
    else
        engine_names(typed, from, set);
}

static void of_local(const typed_t *typed, size_t from, const char *set)
{
    (void)set;
    local_names(typed, from);
}

static void of_targets(const typed_t *typed, size_t from, const char *set)
{
    (void)set;
    target_words(typed, from);
}

static void of_jobs(const typed_t *typed, size_t from, const char *set)
{
    (void)set;
    job_numbers(typed, from);
}

static void of_files(const typed_t *typed, size_t from, const char *set)
{
    (void)set;
    file_names(typed, from);
}

static void of_magics(const typed_t *typed, size_t from, const char *set)
{
    size_t start = word_start(typed, from);
    (void)set;
    typed->choices->start = start;
    for (const magic_t *row = magics; row->name; row++)
        add_if(typed, row->name);
}

/* What stands behind the options of a magic. */
static const struct {
    const char *magic;
    void (*words)(const typed_t *, size_t, const char *);
} kinds[] = {
    {"px", of_engines},      {"pull", of_engines},      {"map", of_local},
    {"push", of_local},      {"time", of_local},        {"timeit", of_local},
    {"targets", of_targets}, {"interrupt", of_targets}, {"restart", of_targets},
    {"kill", of_targets},    {"result", of_jobs},       {"wait", of_jobs},
    {"cancel", of_jobs},     {"timing", of_jobs},       {"pxresult", of_jobs},
    {"run", of_files},       {"cd", of_files},          {"sh", of_files},
    {"help", of_magics},     {"diff", of_engines},      {"gather", of_engines},
    {"submit", of_local},    {"sweep", of_local},       {"scatter", of_local},
    {"timeline", of_jobs},   {"retry", of_jobs},        {"logs", of_targets},
};

/* The option whose value is being typed, or NULL; and where the rest begins, when all options
 * are typed. */
static const words_option_t *open_option(const typed_t *typed, const magic_t *magic,
                                         size_t from, const char **set, size_t *rest)
{
    static char value[256];
    const char *end = typed->text + typed->len;
    const char *at = typed->text + from;
    *set = NULL;
    for (;;) {
        at += strspn(at, " \t");
        *rest = (size_t)(at - typed->text);
        if (at >= end || *at != '-' || isdigit((unsigned char)at[1]))
            return NULL;
        size_t len = strcspn(at, " \t=");
        const words_option_t *option = NULL;
        for (size_t i = 0; i < magic->option_count && option == NULL; i++) {
            const words_option_t *row = &magic->options[i];
            bool is_long = len > 2 && strncmp(row->name, at + 2, len - 2) == 0 &&
                           strlen(row->name) == len - 2;
            if ((len == 2 && row->letter == at[1]) || (at[1] == '-' && is_long))
                option = row;
        }
        at += len;
        if (option == NULL || !option->takes_value || at >= end)
            continue;
        at += strspn(at, " \t=");
        len = strcspn(at, " \t");
        if (at + len >= end)
            return option;
        if (strcmp(option->name, "targets") == 0) {
            snprintf(value, sizeof value, "%.*s", (int)len, at);
            *set = value;
        }
        at += len;
    }
}

static void in_magic(const typed_t *typed, const magic_t *magic, size_t from)
{
    const char *set;
    size_t rest;
    const words_option_t *option = open_option(typed, magic, from, &set, &rest);
    if (option) {
        if (strcmp(option->name, "targets") == 0 || strcmp(option->name, "exclude") == 0)
            target_words(typed, from);
        else if (strcmp(option->name, "after") == 0 || strcmp(option->name, "follow") == 0)
            job_numbers(typed, from);
        else if (strcmp(option->name, "csv") == 0 || strcmp(option->name, "json") == 0)
            file_names(typed, from);
        return;
    }
    size_t word = word_start(typed, from);
    if (typed->text[word] == '-' && word <= rest) {
        option_names(typed, magic, from);
        return;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].magic, magic->name) == 0)
            kinds[i].words(typed, rest, set);
}

/* Behind `NAME =`, if that is there. */
static size_t behind_names(const char *text, size_t at, size_t len)
{
    size_t equals = at;
    while (equals < len &&
           (isalnum((unsigned char)text[equals]) || strchr("_., \t", text[equals]) != NULL))
        equals++;
    if (equals >= len || text[equals] != '=' || (equals + 1 < len && text[equals + 1] == '='))
        return at;
    equals++;
    while (equals < len && strchr(" \t", text[equals]))
        equals++;
    return equals < len && text[equals] == '%' ? equals : at;
}

/* A further line of a cell of %%px: names of its engines. False: it is none. */
static bool in_cell(const typed_t *typed, size_t start)
{
    const char *set, *newline = memchr(typed->text, '\n', typed->len);
    size_t rest;
    if (start == 0 || newline == NULL || strncmp(typed->text, "%%px", 4) != 0)
        return false;
    char *first = tt_strndup(typed->text, (size_t)(newline - typed->text));
    typed_t line = {typed->session, first, strlen(first), typed->choices};
    open_option(&line, magic_find("px"), 4, &set, &rest);
    engine_names(typed, start, set);
    free(first);
    return true;
}

static void in_line(const typed_t *typed, size_t start)
{
    const char *text = typed->text;
    start += strspn(text + start, " \t");
    start = behind_names(text, start, typed->len);
    if (text[start] == '!') {
        file_names(typed, start + 1);
        return;
    }
    if (text[start] == '@') {
        const char *colon = strchr(text + start, ':');
        if (colon == NULL)
            target_words(typed, start + 1);
        else
            engine_names(typed, (size_t)(colon + 1 - text), NULL);
        return;
    }
    if (text[start] == '%') {
        size_t name = start + strspn(text + start, "%");
        size_t len = strcspn(text + name, " \t\n");
        char *word = tt_strndup(text + name, len);
        const magic_t *magic = magic_find(word);
        free(word);
        if (name + len >= typed->len)
            magic_names(typed, start);
        else if (magic)
            in_magic(typed, magic, name + len);
        return;
    }
    if (typed->session->autopx)
        engine_names(typed, 0, NULL);
    else
        local_names(typed, 0);
}

/* An odd number of one kind of quote in the line: a string is open. */
static bool in_string(const char *line)
{
    char open = 0;
    for (; *line; line++) {
        if (*line == '\\' && line[1])
            line++;
        else if (open ? *line == open : *line == '\'' || *line == '"')
            open = open ? 0 : *line;
    }
    return open != 0;
}

void complete(session_t *session, const char *text, size_t cursor, line_choices_t *choices)
{
    char *upto = tt_strndup(text, cursor);
    size_t start = cursor;
    typed_t typed = {session, upto, cursor, choices};
    while (start > 0 && upto[start - 1] != '\n')
        start--;
    choices->start = cursor;
    if (!in_cell(&typed, start))
        in_line(&typed, start);
    if (choices->count == 0 && choices->note == NULL && in_string(upto + start))
        file_names(&typed, start);
    free(upto);
}
