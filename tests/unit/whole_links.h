/* A whole controller with machines over ssh, for tests of links: its tutti-ssh is a script that
 * notes how it was started and tells what the test wants, and far hosts are the test's own
 * sockets.
 */
#ifndef WHOLE_LINKS_H
#define WHOLE_LINKS_H

#include "whole_controller.h"

#include <sys/stat.h>

static struct {
    char name[64];
    int fd; /* what is written there its tutti-ssh tells; closed, that ends */
} machines[16];
static size_t machine_count;
static tt_buf_t settings;
static size_t pairs; /* in the settings */

/* $HOST.started gets a line for each start: pid|ARG|...|directory|variables. A $HOST.stubborn
 * notes that it is to end, and waits for $HOST.gate. */
static const char script[] =
    "#!/bin/sh\n"
    "from=$PWD; cd '%s' || exit\n"
    "for host; do [ \"$last\" = -- ] && break; last=$host; done\n"
    "[ -e /proc/$$/fd/4 ] && cat /proc/$$/fd/4 >\"$host.setup\"\n"
    "{ printf '%%s' $$; printf '|%%s' \"$@\" \"$from\" \"$A0$A15$A16\"; echo; } "
    ">>\"$host.started\"\n"
    "[ -e \"$host.stubborn\" ] || exec cat \"$host.says\" >&3 3>&-\n"
    "trap 'kill $!; wait $!; echo >>\"$host.asked\"; read line <\"$host.gate\"; exit' TERM\n"
    "cat \"$host.says\" >&3 &\n"
    "exec 3>&-\n"
    "wait\n";

static inline int begin_links(void **unused)
{
    tt_buf_t text;
    tt_buf_init(&text);
    machine_count = 0;
    if (begin_bare(unused) != 0)
        return -1;
    tt_buf_printf(&text, script, scratch_dir);
    scratch_write("tutti-ssh", tt_buf_text(&text), 0700);
    tt_buf_release(&text);
    setenv("TUTTI_LIBEXEC_DIR", scratch_dir, 1);
    start_controller("leastload");
    stand_in = new_process();
    context = zmq_ctx_new();
    connect_as(&client, dir.client_sock);
    connect_as(&second, dir.client_sock);
    connect_as(&host, dir.far_sock);
    connect_as(&other, dir.far_sock);
    return strcmp(ready, "ok\n") == 0 ? 0 : -1;
}

/* With their tutti-ssh the links end, so that no host is waited for. */
static inline int end_links(void **unused)
{
    for (size_t i = 0; i < machine_count; i++)
        if (machines[i].fd >= 0)
            close(machines[i].fd);
    tt_buf_release(&settings);
    return end(unused);
}

