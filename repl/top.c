/* The live view. See top.h. One question is under way at a time; keys and signals are taken by
 * the same loop. What others write meanwhile is held back by screen.c and shown afterwards. */
#include "top.h"

#include "progress.h"
#include "screen.h"
#include "top_view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    LATE_MS = 3000,    /* after which an answer is called late */
    ONCE_MS = 3000,    /* for hosts to tell their load */
    AGAIN_MS = 250,    /* between questions until they have */
    ANSWER_MS = 10000, /* for the first answer, when there is no terminal */
    PAGE_OVERLAP = 1,
    KEY_MS = 100 /* for the rest of a key; then Esc was pressed */
};

static struct {
    const top_wish_t *wish; /* NULL: there is no view */
    bool on_screen;
    top_look_t look;
    pulse_t pulse;
    snapshot_t report;
    bool has_report;
    int64_t asked_ms;  /* of the question that is under way */
    uint64_t question; /* 0: none is */
    uint64_t timer;    /* for the next one, or a late answer */
    size_t room;       /* rows of engines that are seen */
    char part[16];     /* a key that has not come whole */
    size_t part_len;
    uint64_t part_timer;
    bool over;   /* the view ends */
    int hung_up; /* the signal that ends us, 0 */
    bool failed;
    tt_error_t why;
} top;

static void ask(void *unused);

/* ---- the screen */

static void write_out(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t wrote = write(STDOUT_FILENO, text, len);
        if (wrote < 0 && errno != EINTR)
            return; /* it is gone: reading tells, too */
        text += wrote > 0 ? wrote : 0;
        len -= wrote > 0 ? (size_t)wrote : 0;
    }
}

static void say(const char *text)
{
    write_out(text, strlen(text));
}

/* The other screen, without a cursor; lines are not wrapped. */
static void enter_screen(void)
{
    screen_hold();
    terminal_set_keys(top.wish->terminal, true);
    say("\033[?1049h\033[?25l\033[?7l\033[H\033[2J");
    top.on_screen = true;
}

static void leave_screen(void)
{
    if (!top.on_screen)
        return;
    top.on_screen = false;
    say("\033[0m\033[?7h\033[?25h\033[?1049l");
    terminal_set_keys(top.wish->terminal, false);
    screen_let_go();
}

/* Each line overwrites what stood there; the last one has no newline, which would scroll. */
static void show(void)
{
    tt_buf_t frame, out;
    if (!top.on_screen)
        return;
    if (!top.has_report) {
        say("\033[H\033[2Jasking the controller ...");
        return;
    }
    tt_buf_init(&frame);
    tt_buf_init(&out);
    top.look.columns = terminal_columns() - 1; /* erasing behind the last one would erase it */
    top.look.rows = terminal_rows();
    top.look.silent_s = top.question && tt_now_ms() - top.asked_ms >= LATE_MS
                            ? (double)(tt_now_ms() - top.asked_ms) / 1e3
                            : 0;
    top.room = top_view(&top.report, &top.pulse, &top.look, &frame);
    tt_buf_append(&out, "\033[H", 3);
    for (size_t at = 0; at < frame.len;) {
        const char *line = (const char *)frame.data + at;
        size_t len = strcspn(line, "\n");
        tt_buf_append(&out, line, len);
        at += len + 1;
        tt_buf_printf(&out, "\033[K%s", at < frame.len ? "\r\n" : "");
    }
    tt_buf_printf(&out, "\033[J");
    write_out((const char *)out.data, out.len);
    tt_buf_release(&frame);
    tt_buf_release(&out);
}

static void end(void)
{
    top.over = true;
    tt_loop_stop(top.wish->loop);
}

/* ---- questions and answers */

static void ask_in(int64_t delay_ms)
{
    tt_loop_cancel_timer(top.wish->loop, top.timer);
    top.timer = tt_loop_add_timer(top.wish->loop, delay_ms, ask, NULL);
}

static void fail(const char *why)
{
    top.failed = true;
    tt_error_set(&top.why, "%s", why);
    end();
}

static void take_report(tt_frames_t *payload)
{
    snapshot_t report;
    if (snapshot_read(&report, tt_frames_span(payload, 0), &top.why) != 0) {
        top.failed = true;
        end();
        return;
    }
    snapshot_release(&top.report);
    top.report = report;
    top.has_report = true;
    pulse_add(&top.pulse, &report, tt_now_ms());
    show();
}

