/* The child bash: starting it, running code in it, interrupts, its end. See shell_bash.h.
 *
 * A command is two lines on bash's stdin: one sources the memfd `script`, one sources `report`,
 * which tells us the status by our pipe. Both are top-level commands of their own, so the
 * second runs whatever became of the first: a syntax error, `return`, an unset variable, an
 * interrupt. Neither holds a quote or an expansion: an interrupted bash drops the line it is
 * reading and takes the rest of it for a command; that must never open a quote.
 *
 * Sourcing (and not evaluating at the top level) switches bash's interactive noise off: job
 * numbers, terminal settings. The inner eval is for messages: "bash: eval: line 2: ..." and not
 * a path of ours, so equal errors of many engines are equal texts. */
#include "shell_bash.h"

#include "shell_child.h"
#include "shell_value.h"
#include "shell_watch.h"
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    START_LIMIT_MS = 10000,
    TICK_MS = 500,
    REMIND_MS = 500,
    STUCK_MS = 2000,
    SIGNAL_AGAIN_MS = 50,
    SPIN_TICKS = 3
};

struct shell_bash {
    char *program, *version;
    shell_place_t place;
    pid_t pid;
    int pidfd;
    int in;                /* our end of bash's stdin */
    int script;            /* memfds that it sources: the code of the command; */
    int report, give_back; /* what tells the end of it; what only returns a status */
    int events[2];         /* the pipe it is told through; we hold both ends */
    char heard[4096];      /* read from it, not yet a line */
    size_t heard_len;
    uint64_t last_id; /* of the round trips */
    char options[32]; /* $- as the user left it */
    int status;       /* $? as the user left it */
};

/* One round trip under way. */
typedef struct {
    shell_bash_t *bash;
    const shell_run_t *run;
    shell_outcome_t *outcome;
    uint64_t id;
    bool begun, over;
    bool again; /* what told its end was asked for after an interrupt */
    int seen;   /* interrupts */
    int capture[2];
    int spins;          /* ticks for which bash has been caught in its own handler */
    int64_t idle_since; /* when it was first seen waiting for us; 0: it does not */
    bool reminded;      /* it was asked for the end once more for that */
    int64_t signal_at;  /* when to interrupt it once more; 0: not at all */
    int64_t signal_gap; /* until the time after that; 0: once is enough */
    int64_t until;      /* 0: as long as it takes */
} trip_t;

static volatile sig_atomic_t interrupts;

static void on_interrupt(int number)
{
    (void)number;
    interrupts++;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void shell_outcome_release(shell_outcome_t *self)
{
    tt_buf_release(&self->out);
}

/* ---- what bash reads */

/* Private and not executable: what is left of an interrupted line may be its bare path. */
static int make_file(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd >= 0)
        fchmod(fd, 0600);
    return fd;
}

static int fill_file(int fd, const tt_buf_t *text)
{
    size_t done = 0;
    if (ftruncate(fd, 0) != 0)
        return -1;
    while (done < text->len) {
        ssize_t wrote = pwrite(fd, text->data + done, text->len - done, (off_t)done);
        if (wrote <= 0)
            return -1;
        done += (size_t)wrote;
    }
    return 0;
}

static void put_path(tt_buf_t *out, int fd)
{
    tt_buf_printf(out, "/proc/%d/fd/%d", (int)getpid(), fd);
}

/* Where our $? stays what the user's was: only a sourced file can return one without a fork. */
static void put_status(shell_bash_t *self, tt_buf_t *out)
{
    if (self->status == 0)
        return;
    tt_buf_printf(out, "\\builtin . ");
    put_path(out, self->give_back);
    tt_buf_printf(out, " %d && :; ", self->status);
}

/* How bash tells us something: by the error of a builtin that fails. What printf writes may be
 * interrupted half-way, and bash would then flush the rest to the user's stdout; an error goes
 * to stderr, which is /dev/null where that happens. */
static void put_tell(shell_bash_t *self, tt_buf_t *out, const char *what)
{
    tt_buf_printf(out, "\\builtin unalias \"@%s\" 2>", what);
    put_path(out, self->events[1]);
    tt_buf_printf(out, " || \\builtin :");
}

