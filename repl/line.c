/* Editing with readline. See line.h. Its callback interface is used: the loop tells when there
 * is something to read. All signals are ours (rl_catch_signals is off).
 *
 * The history file is shared by all prompts of a person. Entries are appended, each in one
 * write, under a lock on a file beside it; a line `#SECONDS` before each tells readline where
 * an entry of several lines begins. */
#include "line.h"

#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <readline/history.h>
#include <readline/readline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    ABOVE_MS = 16, /* between redraws */
    ANSWER_MAX = 100,
    KEY_MS = 2000, /* for the rest of a paste that has begun */
    HISTORY_KEPT = 10000,
    HISTORY_SLACK = 2000 /* entries beyond it before the file is written anew */
};

static tt_loop_t *loop;
static line_handlers_t handlers;
static char *history_path, *prompt_text, *initial_text;
static bool editing, opened, completing;
static bool drop_wanted; /* Ctrl-C while completing: when readline is done with that */
static tt_buf_t pending; /* to be shown above */
static tt_buf_t ahead;   /* keys that somebody else has read for us */
static uint64_t above_timer;
static int64_t shown_ms; /* when something was last shown above */
static line_choices_t *shown_choices;

static void watch(void);

/* ---- history */

static int lock_history(void)
{
    char *path = tt_printf("%s.lock", history_path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    free(path);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        /* Whoever holds it writes one entry: a moment. */
        for (int i = 0; i < 100 && flock(fd, LOCK_EX | LOCK_NB) != 0; i++)
            usleep(2000);
    }
    return fd;
}

/* Keeps the newest entries, when the file has grown. */
static void trim_history(void)
{
    if (history_length < HISTORY_KEPT + HISTORY_SLACK)
        return;
    stifle_history(HISTORY_KEPT);
    char *path = tt_printf("%s.new", history_path);
    if (write_history(path) == 0 && chmod(path, 0600) == 0)
        rename(path, history_path);
    free(path);
}

static void read_all_history(void)
{
    int lock = lock_history();
    history_comment_char = '#';
    history_write_timestamps = 1;
    read_history(history_path);
    trim_history();
    if (lock >= 0)
        close(lock);
}

/* Readline passes empty lines over, and takes a comment that begins with a digit for the time
 * of another entry: a blank helps. */
static void write_entry(tt_buf_t *out, const char *entry)
{
    for (const char *at = entry; *at; at++) {
        bool begins = at == entry || at[-1] == '\n';
        if (begins && *at == '\n')
            tt_buf_append(out, " ", 1);
        tt_buf_append(out, at, 1);
        if (begins && *at == '#' && isdigit((unsigned char)at[1]))
            tt_buf_append(out, " ", 1);
    }
    tt_buf_append(out, "\n", 1);
}

/* Whether the file's last line has no end: its writer was cut off. */
static bool is_cut_off(int fd)
{
    char last = '\n';
    off_t len = lseek(fd, 0, SEEK_END);
    return len > 0 && pread(fd, &last, 1, len - 1) == 1 && last != '\n';
}

static void append_entry(const char *entry)
{
    int lock = lock_history();
    int fd = open(history_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    tt_buf_t text;
    tt_buf_init(&text);
    if (fd >= 0) {
        tt_buf_printf(&text, "%s#%lld\n", is_cut_off(fd) ? "\n" : "", (long long)time(NULL));
        write_entry(&text, entry);
        ssize_t wrote = write(fd, text.data, text.len);
        (void)wrote; /* a full disk costs history, nothing else */
        close(fd);
    }
    tt_buf_release(&text);
    if (lock >= 0)
        close(lock);
}

void line_remember(const char *entry)
{
    HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : 0;
    if (*entry == 0 || *entry == ' ' || (last && strcmp(last->line, entry) == 0))
        return;
    add_history(entry);
    if (history_path)
        append_entry(entry);
}

/* ---- above the line */

/* While readline searches or completes, its own display stands where the line is. */
static bool is_elsewhere(void)
{
    return completing ||
           RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH | RL_STATE_COMPLETING |
                      RL_STATE_NUMERICARG | RL_STATE_VIMOTION | RL_STATE_MOREINPUT);
}