#define assert_soon(condition)                                                                 \
    do {                                                                                       \
        bool came_;                                                                            \
        int64_t until_ = tt_now_ms() + DEADLINE_MS;                                            \
        while (!(came_ = (condition)) && tt_now_ms() < until_)                                 \
            usleep(2000);                                                                      \
        if (!came_)                                                                            \
            fail_msg("never came true: %s", #condition);                                       \
    } while (0)

/* ---- what is asked for */

static inline void put_str(const char *key, const char *value, size_t len)
{
    tt_pack_text(&settings, key);
    tt_pack_str(&settings, value, len);
    pairs++;
}

static inline void put(const char *key, const char *value)
{
    put_str(key, value, strlen(value));
}

static inline void request_as(uint64_t id, uint64_t count, bool total, const char *language,
                              tt_span_t map)
{
    tt_message_t message = tt_message(TT_MSG_LAUNCH, id);
    message.as.launch = (tt_msg_launch_t){.launcher = tt_span("ssh"),
                                          .count = count,
                                          .total = total,
                                          .language = tt_span(language),
                                          .program = tt_span("/opt/py"),
                                          .settings = map};
    say(&client, &message);
}

/* Asks with the settings that were put. */
static inline void request(uint64_t id, uint64_t count)
{
    tt_buf_t map;
    tt_buf_init(&map);
    tt_pack_map(&map, pairs);
    tt_buf_append(&map, settings.data, settings.len);
    request_as(id, count, true, "python", span_of(&map));
    tt_buf_release(&map);
    settings.len = pairs = 0;
}

/* Asks for engines on a machine whose host has the same name. */
static inline void request_on(const char *name, uint64_t count, bool total,
                              const char *language)
{
    tt_buf_t map;
    tt_buf_init(&map);
    tt_pack_map(&map, 2);
    tt_pack_text(&map, "label");
    tt_pack_text(&map, name);
    tt_pack_text(&map, "host");
    tt_pack_text(&map, name);
    request_as(7, count, total, language, span_of(&map));
    tt_buf_release(&map);
    hear(&client, TT_MSG_DONE);
    check_ids(client.got.as.done.engines, two_ids, 0);
}

/* ---- what its tutti-ssh does */

static inline char *path_of(const char *name, const char *what)
{
    char file[128];
    snprintf(file, sizeof file, "%s.%s", name, what);
    return scratch_path(file);
}

/* A tutti-ssh to that host will tell what the test says. */
static inline void expect(const char *name)
{
    assert_true(machine_count < 16);
    assert_int_equal(mkfifo(path_of(name, "says"), 0600), 0);
    snprintf(machines[machine_count].name, 64, "%s", name);
    machines[machine_count].fd = open(path_of(name, "says"), O_RDWR | O_CLOEXEC);
    assert_true(machines[machine_count++].fd >= 0);
}

static inline int *gate_of(const char *name)
{
    size_t i = 0;
    while (strcmp(machines[i].name, name) != 0)
        assert_true(++i < machine_count);
    return &machines[i].fd;
}

/* What was told is read, and then its tutti-ssh ends. */
static inline void end_words(const char *name)
{
    close(*gate_of(name));
    *gate_of(name) = -1;
}

static inline void tell(const char *name, const char *lines)
{
    assert_int_equal(write(*gate_of(name), lines, strlen(lines)), (ssize_t)strlen(lines));
}

/* The line of its n-th start, or NULL. */
static inline const char *start_of(const char *name, int number)
{
    static char text[8192];
    FILE *in = fopen(path_of(name, "started"), "re");
    bool found = false;
    for (int i = 1; in && i <= number; i++)
        found = fgets(text, sizeof text, in) && strchr(text, '\n') && i == number;
    if (in)
        fclose(in);
    return found ? text : NULL;
}

static inline pid_t pid_of(const char *name, int number)
{
    assert_soon(start_of(name, number) != NULL);
    return atoi(start_of(name, number));
}

/* The secret number that its n-th tutti-ssh was given. */
static inline uint64_t number_of(const char *name, int number)
{
    assert_soon(start_of(name, number) != NULL);
    const char *at = strstr(start_of(name, number), "|--launch|");
    assert_non_null(at);
    return strtoull(at + strlen("|--launch|"), NULL, 10);
}

static inline bool has_ended(pid_t pid)
{
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return true;
    bool read = fscanf(in, "%*d (%*[^)]) %c", &state) == 1;
    fclose(in);
    return !read || state == 'Z' || state == 'X';
}

/* When asked to end, its tutti-ssh waits until it is released. */
static inline void make_stubborn(const char *name)
{
    assert_int_equal(mkfifo(path_of(name, "gate"), 0600), 0);
    int fd = open(path_of(name, "stubborn"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static inline void release_one(const char *name)
{
    int fd = -1;
    assert_soon((fd = open(path_of(name, "gate"), O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0);
    assert_int_equal(write(fd, "\n", 1), 1);
    close(fd);
}

/* ---- what is heard of it */

/* One that is asked for the status, and hears of nothing. */
static inline void arrive_quiet(void)
{
    tt_message_t message = hello_of(0);
    message.as.hello.events = 0;
    say(&second, &message);
    hear(&second, TT_MSG_WELCOME);
}

static inline void hear_machine(const char *name, unsigned state, const char *text)
{
    hear(&client, TT_MSG_EVENT);
    const tt_msg_event_t *event = &client.got.as.event;
    assert_int_equal(event->kind, TT_EVENT_HOST);
    assert_int_equal(event->engine, -1);
    check_text(event->host, name);
    check_text(event->text, text);
    assert_int_equal(event->state, state);
}

static inline void hear_connecting(const char *name)
{
    hear_machine(name, TT_ENGINE_RESTARTING, "waiting for its turn");
    hear_machine(name, TT_ENGINE_STARTING, "connecting");
}

static inline void hear_engines(unsigned state, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        hear_event(&client, i, state);
        assert_int_equal(client.got.as.event.kind, TT_EVENT_ENGINE);
    }
}

static inline tt_message_t far_hello(uint64_t number)
{
    tt_message_t message = hello_of(0);
    message.as.hello.launch = number;
    return message;
}

static inline void arrive_far(mouth_t *self, uint64_t number)
{
    tt_message_t message = far_hello(number);
    say(self, &message);
    hear(self, TT_MSG_WELCOME);
}

static inline void hear_refused(mouth_t *self, const tt_message_t *hello)
{
    say(self, hello);
    hear(self, TT_MSG_REFUSE);
    check_text(self->got.as.refuse.text, "no link to this machine is being made");
}

static inline void hear_spawn(mouth_t *self, int first, int count)
{
    hear(self, TT_MSG_SPAWN);
    int *ids;
    assert_int_equal(tt_ids_read(self->got.as.spawn.engines, &ids, NULL), count);
    for (int i = 0; i < count; i++)
        assert_int_equal(ids[i], first + i);
    free(ids);
}

/* Nothing else had been sent to it before. */
static inline void hear_nothing(mouth_t *self)
{
    tt_message_t beat = tt_message(TT_MSG_BEAT, 0);
    say(self, &beat);
    hear(self, TT_MSG_BEAT);
}

/* The client's machine is there, with so many engines, whose numbers begin with `first`. */
static inline void link_up(const char *name, mouth_t *far, int first, int count)
{
    expect(name);
    request_on(name, (uint64_t)count, true, "python");
    hear_connecting(name);
    arrive_far(far, number_of(name, 1));
    tell(name, "up 2\n");
    hear_engines(TT_ENGINE_STARTING, first, count);
    hear_machine(name, TT_ENGINE_READY, "");
    hear_spawn(far, first, count);
}

static inline void act(unsigned action)
{
    tt_message_t message = tt_message(TT_MSG_ACTION, 12);
    message.as.action.action = action;
    say(&client, &message);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin_links, end_links)

#endif