static void on_answer(void *unused, const tt_message_t *message, tt_frames_t *payload)
{
    char text[400];
    (void)unused;
    uint64_t question = top.question;
    top.question = 0;
    if (message == NULL) {
        fail("the controller is gone");
        return;
    }
    tt_client_end_exchange(top.wish->client, question);
    if (message->type == TT_MSG_ERROR) {
        fail(tt_text_copy(message->as.error.text, text, sizeof text));
        return;
    }
    take_report(payload);
    int64_t next = top.asked_ms + (int64_t)(top.wish->every_s * 1000) - tt_now_ms();
    if (!top.over)
        ask_in(top.on_screen || top.wish->terminal ? (next > 0 ? next : 0) : AGAIN_MS);
}

/* The time for the next question; while one is under way, that its answer is late is shown. */
static void ask(void *unused)
{
    (void)unused;
    top.timer = 0;
    if (top.question) {
        show();
    } else if (!top.look.paused) {
        tt_message_t message = tt_message(TT_MSG_STATUS, 0);
        top.asked_ms = tt_now_ms();
        top.question = tt_client_exchange(top.wish->client, &message, on_answer, NULL);
    }
    if (!top.look.paused)
        ask_in(1000);
}

/* ---- keys */

static void scroll(long by)
{
    long first = (long)top.look.first + by;
    top.look.first = first > 0 ? (size_t)first : 0;
}

static void key_down(void)
{
    scroll(1);
}

static void key_up(void)
{
    scroll(-1);
}

static long page(void)
{
    return top.room > PAGE_OVERLAP ? (long)top.room - PAGE_OVERLAP : 1;
}

static void key_page_down(void)
{
    scroll(page());
}

static void key_page_up(void)
{
    scroll(-page());
}

static void key_first(void)
{
    top.look.first = 0;
}

static void key_last(void)
{
    top.look.first = top.report.engine_count; /* the view brings it into range */
}

static void key_order(void)
{
    top.look.order = (top.look.order + 1) % TOP_ORDER_COUNT;
    top.look.first = 0;
}

static void key_order_back(void)
{
    top.look.order = (top.look.order + TOP_ORDER_COUNT - 1) % TOP_ORDER_COUNT;
    top.look.first = 0;
}

static void key_grouping(void)
{
    top.look.grouping = (top.look.grouping + 1) % TOP_MACHINES;
    top.look.first = 0;
}

static void key_pause(void)
{
    top.look.paused = !top.look.paused;
    if (!top.look.paused && top.question == 0)
        ask_in(0);
}

static void key_help(void);

/* What a key sends, what it is called, what it does. */
static const struct {
    const char *bytes; /* sequences, parted by blanks */
    const char *name, *help;
    void (*fn)(void);
} keys[] = {
    {"q Q \033", "q, Esc, Ctrl-C", "leaves", end},
    {"j \033[B \033OB", "down, j", "one row down", key_down},
    {"k \033[A \033OA", "up, k", "one row up", key_up},
    {"\033[6~ f", "PgDn, f", "a page down", key_page_down},
    {"\033[5~ b", "PgUp, b", "a page up", key_page_up},
    {"\033[H \033OH \033[1~ 0", "Home, 0", "to the first row", key_first},
    {"\033[F \033OF \033[4~ G", "End, G", "to the last row", key_last},
    {"s > \t", "s, >", "another order: state, engine, cpu, memory, time", key_order},
    {"<", "<", "the order before", key_order_back},
    {"g", "g", "rows: as it fits, engines, alike, by host", key_grouping},
    {"p", "p, blank", "pauses, or goes on", key_pause},
    {"h ?", "h, ?", "this help, or back", key_help},
};

static void key_help(void)
{
    static char text[2000];
    size_t len = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "  %-16s %s\n", keys[i].name,
                                keys[i].help);
    snprintf(text + len, sizeof text - len,
             "\nCPU is in shares of a core, MEMORY what is resident, both with what an engine\n"
             "has started. WORK: a column for each look, high when many worked.\n");
    top.look.help = top.look.help ? NULL : text;
}

static bool is_one_of(const char *sequences, const char *key, size_t len)
{
    while (*sequences) {
        size_t own = strcspn(sequences, " ");
        if (own == len && memcmp(sequences, key, len) == 0)
            return true;
        sequences += own + strspn(sequences + own, " ");
    }
    return false;
}

/* The length of the key at the start: an escape sequence is one. 0: there is more to come. */
static size_t key_length(const char *text, size_t len)
{
    size_t at = 2;
    if (text[0] != '\033')
        return 1;
    if (len < 2)
        return 0;
    if (text[1] != '[' && text[1] != 'O')
        return 1;
    while (at < len && (text[at] < '@' || text[at] > '~'))
        at++;
    return at < len ? at + 1 : 0;
}

static void press(const char *key, size_t len)
{
    if (len == 1 && *key == ' ')
        key_pause();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (is_one_of(keys[i].bytes, key, len))
            keys[i].fn();
}