static void show_pending(void)
{
    if (pending.len == 0)
        return;
    if (editing)
        rl_clear_visible_line();
    fwrite(pending.data, 1, pending.len, rl_outstream ? rl_outstream : stdout);
    if (pending.data[pending.len - 1] != '\n')
        fputc('\n', rl_outstream ? rl_outstream : stdout);
    fflush(rl_outstream ? rl_outstream : stdout);
    pending.len = 0;
    shown_ms = tt_now_ms();
    if (editing) {
        rl_on_new_line();
        rl_redisplay();
    }
}

static void on_above(void *arg)
{
    (void)arg;
    above_timer = 0;
    if (!is_elsewhere())
        show_pending();
}

void line_above(tt_span_t text)
{
    tt_buf_append(&pending, text.data, text.len);
    if (text.len > 0 && text.data[text.len - 1] != '\n')
        tt_buf_append(&pending, "\n", 1);
    if (!editing) {
        show_pending();
        return;
    }
    int64_t due = shown_ms + ABOVE_MS - tt_now_ms();
    if (above_timer == 0)
        above_timer = tt_loop_add_timer(loop, due > 0 ? due : 0, on_above, NULL);
}

/* ---- completion */

void line_choices_add(line_choices_t *self, const char *word, size_t len, const char *label)
{
    if (self->count == self->cap) {
        self->cap = self->cap ? self->cap * 2 : 32;
        self->words = tt_realloc(self->words, self->cap * sizeof *self->words);
        self->labels = tt_realloc(self->labels, self->cap * sizeof *self->labels);
    }
    self->words[self->count] = tt_strndup(word, len);
    self->labels[self->count++] = label ? tt_strdup(label) : NULL;
}

static void release_choices(line_choices_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->words[i]);
        free(self->labels[i]);
    }
    free(self->words);
    free(self->labels);
    free(self->note);
    *self = (line_choices_t){0};
}

static size_t common_prefix(const line_choices_t *choices)
{
    size_t len = strlen(choices->words[0]);
    for (size_t i = 1; i < choices->count; i++) {
        size_t same = 0;
        while (same < len && choices->words[0][same] == choices->words[i][same])
            same++;
        len = same;
    }
    while (len > 0 && (choices->words[0][len] & 0xc0) == 0x80)
        len--; /* not within a character */
    return len;
}

/* Whether all that fits stands there already: readline would list the line itself. */
static bool is_whole(const line_choices_t *choices, size_t end)
{
    size_t len = end - choices->start;
    return choices->count == 1 && strlen(choices->words[0]) == len &&
           memcmp(choices->words[0], rl_line_buffer + choices->start, len) == 0;
}

/* Readline's list: what stands for the line so far, then all possible lines, ended by NULL. */
static char **to_matches(const line_choices_t *choices)
{
    const char *lead = rl_line_buffer;
    size_t lead_len = choices->start;
    if (choices->count == 0)
        return NULL;
    char **matches = tt_alloc((choices->count + 2) * sizeof *matches);
    size_t common = common_prefix(choices);
    matches[0] = tt_printf("%.*s%.*s", (int)lead_len, lead, (int)common, choices->words[0]);
    for (size_t i = 0; choices->count > 1 && i < choices->count; i++)
        matches[i + 1] = tt_printf("%.*s%s", (int)lead_len, lead, choices->words[i]);
    return matches;
}

static char **on_complete(const char *text, int start, int end)
{
    static line_choices_t choices;
    (void)text;
    (void)start;
    rl_attempted_completion_over = 1;
    release_choices(&choices);
    choices.start = (size_t)end;
    completing = true;
    tt_loop_remove_fd(loop, STDIN_FILENO);
    handlers.complete(handlers.arg, rl_line_buffer, (size_t)end, &choices);
    watch();
    completing = false;
    if (drop_wanted)
        return NULL;
    shown_choices = &choices;
    rl_completion_append_character = choices.plain ? '\0' : ' ';
    char **matches = is_whole(&choices, (size_t)end) ? NULL : to_matches(&choices);
    if (matches == NULL && choices.note) {
        line_above(tt_span(choices.note));
        on_above(NULL);
    }
    return matches;
}

static size_t columns_of(const char *text)
{
    return text ? tt_text_width(text, strlen(text)) : 0;
}