static void put_begun(shell_bash_t *self, const trip_t *trip, tt_buf_t *out)
{
    char what[32];
    snprintf(what, sizeof what, "B%llu", (unsigned long long)trip->id);
    put_tell(self, out, what);
}

/* One line, so that the code's first line is line 1. */
static void put_user_code(shell_bash_t *self, const trip_t *trip, tt_buf_t *out)
{
    put_begun(self, trip, out);
    tt_buf_printf(out, "; ");
    put_status(self, out);
    tt_buf_printf(out, "\\builtin eval ");
    shell_quote(out, trip->run->code);
    if (self->place == SHELL_PIPES) {
        tt_buf_printf(out, " </dev/null 2>>");
        put_path(out, 2);
    } else {
        tt_buf_printf(out, " <&" SHELL_STDIN " " SHELL_STDIN "<&- 2>&" SHELL_STDERR
                           " " SHELL_STDERR ">&-");
    }
    if (trip->capture[1] >= 0) {
        tt_buf_printf(out, " >>");
        put_path(out, trip->capture[1]);
    }
    tt_buf_printf(out, "\n");
}

/* In an || list, where `set -e` and traps on ERR have no say; without `set -u`. */
static void put_our_code(shell_bash_t *self, const trip_t *trip, tt_buf_t *out)
{
    bool aside = trip->run->whose == SHELL_ASIDE;
    bool strict = !aside && strchr(self->options, 'u') != NULL;
    tt_buf_printf(out, "%s",
                  aside    ? "(\\builtin set +u\n"
                  : strict ? "\\builtin set +u; {\n"
                           : "{\n");
    tt_buf_append(out, trip->run->code.data, trip->run->code.len);
    tt_buf_printf(out, "\n");
    put_begun(self, trip, out);
    tt_buf_printf(out, "\n%s </dev/null >>", aside ? ")" : "}");
    if (trip->capture[1] >= 0)
        put_path(out, trip->capture[1]);
    else
        tt_buf_printf(out, "/dev/null");
    tt_buf_printf(out, " || \\builtin :\n%s", strict ? "\\builtin set -u\n" : "");
}

/* `what`: R, or A when it is sent once more. An interrupt while bash reads the line makes it
 * forget what it has read, and take the rest for a command: no end of the line may write to
 * stdout (`2>&1` would: `ll 2>&1`). */
static void put_report_line(const shell_bash_t *self, char what, uint64_t id, tt_buf_t *out)
{
    tt_buf_printf(out, "\n{ \\builtin . ");
    put_path(out, self->report);
    tt_buf_printf(out, " %c%llu; } >/dev/null 2>/dev/null\n", what, (unsigned long long)id);
}

/* What does not go into the pipe (bash takes nothing any more) is left out. */
static void send_lines(shell_bash_t *self, const tt_buf_t *lines)
{
    ssize_t wrote = write(self->in, lines->data, lines->len);
    (void)wrote;
}

static void ask_again(shell_bash_t *self, uint64_t id, int times)
{
    tt_buf_t lines;
    tt_buf_init(&lines);
    for (int i = 0; i < times; i++)
        put_report_line(self, 'A', id, &lines);
    send_lines(self, &lines);
    tt_buf_release(&lines);
}

/* ---- what bash tells */

static bool interrupt_waits(void)
{
    sigset_t waiting;
    return sigpending(&waiting) == 0 && sigismember(&waiting, SIGINT) == 1;
}

