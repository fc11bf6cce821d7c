/* The interactive prompt. See prompt.h. Everything happens in one thread: an entry is read with
 * the loop running, so that jobs of the background are told above the line; then it is run, and
 * nothing is read meanwhile. */
#include "prompt.h"

#include "complete.h"
#include "line.h"
#include "magic.h"
#include "screen.h"
#include "terminal.h"
#include "text.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    LOOK_MS = 3600 * 1000,
    INDENT_MAX = 64,
    SET_COLUMNS = 24, /* of targets, in front of a line */
    STOP_MS = 1000    /* that jobs may take to end when the person leaves */
};

static struct {
    session_t *session;
    const prompt_wish_t *wish;
    const tt_buf_t *entry; /* whose lines are being read; NULL: none is */
    char *line;            /* that was entered last; NULL at the end of input */
    bool entered; /* reading has ended: by a line, Ctrl-D, Ctrl-C, or a signal that ends us */
    bool reading; /* an entry: it is typed, or being looked at whether it is whole */
    bool dropped; /* by Ctrl-C */
    int hung_up;  /* the signal that ends us, 0 */
} prompt;

/* ---- what the terminal tells */

/* Whoever waits in read_line looks. */
static void wake(void)
{
    prompt.entered = true;
    prompt.session->news = true;
}

/* When a window is closed below a shell, the end of input may be seen before the shell has
 * passed SIGHUP on: it is no Ctrl-D. */
static void on_entered(void *arg, char *line)
{
    (void)arg;
    free(prompt.line);
    prompt.line = line;
    if (line == NULL && !terminal_is_there())
        prompt_hang_up(SIGHUP);
    wake();
}

/* The lines of the entry that were typed before belong to it. */
static void on_complete(void *arg, const char *text, size_t cursor, line_choices_t *choices)
{
    size_t before = prompt.entry ? prompt.entry->len : 0;
    tt_buf_t whole;
    (void)arg;
    tt_buf_init(&whole);
    if (before > 0)
        tt_buf_append(&whole, prompt.entry->data, before);
    tt_buf_append(&whole, text, cursor);
    complete(prompt.session, tt_buf_text(&whole), whole.len, choices);
    choices->start = choices->start > before ? choices->start - before : 0;
    tt_buf_release(&whole);
}

bool prompt_interrupt(void)
{
    if (!line_editing() && !prompt.reading)
        return false;
    if (line_editing())
        line_drop();
    else
        screen_write(2, tt_span("^C\n")); /* the terminal shows none by itself */
    prompt.dropped = true;
    wake();
    tt_loop_stop(prompt.session->loop); /* what looks whether the line is whole ends */
    return true;
}

void prompt_suspend(void)
{
    if (prompt.session == NULL || prompt.session->terminal == NULL)
        return;
    line_suspend();
    terminal_suspend(prompt.session->terminal);
    line_resume();
}

void prompt_resize(void)
{
    line_resize();
}

bool prompt_hang_up(int number)
{
    if (prompt.session == NULL)
        return prompt.hung_up != 0; /* it leaves, which takes what is running to safety */
    prompt.hung_up = number;
    wake();
    session_give_up(prompt.session);
    return true;
}

/* ---- the words in front */

/* A target set as a name is shown: escaped, and cut to fit. */
static void add_set(tt_buf_t *out, const char *set)
{
    tt_buf_t text;
    tt_buf_init(&text);
    tt_text_escape(&text, set, strlen(set));
    tt_text_cut(out, (const char *)text.data, text.len, SET_COLUMNS);
    tt_buf_release(&text);
}

/* The targets as the prompt shows them: ` @web18`; nothing when they are all. */
static void add_targets(tt_buf_t *out, const session_t *session)
{
    if (strcmp(session->targets, "all") != 0) {
        tt_buf_printf(out, " %s", *session->targets == '@' ? "" : "@");
        add_set(out, session->targets);
    }
    if (session->exclude) {
        tt_buf_printf(out, " -x ");
        add_set(out, session->exclude);
    }
}

/* Colours are told to the line as taking no place. */
static char *coloured(const session_t *session, const tt_buf_t *words)
{
    if (!session->colour)
        return tt_printf("%.*s ", (int)words->len, (const char *)words->data);
    return tt_printf("\001\033[32m\002%.*s\001\033[0m\002 ", (int)words->len,
                     (const char *)words->data);
}

/* `In [5] @web18: `, `px[0-1] [5]: `. */
static char *first_prompt(session_t *session)
{
    tt_buf_t words;
    tt_buf_init(&words);
    if (session->autopx) {
        tt_buf_printf(&words, "px[");
        session_label_targets(session, &words);
        tt_buf_printf(&words, "] [%d]:", session->number + 1);
    } else {
        tt_buf_printf(&words, "In [%d]", session->number + 1);
        add_targets(&words, session);
        tt_buf_printf(&words, ":");
    }
    char *text = coloured(session, &words);
    tt_buf_release(&words);
    return text;
}