/* The list of all words, in columns, each with its label; then the note. */
static void show_choices(char **matches, int count, int longest)
{
    const line_choices_t *choices = shown_choices;
    int rows, columns;
    size_t width = 0;
    (void)matches;
    (void)count;
    (void)longest;
    rl_get_screen_size(&rows, &columns);
    for (size_t i = 0; i < choices->count; i++) {
        size_t label = columns_of(choices->labels[i]);
        size_t own = columns_of(choices->words[i]) + (label ? label + 1 : 0);
        width = own > width ? own : width;
    }
    width += 2;
    size_t across = width < (size_t)columns ? (size_t)columns / width : 1;
    size_t lines = (choices->count + across - 1) / across,
           most = rows > 8 ? (size_t)rows - 4 : 4;
    rl_crlf();
    for (size_t line = 0; line < lines && line < most; line++) {
        for (size_t i = line; i < choices->count; i += lines) {
            const char *label = choices->labels[i];
            size_t used = columns_of(choices->words[i]) + (label ? columns_of(label) + 1 : 0);
            fprintf(rl_outstream, "%s%s%s%*s", choices->words[i], label ? " " : "",
                    label ? label : "", i + lines < choices->count ? (int)(width - used) : 0,
                    "");
        }
        fputc('\n', rl_outstream);
    }
    if (lines > most)
        fprintf(rl_outstream, "... %zu in all\n", choices->count);
    if (choices->note)
        fprintf(rl_outstream, "%s\n", choices->note);
    rl_on_new_line();
    rl_forced_update_display();
}

static char *no_files(const char *text, int state)
{
    (void)text;
    (void)state;
    return NULL;
}

/* ---- keys
 *
 * A key that the loop has told of may be gone when it is read: Ctrl-C throws away what was
 * typed before it. So keys are read through a descriptor of our own that does not wait, one at
 * a time: what follows stays where readline looks for it. */

static int keys_fd = -1;
static int key = EOF;      /* read ahead; EOF: none */
static int last_key = EOF; /* that readline got */

static void open_keys(void)
{
    const char *name = ttyname(STDIN_FILENO);
    keys_fd = name ? open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    if (keys_fd < 0)
        keys_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3); /* then it may wait */
}