/* `line` is a message of bash's: "bash: unalias: @R12 0 hB: not found". */
static void on_event(trip_t *trip, const char *line)
{
    char what = 0;
    unsigned long long id = 0;
    int status = 0;
    char options[32] = "";
    const char *at = strchr(line, '@');
    int found = at ? sscanf(at, "@%c%llu %d %31[a-zA-Z]", &what, &id, &status, options) : 0;
    if (found < 2 || id != trip->id || trip->over)
        return;
    if (what == 'B') {
        trip->begun = true;
        /* It may have met a bash that had not begun to read, and been lost on it. Nobody can
         * tell; so the signal is sent again unless the command ends soon. */
        if (trip->run->whose == SHELL_USER && (trip->outcome->interrupted || interrupt_waits()))
            trip->signal_at = now_ms() + SIGNAL_AGAIN_MS;
    } else if (found == 4) {
        trip->over = true;
        trip->again = what == 'A';
        trip->outcome->status = trip->again ? 128 + SIGINT : status;
        memcpy(trip->bash->options, options, sizeof options);
    }
}

static void hear(trip_t *trip)
{
    shell_bash_t *self = trip->bash;
    ssize_t got;
    while ((got = read(self->events[0], self->heard + self->heard_len,
                       sizeof self->heard - self->heard_len)) > 0) {
        self->heard_len += (size_t)got;
        char *at = self->heard, *end = self->heard + self->heard_len, *newline;
        while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
            *newline = 0;
            on_event(trip, at);
            at = newline + 1;
        }
        self->heard_len = at == self->heard && end == self->heard + sizeof self->heard
                              ? 0 /* no line of ours is that long */
                              : (size_t)(end - at);
        memmove(self->heard, at, self->heard_len);
    }
}

/* Takes what has been captured so far; what is over the limit is read and dropped. */
static void take_captured(trip_t *trip)
{
    tt_buf_t *out = &trip->outcome->out;
    static char dropped[65536];
    for (int turns = 0; turns < 64; turns++) {
        bool full = out->len >= TT_VALUE_LIMIT;
        void *to = full ? (void *)dropped : (void *)tt_buf_reserve(out, sizeof dropped);
        ssize_t got = read(trip->capture[0], to, sizeof dropped);
        if (got <= 0)
            return;
        if (full)
            trip->outcome->cut = true;
        else
            out->len += (size_t)got;
    }
}

/* To bash and what it runs in the foreground. At a terminal these are groups of their own, and
 * our own signal was not for them. */
static void interrupt(shell_bash_t *self)
{
    if (self->place != SHELL_TERMINAL) {
        kill(0, SIGINT);
        return;
    }
    pid_t front = tcgetpgrp(0);
    kill(-self->pid, SIGINT);
    if (front > 0 && front != self->pid && front != getpgrp() && getpgid(front) >= 0)
        kill(-front, SIGINT);
}

/* Interrupts that came since the last look. An interrupted bash may have dropped the line that
 * tells the end: so it is asked again, once for each. */
static void look_for_interrupts(trip_t *trip)
{
    int now = interrupts;
    if (now == trip->seen)
        return;
    if (trip->bash->place == SHELL_TERMINAL)
        interrupt(trip->bash);
    ask_again(trip->bash, trip->id, now - trip->seen);
    trip->seen = now;
    trip->outcome->interrupted = true;
}

/* ---- its end */

static void describe_end(shell_outcome_t *outcome, int wait_status)
{
    if (WIFSIGNALED(wait_status)) {
        const char *name = sigabbrev_np(WTERMSIG(wait_status));
        outcome->status = 128 + WTERMSIG(wait_status);
        snprintf(outcome->ending, sizeof outcome->ending, "killed by %s%.20s",
                 name ? "SIG" : "a signal", name ? name : "");
    } else {
        outcome->status = WEXITSTATUS(wait_status);
        snprintf(outcome->ending, sizeof outcome->ending, "exit %d", outcome->status);
    }
}