/* `   ...: `, as wide as `In [5]: `. */
static char *next_prompt(const session_t *session)
{
    tt_buf_t words;
    tt_buf_init(&words);
    tt_buf_printf(&words, "%*s:", snprintf(NULL, 0, "In [%d]", session->number + 1), "...");
    char *text = coloured(session, &words);
    tt_buf_release(&words);
    return text;
}

/* ---- one line */

typedef enum { GOT_LINE, GOT_DROPPED, GOT_END } got_t;

/* Reads a line behind `words` (taken); what happens meanwhile is told above it. */
static got_t read_line(char *words, const char *initial)
{
    session_t *session = prompt.session;
    prompt.entered = prompt.dropped = false;
    line_edit(words, initial);
    free(words);
    while (!prompt.entered && prompt.hung_up == 0) {
        session->news = false;
        session_settle(session);
        if (!prompt.entered && prompt.hung_up == 0)
            tt_loop_run_until(session->loop, &session->news, LOOK_MS);
    }
    if (prompt.hung_up)
        return GOT_END;
    return prompt.dropped ? GOT_DROPPED : prompt.line ? GOT_LINE : GOT_END;
}

/* ---- one entry: as many lines as it takes to be whole */

/* What is left of a paste stands in the terminal: then the next line brings its own blanks. */
static bool is_pasting(void)
{
    int waiting = 0;
    return ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0 && waiting > 0;
}

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isspace((unsigned char)text[i]))
            return false;
    return true;
}

/* The entry's last line, without the newline that may end the entry. */
static bool last_line_is_blank(const tt_buf_t *entry)
{
    size_t start = entry->len;
    while (start > 0 && entry->data[start - 1] != '\n')
        start--;
    return is_blank((const char *)entry->data + start, entry->len - start);
}

/* Whether the last block of the entry goes on: a paste may hold several. */
static bool code_goes_on(const tt_buf_t *entry, unsigned *indent)
{
    session_t *session = prompt.session;
    grammar_rules_t rules = session_rules(session);
    source_t *source = source_new("", (const char *)entry->data, entry->len, &rules);
    bool more = false;
    for (source_block_t block; source_next(source, &block);) {
        do
            more = block.plain &&
                   session_check(session, block.text, block.len, indent) == CODE_MORE;
        while (more && source_extend(source, &block));
    }
    source_destroy(&source);
    return more;
}

/* An odd number of backslashes at the end: a magic's line goes on. */
static bool ends_in_backslash(const tt_buf_t *entry)
{
    size_t count = 0;
    while (count < entry->len && entry->data[entry->len - 1 - count] == '\\')
        count++;
    return count % 2 == 1;
}

/* Whether more lines belong to the entry. A cell or a block that is typed goes on to an empty
 * line; one that was pasted, or comes from the history, needs none. */
static bool goes_on(tt_buf_t *entry, unsigned *indent)
{
    grammar_rules_t rules = session_rules(prompt.session);
    bool several = strchr(prompt.line, '\n') != NULL;
    *indent = 0;
    if (grammar_look(tt_buf_text(entry), entry->len, &rules) == STATEMENT_CELL)
        return !several && !last_line_is_blank(entry);
    if (ends_in_backslash(entry))
        return true;
    size_t len = entry->len;
    if (several)
        tt_buf_append(entry, "\n", 1);
    bool more = code_goes_on(entry, indent);
    entry->len = len;
    return more;
}

/* Reads lines into `entry` until it is whole. */
static got_t read_lines(tt_buf_t *entry)
{
    char blanks[INDENT_MAX + 1];
    unsigned indent = 0;
    entry->len = 0;
    got_t got = read_line(first_prompt(prompt.session), NULL);
    while (got == GOT_LINE) {
        tt_buf_append(entry, prompt.line, strlen(prompt.line));
        if (is_blank((const char *)entry->data, entry->len) || !goes_on(entry, &indent))
            return prompt.dropped ? GOT_DROPPED : GOT_LINE;
        if (prompt.dropped)
            return GOT_DROPPED;
        tt_buf_append(entry, "\n", 1);
        indent = is_pasting() ? 0 : indent < INDENT_MAX ? indent : INDENT_MAX;
        memset(blanks, ' ', indent);
        blanks[indent] = 0;
        got = read_line(next_prompt(prompt.session), blanks);
        if (got == GOT_END && prompt.hung_up == 0)
            got = GOT_DROPPED; /* Ctrl-D within an entry */
    }
    return got;
}