/* What did not go on was Esc, or nothing that is known. */
static void on_part(void *unused)
{
    (void)unused;
    top.part_timer = 0;
    if (top.part_len == 1)
        press(top.part, 1);
    top.part_len = 0;
}

static void keep_part(const char *text, size_t len)
{
    top.part_len = len < sizeof top.part ? len : 0;
    memcpy(top.part, text, top.part_len);
    if (top.part_len > 0)
        top.part_timer = tt_loop_add_timer(top.wish->loop, KEY_MS, on_part, NULL);
}

/* The terminal's end leaves. */
static void on_keys(void *unused, int fd, uint32_t events)
{
    char text[256];
    (void)unused;
    (void)events;
    size_t len = top.part_len, at = 0;
    memcpy(text, top.part, len);
    ssize_t got = read(fd, text + len, sizeof text - len);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    tt_loop_cancel_timer(top.wish->loop, top.part_timer);
    top.part_len = 0;
    if (got <= 0) {
        end();
        return;
    }
    len += (size_t)got;
    for (size_t own; at < len && !top.over; at += own) {
        own = key_length(text + at, len - at);
        if (own == 0) {
            keep_part(text + at, len - at);
            break;
        }
        press(text + at, own);
    }
    show();
}

/* ---- signals */

bool top_interrupt(void)
{
    if (top.wish == NULL)
        return false;
    end();
    return top.wish->terminal != NULL;
}

bool top_suspend(void)
{
    if (!top.on_screen)
        return false;
    leave_screen();
    terminal_suspend(top.wish->terminal);
    enter_screen();
    show();
    return true;
}

bool top_resize(void)
{
    if (!top.on_screen)
        return false;
    say("\033[2J");
    show();
    return true;
}

bool top_hang_up(int number)
{
    if (!top.on_screen)
        return false;
    top.hung_up = number;
    leave_screen();
    end();
    return true;
}

int top_hung_up(void)
{
    return top.hung_up;
}

/* ---- the view */

static void begin(const top_wish_t *wish)
{
    memset(&top, 0, sizeof top);
    top.wish = wish;
    top.look.colour = wish->colour;
    top.look.ascii = !progress_utf8();
    pulse_init(&top.pulse);
}

static int finish(tt_error_t *err)
{
    tt_loop_cancel_timer(top.wish->loop, top.timer);
    tt_loop_cancel_timer(top.wish->loop, top.part_timer);
    if (top.question)
        tt_client_end_exchange(top.wish->client, top.question);
    snapshot_release(&top.report);
    pulse_release(&top.pulse);
    top.wish = NULL;
    if (!top.failed)
        return 0;
    *err = top.why;
    return -1;
}

/* What holds so much back that it should not wait any longer ends the view. */
static bool goes_on(void)
{
    if (!tt_client_alive(top.wish->client) && !top.failed)
        fail("the controller is gone");
    return !top.over && !screen_is_full();
}

static void run_on_screen(void)
{
    enter_screen();
    show();
    tt_loop_add_fd(top.wish->loop, STDIN_FILENO, EPOLLIN, on_keys, NULL);
    ask(NULL);
    while (goes_on())
        tt_loop_run_until(top.wish->loop, &top.over, 1000);
    tt_loop_remove_fd(top.wish->loop, STDIN_FILENO);
    leave_screen();
}

/* ---- one frame */

static bool is_known(const snapshot_t *report)
{
    for (size_t i = 0; i < report->engine_count; i++) {
        const snapshot_engine_t *engine = &report->engines[i];
        if (engine->state == TT_ENGINE_READY && engine->cpu < 0)
            return false;
    }
    return true;
}

static void run_once(void)
{
    int64_t from_ms = tt_now_ms();
    ask(NULL);
    while (goes_on()) {
        int64_t limit_ms = top.has_report ? ONCE_MS : ANSWER_MS;
        int64_t left_ms = from_ms + limit_ms - tt_now_ms();
        if (left_ms <= 0 || (top.pulse.count > 1 && is_known(&top.report)))
            break;
        tt_loop_run_until(top.wish->loop, &top.over, left_ms < 50 ? left_ms : 50);
    }
    if (!top.has_report) {
        if (!top.failed)
            fail(top.over ? "interrupted" : "the controller does not answer");
        return;
    }
    tt_buf_t frame;
    tt_buf_init(&frame);
    top.look.columns = isatty(STDOUT_FILENO) ? terminal_columns() : 100;
    top_view(&top.report, &top.pulse, &top.look, &frame);
    screen_write(STDOUT_FILENO, (tt_span_t){frame.data, frame.len});
    tt_buf_release(&frame);
}

int top_run(const top_wish_t *wish, tt_error_t *err)
{
    begin(wish);
    if (wish->terminal)
        run_on_screen();
    else
        run_once();
    return finish(err);
}
