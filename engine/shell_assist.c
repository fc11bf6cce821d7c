/* What helps whoever types: is the input whole, completion, inspection.
 *
 * Whether input is whole is asked of a second, short-lived `bash -n`, which reads and runs
 * nothing; the others are asked of the engine's bash, which knows the names. */
#include "pack.h"
#include "shell_task.h"
#include "shell_value.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHECK_LIMIT_MS = 3000, SAID_MAX = 65536, NAMES_MAX = 2000 };

/* ---- check */

static void become_checker(const char *program, int code_fd, int said_fd)
{
    static const char *const argv[] = {"bash",    "--norc", "--noprofile", "-O",
                                       "extglob", "-n",     NULL};
    int nothing = open("/dev/null", O_RDWR);
    dup2(code_fd, 0);
    dup2(nothing, 1);
    dup2(said_fd, 2);
    setpgid(0, 0); /* an interrupt meant for the engine is not for it */
    setenv("LC_ALL", "C", 1);
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    execv(program, (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* Reads what it says until it ends, or the deadline is over: then it is killed. */
static void read_said(int fd, pid_t pid, tt_buf_t *said)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    for (;;) {
        int ready = poll(&one, 1, CHECK_LIMIT_MS);
        if (ready < 0 && errno == EINTR)
            continue;
        uint8_t *to = tt_buf_reserve(said, 4096);
        ssize_t got = ready > 0 ? read(fd, to, 4096) : 0;
        if (got < 0 && errno == EINTR)
            continue;
        said->len += got > 0 ? (size_t)got : 0;
        if (got <= 0 || said->len > SAID_MAX)
            break;
    }
    kill(pid, SIGKILL); /* a zombie by now, as a rule */
}

/* Runs `bash -n` over the code. Returns its wait status, or -1; `said` gets its stderr. */
static int ask_checker(const char *program, tt_span_t code, tt_buf_t *said)
{
    int fds[2], status = -1, file = memfd_create("input", MFD_CLOEXEC);
    if (file < 0)
        return -1;
    if (write(file, code.data, code.len) != (ssize_t)code.len || pipe2(fds, O_CLOEXEC) != 0) {
        close(file);
        return -1;
    }
    lseek(file, 0, SEEK_SET);
    pid_t pid = fork();
    if (pid == 0)
        become_checker(program, file, fds[1]);
    close(file);
    close(fds[1]);
    if (pid > 0) {
        read_said(fds[0], pid, said);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    close(fds[0]);
    return status;
}

/* A backslash at the very end joins the next line. */
static bool goes_on(tt_span_t code)
{
    size_t backslashes = 0;
    if (code.len > 0 && code.data[code.len - 1] == '\n')
        code.len--;
    while (backslashes < code.len && code.data[code.len - 1 - backslashes] == '\\')
        backslashes++;
    return backslashes % 2 == 1;
}

static const char *judge(const char *program, tt_span_t code)
{
    static const char *const open[] = {"unexpected end of file", "unexpected EOF",
                                       "delimited by end-of-file"};
    tt_buf_t said;
    if (goes_on(code))
        return "more";
    tt_buf_init(&said);
    int status = ask_checker(program, code, &said);
    const char *state = status == 0 ? "whole" : "invalid";
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        if (strstr(tt_buf_text(&said), open[i]))
            state = "more";
    tt_buf_release(&said);
    return state;
}

void shell_check(shell_t *self, shell_task_t *task)
{
    size_t count;
    tt_span_t code;
    if (tt_read_array(&task->args, &count) != 0 || tt_read_str(&task->args, &code) != 0) {
        shell_refuse(task, "CHECK takes [code]");
        return;
    }
    self->scratch.len = 0;
    tt_pack_array(&self->scratch, 2);
    tt_pack_text(&self->scratch, judge(shell_bash_program(self->bash), code));
    tt_pack_text(&self->scratch, "");
    shell_reply_scratch(self, task);
}

/* ---- complete */

#define BREAKS " \t\n;|&<>()`\"'="

typedef struct {
    const char *text;  /* the line up to the cursor */
    size_t len, start; /* bytes; where the word begins */
} line_t;

/* Bytes that so many characters take. */
static size_t bytes_of(const char *text, size_t len, uint64_t characters)
{
    size_t at = 0;
    uint32_t code;
    for (; characters > 0 && at < len; characters--) {
        size_t size = tt_text_char(text + at, len - at, &code);
        at += size ? size : 1;
    }
    return at;
}

static size_t characters_of(const char *text, size_t len)
{
    size_t count = 0;
    uint32_t code;
    for (size_t at = 0; at < len; count++) {
        size_t size = tt_text_char(text + at, len - at, &code);
        at += size ? size : 1;
    }
    return count;
}

static bool escaped(const line_t *line, size_t at)
{
    size_t backslashes = 0;
    while (backslashes < at && line->text[at - 1 - backslashes] == '\\')
        backslashes++;
    return backslashes % 2 == 1;
}

static void find_word(line_t *line)
{
    size_t at = line->len;
    while (at > 0 && (strchr(BREAKS, line->text[at - 1]) == NULL || escaped(line, at - 1)))
        at--;
    line->start = at;
}

/* The text between the last separator of commands and the word is empty or introduces one. */
static bool at_command(const line_t *line)
{
    static const char *const words[] = {"if", "then", "else", "elif", "do",   "while",  "until",
                                        "!",  "time", "exec", "{",    "sudo", "command"};
    size_t at = line->start;
    while (at > 0 && strchr(" \t", line->text[at - 1]))
        at--;
    if (at == 0 || strchr("\n;|&(`", line->text[at - 1]))
        return true;
    size_t end = at;
    while (at > 0 && strchr(BREAKS, line->text[at - 1]) == NULL)
        at--;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == end - at && memcmp(words[i], line->text + at, end - at) == 0)
            return true;
    return false;
}

/* What kind of name is wanted; moves the start behind a $ or ${. */
static const char *wanted(line_t *line)
{
    const char *word = line->text + line->start;
    size_t len = line->len - line->start, at = len;
    while (at > 0 && word[at - 1] != '$')
        at--;
    if (at > 0) {
        line->start += at + (at < len && word[at] == '{');
        return "variable";
    }
    if (len == 0 || memchr(word, '/', len) == NULL)
        if (at_command(line))
            return "command";
    return "file";
}

static void put_prefix(const line_t *line, tt_buf_t *script)
{
    tt_buf_t plain;
    const char *at = line->text + line->start, *end = line->text + line->len;
    tt_buf_init(&plain);
    if (at < end && *at == '~' && memchr(at, '/', (size_t)(end - at))) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        if (shell_is_name(at + 1, (size_t)(slash - at - 1)) || slash == at + 1)
            tt_buf_append(script, at, (size_t)(slash - at)), at = slash;
    }
    for (; at < end; at++) {
        at += *at == '\\' && at + 1 < end;
        tt_buf_append(&plain, at, 1);
    }
    shell_quote(script, (tt_span_t){plain.data, plain.len});
    tt_buf_release(&plain);
}

/* One name a line; directories with a slash behind. */
static void put_question(tt_buf_t *script, const char *kind, const line_t *line)
{
    bool file = strcmp(kind, "file") == 0;
    if (file)
        tt_buf_printf(script, "\\builtin compgen -S / -A directory -- ");
    else
        tt_buf_printf(script, "\\builtin compgen -A %s -- ", kind);
    put_prefix(line, script);
    if (file) {
        tt_buf_printf(script, "\n\\builtin compgen -A file -- ");
        put_prefix(line, script);
    }
    tt_buf_printf(script, "\n");
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of `text`, sorted; the array is the caller's, its texts point into `text`. */
static char **split_lines(char *text, size_t *count)
{
    size_t lines = 1;
    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    char **names = tt_alloc(lines * sizeof *names), *name;
    *count = 0;
    while ((name = strsep(&text, "\n")))
        if (*name && strncmp(name, "__tutti", 7) != 0)
            names[(*count)++] = name;
    qsort(names, *count, sizeof *names, compare);
    return names;
}

/* A name that comes twice, or once more as a directory, is left out. */
static bool is_double(char **names, size_t count, size_t i)
{
    size_t len = strlen(names[i]);
    for (size_t k = i + 1; k < count && strncmp(names[k], names[i], len) == 0; k++)
        if (names[k][len] == 0 || (names[k][len] == '/' && names[k][len + 1] == 0))
            return true;
    return false;
}

static void pack_name(tt_buf_t *out, const char *name, bool file)
{
    tt_buf_t text;
    tt_buf_init(&text);
    for (; *name; name++) {
        if (file && strchr(" \t;|&<>()$`\\\"'*?[#{}!", *name))
            tt_buf_append(&text, "\\", 1);
        tt_buf_append(&text, name, 1);
    }
    shell_value_pack(out, (tt_span_t){text.data, text.len});
    tt_buf_release(&text);
}

static void reply_names(shell_t *self, shell_task_t *task, const line_t *line, bool file,
                        shell_outcome_t *outcome)
{
    size_t count, kept = 0;
    tt_buf_t packed;
    tt_buf_append(&outcome->out, "", 1);
    char **names = split_lines((char *)outcome->out.data, &count);
    tt_buf_init(&packed);
    for (size_t i = 0; i < count && kept < NAMES_MAX; i++) {
        if (is_double(names, count, i))
            continue;
        pack_name(&packed, names[i], file);
        kept++;
    }
    self->scratch.len = 0;
    tt_pack_array(&self->scratch, 2);
    tt_pack_uint(&self->scratch, characters_of(line->text, line->start));
    tt_pack_array(&self->scratch, kept);
    if (kept > 0)
        tt_pack_raw(&self->scratch, (tt_span_t){packed.data, packed.len});
    shell_reply_scratch(self, task);
    tt_buf_release(&packed);
    free(names);
}

void shell_complete(shell_t *self, shell_task_t *task)
{
    size_t count;
    tt_span_t code;
    uint64_t position;
    if (tt_read_array(&task->args, &count) != 0 || tt_read_str(&task->args, &code) != 0 ||
        tt_read_uint(&task->args, &position) != 0 ||
        (code.len > 0 && memchr(code.data, 0, code.len))) {
        shell_refuse(task, "COMPLETE takes [code, position]");
        return;
    }
    line_t line = {.text = code.len ? (const char *)code.data : ""};
    line.len = bytes_of(line.text, code.len, position);
    find_word(&line);
    const char *kind = wanted(&line);
    tt_buf_t script;
    shell_outcome_t outcome;
    tt_buf_init(&script);
    put_question(&script, kind, &line);
    if (shell_ask(self, task, &script, &outcome))
        reply_names(self, task, &line, strcmp(kind, "file") == 0, &outcome);
    shell_outcome_release(&outcome);
    tt_buf_release(&script);
}

/* ---- inspect */

static const char describe[] =
    "case $(\\builtin type -t -- \"$__tutti\") in\n"
    "(builtin|keyword) \\builtin help -- \"$__tutti\";;\n"
    "(file) \\builtin type -- \"$__tutti\"; \\command man -f -- \"$__tutti\" 2>/dev/null;;\n"
    "(?*) \\builtin type -- \"$__tutti\";;\n"
    "(*) [[ $__tutti == *[!A-Za-z0-9_]* ]] || \\builtin declare -p -- \"$__tutti\";;\n"
    "esac 2>/dev/null\n";

void shell_inspect(shell_t *self, shell_task_t *task)
{
    size_t count;
    tt_span_t name;
    if (tt_read_array(&task->args, &count) != 0 || tt_read_str(&task->args, &name) != 0 ||
        (name.len > 0 && memchr(name.data, 0, name.len))) {
        shell_refuse(task, "INSPECT takes [name, detail]");
        return;
    }
    if (name.len > 0 && name.data[0] == '$')
        name = (tt_span_t){name.data + 1, name.len - 1};
    tt_buf_t script;
    shell_outcome_t outcome;
    tt_buf_init(&script);
    tt_buf_printf(&script, "__tutti=");
    shell_quote(&script, name);
    tt_buf_printf(&script, "\n%s", describe);
    if (shell_ask(self, task, &script, &outcome)) {
        if (outcome.out.len > 0) {
            shell_reply_text(self, task, &outcome);
        } else {
            self->scratch.len = 0;
            tt_pack_nil(&self->scratch);
            shell_reply_scratch(self, task);
        }
    }
    shell_outcome_release(&outcome);
    tt_buf_release(&script);
}