static got_t read_entry(tt_buf_t *entry)
{
    prompt.reading = true;
    prompt.entry = entry;
    got_t got = read_lines(entry);
    prompt.entry = NULL;
    prompt.reading = false;
    return got;
}

/* ---- leaving */

static size_t count_running(const session_t *session)
{
    size_t count = 0;
    for (const job_t *job = session->jobs; job; job = job->next)
        count += !job->done;
    return count;
}

/* What is asked before work would be lost; NULL when none would. The caller's to free. */
static char *question(size_t running)
{
    const char *rest = "s = stop, k = keep running, Ctrl-C = stay: ";
    const char *name = prompt.session->dir->name;
    if (running > 0 && prompt.wish->own)
        return tt_printf("%zu job%s running in cluster '%s' of this session: %s", running,
                         running == 1 ? " is" : "s are", name, rest);
    if (running > 0)
        return tt_printf("%zu job%s running: %s", running, running == 1 ? " is" : "s are",
                         rest);
    if (prompt.wish->own && tt_client_alive(prompt.session->client))
        return tt_printf("cluster '%s' was started for this session: %s", name, rest);
    return NULL;
}

/* Asks once. Enter and Ctrl-D stop, Ctrl-C stays. False: stay. */
static bool may_leave(leave_t *leave)
{
    char *words = question(count_running(prompt.session));
    *leave = LEAVE_STOP;
    if (words == NULL)
        return true;
    got_t got = read_line(words, NULL);
    char answer = got == GOT_LINE ? prompt.line[strspn(prompt.line, " \t")] : 0;
    if (prompt.hung_up || answer == 'k' || answer == 'K')
        *leave = LEAVE_KEEP;
    return got != GOT_DROPPED && (got == GOT_END || answer == 0 || strchr("sSkK", answer));
}

/* Our running jobs end with us; what does not in a second is left to itself. */
static void stop_jobs(void)
{
    session_t *session = prompt.session;
    int64_t until = tt_now_ms() + STOP_MS;
    for (job_t *job = session->jobs; job; job = job->next)
        if (!job->done)
            session_cancel_job(session, job);
    for (job_t *job = session->jobs; job; job = job->next)
        while (!job->done && tt_now_ms() < until)
            tt_loop_run_until(session->loop, &job->done, until - tt_now_ms());
}

static bool asks_to_leave(const char *text)
{
    static const char *const words[] = {"exit", "quit", "exit()", "quit()"};
    text += strspn(text, " \t");
    size_t len = strcspn(text, " \t\n");
    if (!is_blank(text + len, strlen(text + len)))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == len && strncmp(text, words[i], len) == 0)
            return true;
    return false;
}

/* ---- the prompt */

static void run_entry(tt_buf_t *entry)
{
    session_t *session = prompt.session;
    const char *text = tt_buf_text(entry);
    size_t len = entry->len;
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    char *kept = tt_strndup(text, len);
    line_remember(kept);
    free(kept);
    session_run(session, "", text, entry->len);
}

/* One entry; true when the prompt is to end. */
static bool turn(tt_buf_t *entry, leave_t *leave)
{
    session_t *session = prompt.session;
    got_t got = read_entry(entry);
    if (prompt.hung_up) {
        *leave = LEAVE_KEEP;
        return true;
    }
    if (got == GOT_DROPPED ||
        (got == GOT_LINE && is_blank((const char *)entry->data, entry->len)))
        return false;
    if (got == GOT_END || asks_to_leave(tt_buf_text(entry)))
        return may_leave(leave);
    run_entry(entry);
    if (prompt.hung_up) {
        *leave = LEAVE_KEEP;
        return true;
    }
    if (!session->leave)
        return false;
    session->leave = may_leave(leave);
    if (!session->leave)
        session->exit_status = 0;
    return session->leave;
}

int prompt_run(session_t *session, const prompt_wish_t *wish, leave_t *leave)
{
    line_handlers_t handlers = {on_entered, on_complete, NULL};
    tt_buf_t entry;
    prompt.session = session;
    prompt.wish = wish;
    tt_buf_init(&entry);
    line_open(session->loop, &handlers, wish->history_path);
    printf("%s\n", wish->banner);
    if (wish->notice)
        printf("%s\n", wish->notice);
    fflush(stdout);
    session_local(session);
    while (!turn(&entry, leave))
        continue;
    line_close();
    if (*leave == LEAVE_STOP && !wish->own) /* with its own cluster all ends */
        stop_jobs();
    tt_buf_release(&entry);
    free(prompt.line);
    int status = prompt.hung_up ? 128 + prompt.hung_up : session->exit_status;
    prompt.session = NULL;
    prompt.line = NULL;
    return status;
}
