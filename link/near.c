/* The near end of a link. See near.h.
 *
 * The remote command is one fixed text, since the login shell that reads it may be any: it
 * starts a /bin/sh that evaluates the lines we send it. Each step below sends one line and
 * waits for the answer, a line that begins with "="; what rc files print before the first
 * answer is passed over. Bytes that follow a line (the bundle, a script) are read to their end
 * there whatever becomes of them, so that none is ever taken for a line. */
#include "near.h"

#include "bundle.h"
#include "child.h"
#include "greeting.h"
#include "log.h"
#include "loop.h"
#include "pump.h"
#include "talk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define REMOTE                                                                                 \
    "exec /bin/sh -c 'echo; echo =tutti-link 1; while IFS= read -r l; do eval \"$l\"; done'"

enum {
    NOISE_MAX = 64 << 10,  /* before the first answer */
    WORDS_MAX = 8 << 10,   /* of stderr, kept for the reason */
    WORDS_MS = 200,        /* for the last of them, when it has failed */
    SILENCE_MS = 60000,    /* from a step to its answer, or to progress in sending */
    SETUP_MS = 30 * 60000, /* for the script */
    ACCEPT_MS = 10000,     /* for whoever asked us to listen */
    GONE_MS = 1000,        /* for an ssh that was asked to end */
    DRAIN_MS = 10000       /* for what is still under way when ssh has ended */
};

typedef struct near near_t;

typedef struct {
    void (*begin)(near_t *self);
    void (*answer)(near_t *self, const char *words);
    const char *tag; /* of its answer */
    int limit_ms;
} step_t;

struct near {
    const near_options_t *options;
    tt_loop_t *loop;
    bundle_t bundle;
    pid_t ssh; /* 0: it has been reaped */
    int ssh_status;
    int fd;           /* ssh's stdin and stdout */
    int err_fd;       /* its stderr */
    talk_t *talk;     /* over `fd`; what has come for the far program is the pump's */
    tt_buf_t words;   /* the end of stderr */
    size_t noise;     /* bytes of what a login writes */
    char *noise_line; /* the last of its lines */
    const step_t *step;
    uint64_t timer;
    int64_t setup_ms; /* when it began */
    int listen_fd, local_fd;
    tt_pump_t *pump;
    greeting_t greeting; /* of whoever the controller is to have for a host */
    bool linked, failed;
    char *farewell; /* what is told when all has been passed on */
    int exit_status;
};

/* The steps, in the order in which they follow each other. */
enum { GREET, LOOK, PLACE, SEND, SETUP, START, STEPS };
static const step_t steps[STEPS];
static void go_to(near_t *self, int step);

/* ---- telling */

static void tell(near_t *self, const char *word, const char *text)
{
    char line[1024];
    int fd = self->options->status_fd;
    int len = snprintf(line, sizeof line - 1, "%s %.900s", word, text);
    for (char *at = line; *at; at++)
        if (*at == '\n')
            *at = ' ';
    line[len++] = '\n';
    if (fd >= 0 && write(fd, line, (size_t)len) < 0)
        tt_log(TT_LOG_WARN, "nobody hears: %s", line);
}

static void tell_number(near_t *self, const char *word, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    tell(self, word, text);
}

static void finish(void *arg)
{
    near_t *self = arg;
    tt_loop_stop(self->loop);
}