static int reap(shell_bash_t *self)
{
    int status = 0;
    while (waitpid(self->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    close(self->pidfd);
    close(self->in);
    self->pid = 0;
    self->pidfd = self->in = -1;
    return status;
}

static int start(shell_bash_t *self, tt_error_t *err);

/* Bash has ended: says how, and starts the next one; a local engine ends with its bash. */
static void on_end(shell_bash_t *self, shell_outcome_t *outcome)
{
    tt_error_t err;
    int status = reap(self);
    if (*outcome->ending == 0)
        describe_end(outcome, status);
    outcome->ended = true;
    if (self->place != SHELL_PIPES || start(self, &err) == 0)
        return;
    outcome->lost = true;
    snprintf(outcome->ending, sizeof outcome->ending, "%.250s", err.text);
}

/* ---- waiting */

/* Now and then while nothing happens: a bash that was stopped goes on; one that has lost the
 * lines that tell its end (no descriptors left, a trap that skips commands) is asked again and
 * then ended, so that the task does not last for ever. */
static void on_tick(trip_t *trip)
{
    shell_bash_t *self = trip->bash;
    if (shell_watch_stopped(self->pid))
        kill(self->pid, SIGCONT);
    trip->spins = shell_watch_spins(self->pid) ? trip->spins + 1 : 0;
    if (trip->spins >= SPIN_TICKS) {
        trip->spins = 0;
        shell_watch_free(self->pid);
        interrupt(self);
    }
    if (!shell_watch_waits(self->pid, self->in)) {
        trip->idle_since = 0;
        return;
    }
    int64_t now = now_ms();
    trip->idle_since = trip->idle_since ? trip->idle_since : now;
    if (!trip->reminded && now - trip->idle_since >= REMIND_MS)
        ask_again(self, trip->id, 1);
    trip->reminded = trip->reminded || now - trip->idle_since >= REMIND_MS;
    if (now - trip->idle_since < STUCK_MS)
        return;
    snprintf(trip->outcome->ending, sizeof trip->outcome->ending,
             "it could not tell how the command ended (are there descriptors left? ulimit -n)");
    trip->outcome->status = 1;
    kill(self->pid, SIGKILL);
}

/* Waits for the next thing to happen. False when bash has ended or the deadline is over. */
static bool wait_more(trip_t *trip, const sigset_t *open_mask)
{
    shell_bash_t *self = trip->bash;
    struct pollfd polls[] = {{.fd = self->events[0], .events = POLLIN},
                             {.fd = self->pidfd, .events = POLLIN},
                             {.fd = trip->capture[0], .events = POLLIN}};
    bool soon = trip->signal_at || trip->outcome->interrupted;
    struct timespec tick = {0, (soon ? SIGNAL_AGAIN_MS : TICK_MS) * 1000000L};
    int ready = ppoll(polls, 3, &tick, open_mask);
    if (trip->signal_at && now_ms() >= trip->signal_at) {
        trip->signal_gap *= 2;
        trip->signal_at = trip->signal_gap ? now_ms() + trip->signal_gap : 0;
        interrupt(self);
        if (trip->signal_gap && self->place == SHELL_TERMINAL)
            shell_watch_interrupt_youngest(self->pid);
    } else if (ready == 0) {
        on_tick(trip);
    }
    if (ready > 0 && polls[2].revents)
        take_captured(trip);
    look_for_interrupts(trip);
    hear(trip);
    if (trip->until && now_ms() > trip->until)
        return false;
    return ready <= 0 || polls[1].revents == 0;
}

/* Runs the trip to its end. False when bash is gone or has not answered in time. */
static bool wait_for_end(trip_t *trip)
{
    sigset_t interrupt, was;
    bool alive = true;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &was);
    look_for_interrupts(trip);
    while (alive && !trip->over)
        alive = wait_more(trip, &was);
    if (interrupt_waits())
        trip->outcome->interrupted = true;
    sigprocmask(SIG_SETMASK, &was, NULL);
    return trip->over;
}

static void open_capture(trip_t *trip)
{
    trip->capture[0] = trip->capture[1] = -1;
    if (!trip->run->capture || pipe2(trip->capture, O_CLOEXEC) != 0)
        return;
    fcntl(trip->capture[0], F_SETFL, O_NONBLOCK);
    fcntl(trip->capture[0], F_SETPIPE_SZ, 1 << 18);
}

static void close_capture(trip_t *trip)
{
    if (trip->capture[0] < 0)
        return;
    take_captured(trip);
    close(trip->capture[0]);
    close(trip->capture[1]);
}

static int send_run(trip_t *trip)
{
    shell_bash_t *self = trip->bash;
    tt_buf_t text, lines;
    tt_buf_init(&text);
    tt_buf_init(&lines);
    if (trip->run->whose == SHELL_USER)
        put_user_code(self, trip, &text);
    else
        put_our_code(self, trip, &text);
    int rc = fill_file(self->script, &text);
    bool on_own = self->place != SHELL_PIPES; /* stderr is the user's at the top level, too */
    tt_buf_printf(&lines, on_own ? "{ \\builtin . " : "\\builtin . ");
    put_path(&lines, self->script);
    if (on_own)
        tt_buf_printf(&lines, "; } " SHELL_STDERR ">&2 2>/dev/null");
    put_report_line(self, 'R', trip->id, &lines);
    if (rc == 0)
        send_lines(self, &lines);
    tt_buf_release(&text);
    tt_buf_release(&lines);
    return rc;
}

/* One round trip; false when bash has ended or did not answer in time. */
static bool make_trip(trip_t *trip)
{
    trip->id = ++trip->bash->last_id;
    open_capture(trip);
    bool over = send_run(trip) == 0 && wait_for_end(trip);
    close_capture(trip);
    return over;
}

static bool has_ended(const shell_bash_t *self)
{
    struct pollfd ended = {.fd = self->pidfd, .events = POLLIN};
    return poll(&ended, 1, 0) > 0;
}

/* Waits until bash has answered one of so many lines: each signal can make it drop one. A
 * process that was just being started may have slept through the signal, while bash left the
 * command: now bash waits for it, and it has to be met once more. */
static bool settle(shell_bash_t *self, int lines)
{
    static const shell_run_t nothing = {.whose = SHELL_OURS};
    shell_outcome_t outcome = {0};
    trip_t trip = {.bash = self,
                   .run = &nothing,
                   .outcome = &outcome,
                   .id = ++self->last_id,
                   .capture = {-1, -1},
                   .signal_at = now_ms() + SIGNAL_AGAIN_MS,
                   .signal_gap = SIGNAL_AGAIN_MS,
                   .seen = interrupts};
    ask_again(self, trip.id, lines);
    bool over = wait_for_end(&trip);
    if (!over)
        on_end(self, &outcome);
    return over;
}

void shell_bash_run(shell_bash_t *self, const shell_run_t *run, shell_outcome_t *outcome)
{
    trip_t trip = {.bash = self, .run = run, .outcome = outcome};
    *outcome = (shell_outcome_t){0};
    if (has_ended(self)) {
        on_end(self, outcome);
        if (outcome->lost)
            return;
        outcome->ended = false;
        memcpy(outcome->before, outcome->ending, sizeof outcome->before);
        *outcome->ending = 0;
    }
    if (interrupts > 0) {
        outcome->interrupted = true;
        outcome->status = 128 + SIGINT;
        return;
    }
    if (!make_trip(&trip)) {
        on_end(self, outcome);
        return;
    }
    outcome->done = trip.begun;
    if (outcome->status != 128 + SIGINT && trip.begun)
        outcome->interrupted = false;
    if (run->whose == SHELL_USER)
        self->status = outcome->status;
    if (self->place == SHELL_TERMINAL && outcome->status == 128 + SIGINT)
        settle(self, 2); /* a ^C, which is not drained */
}

int shell_bash_drain(shell_bash_t *self)
{
    int count = 0;
    while (interrupts > 0 && self->pid > 0) {
        int some = interrupts;
        count += some;
        interrupts -= some;
        if (!settle(self, some + 1))
            break;
    }
    return count;
}

/* ---- starting */

/* Its first command: what an interactive bash does for a person at a terminal is turned off. */
static bool set_up(shell_bash_t *self, tt_buf_t *version)
{
    char code[256];
    int len = snprintf(code, sizeof code,
                       "set %s +H +o history\n"
                       "\\builtin export -n PS1 PS2\n"
                       "\\builtin unset -v MAILCHECK HISTFILE\n"
                       "\\builtin printf %%s \"$BASH_VERSION\"\n",
                       self->place == SHELL_TERMINAL ? "-m" : "+m");
    shell_run_t run = {
        .whose = SHELL_OURS, .code = {(const uint8_t *)code, (size_t)len}, .capture = true};
    shell_outcome_t outcome = {0};
    trip_t trip = {.bash = self,
                   .run = &run,
                   .outcome = &outcome,
                   .seen = interrupts,
                   .until = now_ms() + START_LIMIT_MS};
    bool over = make_trip(&trip);
    *version = outcome.out;
    return over && trip.begun && version->len > 0;
}

/* A failure to start leaves nothing running. */
static int start(shell_bash_t *self, tt_error_t *err)
{
    tt_buf_t version;
    self->heard_len = 0;
    self->status = 0;
    self->options[0] = 0;
    self->pid = shell_child_spawn(self->program, self->place, &self->in, err);
    if (self->pid < 0)
        return -1;
    self->pidfd = (int)syscall(SYS_pidfd_open, self->pid, 0);
    bool fine = set_up(self, &version);
    free(self->version);
    self->version = tt_strndup(fine ? tt_buf_text(&version) : "", fine ? version.len : 0);
    tt_buf_release(&version);
    if (fine)
        return 0;
    kill(self->pid, SIGKILL);
    int status = reap(self);
    if (WIFEXITED(status))
        return tt_error_set(err, "cannot run '%s' as a bash: it exited with status %d",
                            self->program, WEXITSTATUS(status));
    return tt_error_set(err,
                        "cannot use '%s': it does not answer as a bash does, or cannot use "
                        "/proc",
                        self->program);
}

static int write_files(shell_bash_t *self)
{
    tt_buf_t text;
    tt_buf_init(&text);
    put_tell(self, &text, "$1 $? $-");
    tt_buf_printf(&text, "\n");
    int rc = fill_file(self->report, &text);
    text.len = 0;
    tt_buf_printf(&text, "\\builtin return \"$1\"\n");
    rc |= fill_file(self->give_back, &text);
    tt_buf_release(&text);
    return rc;
}

static int open_files(shell_bash_t *self, tt_error_t *err)
{
    self->script = make_file("command");
    self->report = make_file("report");
    self->give_back = make_file("status");
    if (self->script < 0 || self->report < 0 || self->give_back < 0 ||
        pipe2(self->events, O_CLOEXEC) != 0)
        return tt_error_set(err, "cannot start a shell: %s", strerror(errno));
    fcntl(self->events[0], F_SETFL, O_NONBLOCK);
    if (write_files(self) != 0)
        return tt_error_set(err, "cannot start a shell: %s", strerror(errno));
    return 0;
}

shell_bash_t *shell_bash_new(const char *program, shell_place_t place, tt_error_t *err)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    shell_bash_t *self = tt_alloc(sizeof *self);
    self->pidfd = self->in = self->script = self->report = self->give_back = -1;
    self->events[0] = self->events[1] = -1;
    self->place = place;
    self->program = shell_child_find(*program ? program : "bash");
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    shell_child_clean_environment();
    if (open_files(self, err) != 0 || start(self, err) != 0)
        shell_bash_destroy(&self);
    return self;
}

int shell_bash_restart(shell_bash_t *self, tt_error_t *err)
{
    if (self->pid > 0) {
        kill(self->pid, SIGKILL);
        reap(self);
    }
    return start(self, err);
}

void shell_bash_destroy(shell_bash_t **self_p)
{
    shell_bash_t *self = *self_p;
    if (self == NULL)
        return;
    if (self->pid > 0) {
        kill(self->pid, SIGKILL);
        reap(self);
    }
    const int fds[] = {self->script, self->report, self->give_back, self->events[0],
                       self->events[1]};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(self->program);
    free(self->version);
    free(self);
    *self_p = NULL;
}

const char *shell_bash_program(const shell_bash_t *self)
{
    return self->program;
}

const char *shell_bash_version(const shell_bash_t *self)
{
    return self->version;
}

pid_t shell_bash_pid(const shell_bash_t *self)
{
    return self->pid;
}