/* 1 and the key; 0: there is none now; -1: the terminal is gone. */
static int read_key(void)
{
    unsigned char byte;
    if (ahead.len > 0) {
        key = ahead.data[0];
        tt_buf_consume(&ahead, 1);
        return 1;
    }
    ssize_t got = read(keys_fd, &byte, 1);
    if (got == 1)
        key = byte;
    return got == 1 ? 1 : got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

/* Readline's: the key that was read, or one more of a sequence or a paste. */
static int next_key(FILE *in)
{
    int rc = key == EOF ? 0 : 1, taken;
    (void)in;
    while (rc == 0 && (rc = read_key()) == 0)
        if (poll(&(struct pollfd){keys_fd, POLLIN, 0}, 1, KEY_MS) == 0)
            rc = -1;
    taken = rc > 0 ? key : EOF;
    key = EOF;
    last_key = taken;
    return taken;
}

/* Readline's question whether another key is there. If so it is taken: it will be asked for.
 * Behind an ESC the rest of a sequence is waited for as long as the person's inputrc says. */
static int has_next_key(void)
{
    const char *limit = last_key == ESC ? rl_variable_value("keyseq-timeout") : NULL;
    if (key == EOF && limit)
        poll(&(struct pollfd){keys_fd, POLLIN, 0}, 1, (int)strtol(limit, NULL, 10));
    return key != EOF || read_key() > 0;
}

/* ---- editing */

static void on_line(char *line)
{
    rl_callback_handler_remove();
    tt_loop_remove_fd(loop, STDIN_FILENO);
    editing = false;
    tt_loop_cancel_timer(loop, above_timer);
    above_timer = 0;
    if (line == NULL)
        fputc('\n', rl_outstream);
    fflush(rl_outstream);
    show_pending();
    handlers.entered(handlers.arg, line);
}

static void on_readable(void *arg, int fd, uint32_t events)
{
    int rc = key != EOF ? 1 : ahead.len > 0 || events & EPOLLIN ? read_key() : -1;
    (void)arg;
    (void)fd;
    for (; rc > 0; rc = editing && (key != EOF || (ahead.len > 0 && read_key() > 0)))
        rl_callback_read_char();
    if (rc < 0)
        on_line(NULL); /* the terminal is gone */
    if (drop_wanted) {
        drop_wanted = false;
        line_drop();
    }
    if (editing && pending.len > 0 && above_timer == 0 && !is_elsewhere())
        show_pending();
}

/* A key that was read ahead is the next line's. */
static void on_key_left(void *arg)
{
    if (editing && (key != EOF || ahead.len > 0))
        on_readable(arg, STDIN_FILENO, EPOLLIN);
}

static void watch(void)
{
    if (editing)
        tt_loop_add_fd(loop, STDIN_FILENO, EPOLLIN, on_readable, NULL);
}

/* Ctrl-D stays remembered, and each further line would end with an empty one. */
static void restore_modes(void)
{
    rl_eof_found = 0;
    rl_deprep_terminal();
}

static int insert_initial(void)
{
    if (initial_text)
        rl_insert_text(initial_text);
    return 0;
}

/* The terminal's answer to a question that nobody waits for any more, `ESC [ ? 62 ; 4 c`, is
 * typed by nobody. */
static int pass_over_answer(int count, int first)
{
    (void)count;
    (void)first;
    for (int i = 0; i < ANSWER_MAX; i++) {
        int next = rl_read_key();
        if (next != ';' && (next < '0' || next > '9'))
            break;
    }
    return 0;
}

void line_open(tt_loop_t *the_loop, const line_handlers_t *the_handlers, const char *path)
{
    loop = the_loop;
    handlers = *the_handlers;
    opened = true;
    tt_buf_init(&pending);
    rl_readline_name = "tutti";
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_getc_function = next_key;
    rl_input_available_hook = has_next_key;
    rl_attempted_completion_function = on_complete;
    rl_completion_entry_function = no_files;
    rl_completion_display_matches_hook = show_choices;
    rl_completer_word_break_characters = ""; /* the completer finds the word by itself */
    rl_completer_quote_characters = NULL;
    rl_sort_completion_matches = 0;
    rl_ignore_completion_duplicates = 0;
    rl_startup_hook = insert_initial;
    rl_deprep_term_function = restore_modes;
    rl_initialize(); /* which reads the person's keys; ours come on top */
    rl_bind_keyseq_in_map("\\e[?", pass_over_answer, emacs_standard_keymap);
    rl_bind_keyseq_in_map("\\e[?", pass_over_answer, vi_insertion_keymap);
    open_keys();
    using_history();
    history_path = path ? tt_strdup(path) : NULL;
    if (path)
        read_all_history();
}

void line_edit(const char *prompt, const char *initial)
{
    free(prompt_text);
    free(initial_text);
    prompt_text = tt_strdup(prompt);
    initial_text = initial ? tt_strdup(initial) : NULL;
    editing = true;
    rl_callback_handler_install(prompt_text, on_line);
    watch();
    if (key != EOF || ahead.len > 0)
        tt_loop_add_timer(loop, 0, on_key_left, NULL);
}

void line_type_ahead(tt_span_t keys)
{
    if (opened && keys.len > 0)
        tt_buf_append(&ahead, keys.data, keys.len);
}

bool line_editing(void)
{
    return editing;
}

bool line_begun(void)
{
    return editing && rl_end > 0;
}

static void stop_editing(void)
{
    tt_loop_remove_fd(loop, STDIN_FILENO);
    rl_callback_handler_remove();
    editing = false;
    tt_loop_cancel_timer(loop, above_timer);
    above_timer = 0;
}

void line_drop(void)
{
    if (!editing)
        return;
    drop_wanted = completing;
    if (completing)
        return;
    rl_callback_sigcleanup();
    rl_point = rl_end;
    rl_redisplay();
    fputs("^C\n", rl_outstream);
    fflush(rl_outstream);
    rl_free_line_state();
    rl_replace_line("", 1);
    stop_editing();
    show_pending();
}

void line_suspend(void)
{
    if (!editing)
        return;
    tt_loop_remove_fd(loop, STDIN_FILENO);
    rl_deprep_terminal();
}

void line_resume(void)
{
    if (!editing)
        return;
    watch();
    rl_prep_terminal(1);
    rl_on_new_line();
    rl_forced_update_display();
}

void line_resize(void)
{
    if (editing)
        rl_resize_terminal();
}

void line_close(void)
{
    if (!opened)
        return;
    opened = false;
    if (editing) {
        rl_callback_sigcleanup();
        rl_crlf();
        stop_editing();
    }
    show_pending();
    tt_buf_release(&pending);
    tt_buf_release(&ahead);
    close(keys_fd);
    keys_fd = -1;
    free(history_path);
    free(prompt_text);
    free(initial_text);
    history_path = prompt_text = initial_text = NULL;
    clear_history();
}