/* Nothing will run there. The first reason counts. */
static void fail(near_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(near_t *self, const char *format, ...)
{
    char text[900];
    va_list args;
    if (self->failed || self->linked)
        return;
    self->failed = true;
    self->exit_status = NEAR_NOT_REACHED;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tell(self, "failed", text);
    if (self->options->status_fd < 0)
        fprintf(stderr, "tutti: cannot reach '%s': %s\n", self->options->target.host, text);
    finish(self);
}

/* What was written to stderr without the lines of the far side's log, which tell no reason. The
 * caller's to free. */
static char *without_log(tt_buf_t *words)
{
    tt_buf_t kept;
    tt_buf_init(&kept);
    for (const char *line = tt_buf_text(words); *line;) {
        size_t len = strcspn(line, "\n");
        if (memmem(line, len, " tutti-engine[", strlen(" tutti-engine[")) == NULL)
            tt_buf_printf(&kept, "%.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
    char *text = tt_strdup(tt_buf_text(&kept));
    tt_buf_release(&kept);
    return text;
}

/* Why ssh has ended, in words. Its own failures are status 255; others are the far side's. */
static void explain(near_t *self, tt_buf_t *out)
{
    int status = self->ssh_status, code = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
    const char *noise = self->noise_line ? self->noise_line : "";
    char *words = without_log(&self->words);
    if (self->step == &steps[GREET] && code == 127 && strncmp(words, "cannot run '", 12) == 0)
        ssh_explain(out, &self->options->target, words, "");
    else if (self->step == &steps[GREET] && code != 255 && !self->linked)
        tt_buf_printf(out, "it runs no command of ours%s%.300s",
                      *noise ? "; it answered: " : "", noise);
    else if (self->linked && code > 128 && code != 255)
        tt_buf_printf(out, "its engine host was killed by %s", tt_signal_name(code - 128));
    else if (self->linked && code != 255)
        tt_buf_printf(out, "its engine host exited with status %d", code);
    else if (self->linked && WIFEXITED(status) && *words == 0)
        tt_buf_printf(out, "what ran there was killed"); /* of a signal ssh says nothing */
    else
        ssh_explain(out, &self->options->target, words, tt_child_ending(status));
    free(words);
}

static void on_late(void *arg)
{
    near_t *self = arg;
    self->timer = 0;
    fail(self, "no answer within %d s", self->step->limit_ms / 1000);
}

static void set_timer(near_t *self)
{
    tt_loop_cancel_timer(self->loop, self->timer);
    self->timer = tt_loop_add_timer(self->loop, self->step->limit_ms, on_late, self);
}

/* ---- what comes */

static void on_words(void *arg, int fd, uint32_t events);

/* Reads what has been written to stderr until now. It is about to end, and its last words come
 * by a way of their own: they may be a little later than what followed them. */
static void hear_words(near_t *self)
{
    struct pollfd wait = {self->err_fd, POLLIN, 0};
    int wait_ms = WORDS_MS;
    for (size_t before = self->words.len + 1;
         before != self->words.len && poll(&wait, 1, wait_ms) == 1; wait_ms = 0) {
        before = self->words.len;
        on_words(self, self->err_fd, 0);
    }
}

/* Before the first answer, a login may write what it likes. */
static void pass_over(near_t *self, const char *line)
{
    self->noise += strlen(line) + 1;
    if (self->noise > NOISE_MAX)
        fail(self, "its login writes more than 64 KiB before it lets a command run");
    if (*line) {
        free(self->noise_line);
        self->noise_line = tt_strdup(line);
    }
}

static void on_line(void *arg, char *line)
{
    near_t *self = arg;
    size_t tag = strlen(self->step->tag);
    if (self->failed)
        return;
    if (strncmp(line, "=fail ", 6) == 0) {
        int len;
        hear_words(self);
        const char *last = ssh_last_line(tt_buf_text(&self->words), &len);
        fail(self, "%s%s%.*s", line + 6, len ? ": " : "", len, last);
    } else if (strncmp(line, self->step->tag, tag) == 0 && (line[tag] == ' ' || !line[tag])) {
        self->step->answer(self, line[tag] ? line + tag + 1 : line + tag);
    } else if (self->step == &steps[GREET]) {
        pass_over(self, line);
    }
}

static void on_progress(void *arg)
{
    set_timer(arg);
}

/* ssh's own end tells more, and comes. */
static void on_talk_end(void *arg, const char *why)
{
    near_t *self = arg;
    if (why)
        fail(self, "%s", why);
}

static const talk_handlers_t talk_handlers = {on_line, on_progress, on_talk_end};

/* Without a far end that speaks to a socket, what comes is for our stdout. */
static bool is_plain(const near_t *self)
{
    return self->options->to == NULL && self->options->listen == NULL;
}

/* What ssh and the far side write to stderr: for our own, and its end for the reason. */
static void on_words(void *arg, int fd, uint32_t events)
{
    near_t *self = arg;
    char block[4096];
    ssize_t got = read(fd, block, sizeof block);
    (void)events;
    if (got <= 0) {
        tt_loop_remove_fd(self->loop, fd);
        return;
    }
    if (self->options->status_fd >= 0 || (self->linked && is_plain(self)))
        for (ssize_t at = 0, put; at < got; at += put)
            if ((put = write(2, block + at, (size_t)(got - at))) <= 0)
                break;
    tt_buf_append(&self->words, block, (size_t)got);
    if (self->words.len > WORDS_MAX)
        tt_buf_consume(&self->words, self->words.len - WORDS_MAX / 2);
}

/* The greeting, which lets what was written before it be forgotten, comes by a way of its own:
 * it is read first, so that it does not take along what was written after it. */
static void on_words_ready(void *arg, int fd, uint32_t events)
{
    near_t *self = arg;
    if (self->step == &steps[GREET] && !self->failed)
        talk_drain(self->talk);
    on_words(self, fd, events);
}

/* One line for the shell there. */
static void say(near_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(near_t *self, const char *format, ...)
{
    char line[16384];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    talk_say(self->talk, line);
}

/* ---- the steps */

static void begin_greeting(near_t *self)
{
    (void)self; /* the remote command says it by itself */
}

static void on_greeting(near_t *self, const char *words)
{
    (void)words;
    self->words.len = 0; /* a login's banner is no reason for anything that comes */
    go_to(self, LOOK);
}

static void begin_look(near_t *self)
{
    say(self,
        "exec 5>&1; tutti_h=%s; tutti_d=${XDG_CACHE_HOME:-$HOME/.cache}/tutti/$tutti_h; "
        "s=need; "
        "test -f \"$tutti_d/.complete\" && s=have; echo \"=look $s $(uname -sm)\"",
        self->bundle.hash);
}

static void on_look(near_t *self, const char *words)
{
    const char *machine = strchr(words, ' ');
    if (machine == NULL || strcmp(machine + 1, self->bundle.machine) != 0) {
        fail(self,
             "it is %s, and this tutti is for %s: install one there, or add it from such a "
             "machine",
             machine ? machine + 1 : "?", self->bundle.machine);
        return;
    }
    go_to(self, strncmp(words, "have ", 5) == 0 ? SETUP : PLACE);
}

static void begin_place(near_t *self)
{
    say(self, "d=$tutti_d; t=$(umask 077; mkdir -p \"${d%%/*}\" && mktemp -d \"$d.XXXXXX\") && "
              "echo =place || echo \"=fail cannot write in ${d%%/*}\"");
}

static void on_place(near_t *self, const char *words)
{
    (void)words;
    go_to(self, SEND);
}

/* Two machines may share a home: the first one to have it whole wins. The archive is kept, so
 * that a controller there can send it on. */
static void begin_send(near_t *self)
{
    tell_number(self, "sending", self->bundle.size);
    say(self,
        "head -c %llu | { cat >\"$t/b\"; r=$?; cat >/dev/null; exit $r; } && "
        "test \"$(sha256sum <\"$t/b\" | cut -c1-64)\" = \"$tutti_h\" && "
        "( cd \"$t\" && gzip -dc b | tar -xf - && mv b lib/tutti/bundle.tar.gz && "
        "echo $tutti_h >lib/tutti/bundle.sha256 && cp machine lib/tutti/bundle.machine && "
        ": >.complete ) && "
        "{ mv -T \"$t\" \"$d\" 2>/dev/null || rm -rf \"$t\"; }; "
        "test -f \"$d/.complete\" && echo =sent || "
        "{ rm -rf \"$t\"; echo \"=fail cannot unpack tutti into $d\"; }",
        (unsigned long long)self->bundle.size);
    talk_send_file(self->talk, self->bundle.fd, self->bundle.size);
}

static void on_sent(near_t *self, const char *words)
{
    (void)words;
    go_to(self, SETUP);
}

/* A script with a "#!" line is run; one without is read by the shell itself, so that what it
 * exports holds for the engines. */
static void begin_setup(near_t *self)
{
    struct stat found;
    if (self->options->setup_fd < 0 || fstat(self->options->setup_fd, &found) != 0) {
        go_to(self, START);
        return;
    }
    self->setup_ms = tt_now_ms();
    self->words.len = 0;
    tell(self, "script", self->options->setup_name ? self->options->setup_name : "the script");
    say(self,
        "tutti_f=$(mktemp) || echo \"=fail no room for the set-up script\"; head -c %llu | "
        "{ cat >\"$tutti_f\"; cat >/dev/null; }; l=; IFS= read -r l <\"$tutti_f\"; "
        "trap 'r=$?; rm -f \"$tutti_f\"; if [ $r = 0 ]; then echo \"=fail the set-up script "
        "ends the shell: take its exit out\"; else echo \"=setup $r\"; fi >&5' EXIT; "
        "case $l in '#!'*) ${l#'#!'} \"$tutti_f\" </dev/null >&2;; "
        "*) . \"$tutti_f\" </dev/null >&2;; esac; "
        "r=$?; set +e; trap - EXIT; rm -f \"$tutti_f\"; cd; echo \"=setup $r\"",
        (unsigned long long)found.st_size);
    talk_send_file(self->talk, self->options->setup_fd, (uint64_t)found.st_size);
}

static void on_setup(near_t *self, const char *words)
{
    const char *name =
        self->options->setup_name ? self->options->setup_name : "the set-up script";
    int len;
    if (strcmp(words, "0") == 0) {
        tell_number(self, "setup", (uint64_t)(tt_now_ms() - self->setup_ms));
        go_to(self, START);
        return;
    }
    hear_words(self);
    const char *last = ssh_last_line(tt_buf_text(&self->words), &len);
    fail(self, "%s ended with status %s%s%.*s", name, words, len ? ": " : "", len, last);
}

/* A word as the shell there reads it. */
static void quote(tt_buf_t *out, const char *word)
{
    tt_buf_printf(out, " '");
    for (; *word; word++)
        if (*word == '\n')
            tt_buf_printf(out, "'\"$tutti_n\"'"); /* a line ends what the shell reads */
        else
            tt_buf_printf(out, *word == '\'' ? "'\\''" : "%c", *word);
    tt_buf_printf(out, "'");
}

static void begin_start(near_t *self)
{
    tt_buf_t line;
    tt_buf_init(&line);
    /* A cluster outlives the session, and the session's directory does not. */
    const char *without =
        strncmp(self->options->argv[0], "bin/", 4) == 0 ? "unset XDG_RUNTIME_DIR; " : "";
    tt_buf_printf(&line,
                  "exec 5>&-; tutti_n=$(printf '\\n.'); tutti_n=${tutti_n%%.}; "
                  "touch \"$tutti_d\"; %sexec \"$tutti_d\"/%s",
                  without, self->options->argv[0]);
    for (const char *const *word = self->options->argv + 1; *word; word++)
        quote(&line, *word);
    self->words.len = 0;
    talk_say(self->talk, tt_buf_text(&line));
    tt_buf_release(&line);
    if (is_plain(self)) {
        self->linked = true;
        tt_loop_cancel_timer(self->loop, self->timer);
        talk_pass_on(self->talk, 1);
    }
}

/* ---- the link */

/* It is none of our hosts: not another byte of it is passed on. */
static void cut_off(near_t *self)
{
    tell(self, "ended", "cut off: what answers there is no engine host of tutti's");
    finish(self);
}

static bool check_greeting(void *arg, tt_span_t bytes)
{
    near_t *self = arg;
    return greeting_allows(&self->greeting, bytes);
}

/* All that came has been passed on, or is not taken. */
static void part(void *arg)
{
    near_t *self = arg;
    tell(self, "ended", self->farewell);
    finish(self);
}

static void on_pump_end(void *arg, int end, int error)
{
    near_t *self = arg;
    (void)end;
    (void)error;
    if (self->greeting.bad) {
        cut_off(self);
        return;
    }
    tt_pump_destroy(&self->pump);
    close(self->fd); /* ssh sees that nothing more will come, and ends */
    self->fd = -1;
    close(self->local_fd);
    self->local_fd = -1;
    if (self->ssh == 0)
        part(self);
    else
        tt_loop_add_timer(self->loop, GONE_MS, finish, self);
}

static void link_up(near_t *self)
{
    const tt_pump_end_t ends[2] = {{self->fd, self->fd}, {self->local_fd, self->local_fd}};
    const tt_buf_t *ahead = talk_stop(self->talk);
    bool to_controller = self->options->to != NULL;
    if (to_controller &&
        !greeting_allows(&self->greeting, (tt_span_t){ahead->data, ahead->len})) {
        cut_off(self);
        return;
    }
    self->pump = tt_pump_new(self->loop, ends, ahead->data, ahead->len, on_pump_end, self);
    if (to_controller)
        tt_pump_set_check(self->pump, 0, check_greeting, self);
}

static int local_address(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    errno = ENAMETOOLONG;
    if (strlen(path) >= sizeof address->sun_path)
        return -1;
    strcpy(address->sun_path, path);
    return 0;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (local_address(path, &address) == 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void on_local(void *arg, int fd, uint32_t events)
{
    near_t *self = arg;
    (void)events;
    self->local_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (self->local_fd < 0)
        return;
    tt_loop_remove_fd(self->loop, fd);
    close(fd);
    self->listen_fd = -1;
    unlink(self->options->listen);
    tt_loop_cancel_timer(self->loop, self->timer);
    link_up(self);
}

static void on_nobody(void *arg)
{
    near_t *self = arg;
    self->timer = 0;
    tell(self, "ended", "nobody came");
    finish(self);
}

/* Listens where only the person can enter: the caller has chosen the directory. */
static int listen_at(near_t *self, const char *path)
{
    struct sockaddr_un address;
    self->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (local_address(path, &address) != 0 ||
        bind(self->listen_fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(self->listen_fd, 1) != 0)
        return -1;
    tt_loop_add_fd(self->loop, self->listen_fd, EPOLLIN, on_local, self);
    self->timer = tt_loop_add_timer(self->loop, ACCEPT_MS, on_nobody, self);
    return 0;
}

/* The far program runs; from here on its bytes are not ours. */
static void on_up(near_t *self, const char *words)
{
    const near_options_t *options = self->options;
    tt_loop_cancel_timer(self->loop, self->timer);
    if (options->to && (self->local_fd = connect_to(options->to)) < 0) {
        fail(self, "cannot connect to '%s': %s", options->to, strerror(errno));
        return;
    }
    if (options->listen && listen_at(self, options->listen) != 0) {
        fail(self, "cannot listen at '%s': %s", options->listen, strerror(errno));
        return;
    }
    self->linked = true;
    self->words.len = 0;
    tell(self, "up", words);
    talk_stop(self->talk);
    if (options->to)
        link_up(self);
}

static const step_t steps[STEPS] = {
    [GREET] = {begin_greeting, on_greeting, "=tutti-link", SILENCE_MS},
    [LOOK] = {begin_look, on_look, "=look", SILENCE_MS},
    [PLACE] = {begin_place, on_place, "=place", SILENCE_MS},
    [SEND] = {begin_send, on_sent, "=sent", SILENCE_MS},
    [SETUP] = {begin_setup, on_setup, "=setup", SETUP_MS},
    [START] = {begin_start, on_up, "=go", SILENCE_MS},
};

static void go_to(near_t *self, int step)
{
    self->step = &steps[step];
    set_timer(self);
    self->step->begin(self);
}

/* ---- ssh's process */

/* Everything that it wrote is read before its end counts. */
static void on_ssh_ended(near_t *self)
{
    tt_buf_t why;
    hear_words(self);
    tt_buf_init(&why);
    explain(self, &why);
    if (!self->linked)
        fail(self, "%s", tt_buf_text(&why));
    else if (self->pump)
        tt_loop_add_timer(self->loop, DRAIN_MS, part, self);
    else if (!is_plain(self))
        tell(self, "ended", tt_buf_text(&why));
    else
        self->exit_status = WIFEXITED(self->ssh_status) ? WEXITSTATUS(self->ssh_status)
                                                        : 128 + WTERMSIG(self->ssh_status);
    self->farewell = tt_strdup(tt_buf_text(&why));
    tt_buf_release(&why);
    if (self->pump == NULL)
        finish(self);
}

static void on_signal(void *arg, const struct signalfd_siginfo *info)
{
    near_t *self = arg;
    int status;
    if (info->ssi_signo != SIGCHLD) {
        if (self->ssh)
            kill(self->ssh, SIGTERM);
        if (!self->linked || is_plain(self))
            self->exit_status = 128 + (int)info->ssi_signo;
        finish(self);
        return;
    }
    if (self->ssh && waitpid(self->ssh, &status, WNOHANG) == self->ssh) {
        self->ssh = 0;
        self->ssh_status = status;
        talk_drain(self->talk);
        on_ssh_ended(self);
    }
}

static int start_ssh(near_t *self, tt_error_t *err)
{
    int link[2], errs[2];
    const char *argv[SSH_ARGV_MAX];
    tt_buf_t words;
    tt_buf_init(&words);
    int rc = ssh_argv(&self->options->target, REMOTE, &words, argv, err);
    if (rc == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, link) != 0)
        rc = tt_error_set(err, "cannot make a socket: %s", strerror(errno));
    if (rc == 0 && pipe2(errs, O_CLOEXEC) != 0) {
        rc = tt_error_set(err, "cannot make a pipe: %s", strerror(errno));
        close(link[0]);
        close(link[1]);
    }
    if (rc != 0) {
        tt_buf_release(&words);
        return -1;
    }
    tt_child_t child = {
        .argv = argv, .fd = {link[1], link[1], errs[1], -1, -1}, .dies_with_us = true};
    self->ssh = tt_child_spawn(&child, err);
    close(link[1]);
    close(errs[1]);
    self->fd = link[0];
    self->err_fd = errs[0];
    fcntl(self->err_fd, F_SETFL, O_NONBLOCK);
    tt_buf_release(&words);
    if (self->ssh < 0)
        return -1;
    tt_loop_add_fd(self->loop, self->err_fd, EPOLLIN, on_words_ready, self);
    self->talk = talk_new(self->loop, self->fd, &talk_handlers, self);
    return 0;
}

static void end_ssh(near_t *self)
{
    if (self->ssh <= 0)
        return;
    kill(self->ssh, SIGTERM);
    for (int64_t until = tt_now_ms() + GONE_MS; tt_now_ms() < until; usleep(2000))
        if (waitpid(self->ssh, NULL, WNOHANG) == self->ssh)
            return;
    kill(self->ssh, SIGKILL);
    waitpid(self->ssh, NULL, 0);
}

static void release(near_t *self)
{
    tt_pump_destroy(&self->pump);
    talk_destroy(&self->talk);
    int fds[] = {self->fd, self->err_fd, self->listen_fd, self->local_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (self->listen_fd >= 0)
        unlink(self->options->listen);
    end_ssh(self);
    bundle_close(&self->bundle);
    tt_buf_release(&self->words);
    free(self->noise_line);
    free(self->farewell);
    tt_loop_destroy(&self->loop);
}

int near_run(const near_options_t *options)
{
    near_t self = {.options = options, .fd = -1, .err_fd = -1, .listen_fd = -1, .local_fd = -1};
    tt_error_t err;
    sigset_t signals;
    tt_signals_block(&signals, SIGCHLD, SIGTERM, SIGINT, SIGHUP, 0);
    self.loop = tt_loop_new();
    tt_loop_add_signals(self.loop, &signals, on_signal, &self);
    if (bundle_open(&self.bundle, &err) != 0 || start_ssh(&self, &err) != 0) {
        fail(&self, "%s", err.text);
    } else {
        go_to(&self, GREET);
        tt_loop_run(self.loop);
    }
    release(&self);
    return self.exit_status;
}
