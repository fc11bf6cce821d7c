/* What the way of a task costs without tutti: client -> forwarder -> peer over ipc://, and from
 * there over a unix socket to one process more, and back; each a process of its own as client,
 * controller, host and interpreter are. Started by tests/bench/run.
 *
 *     bench_raw DIRECTORY CASE COUNT [WIDTH]      prints one number
 *
 * one     p50 of COUNT round trips, one after the other, in microseconds
 * all     the same with WIDTH messages at once, until the last is back
 * tasks   COUNT messages, at most 1000 of them under way, without the hop over the unix socket:
 *         messages per second
 * rss     resident set of the forwarder in MiB, after COUNT messages; pss: its proportional
 * part
 *
 * A message is what a small task is: the peer's name, a number (8 bytes), a header (48), a
 * payload (32). Every number is checked when it comes back. The forwarder does nothing but swap
 * names. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { WINDOW = 1000, WARM_UP = 200, LIMIT_S = 300, HEADER = 48, PAYLOAD = 32 };
enum { PACKET = 1024, AHEAD = 64 }; /* on the unix socket: the largest; how many at a time */

static char front[128], back[128];
static const char peer_name[] = "P";
static pid_t forwarder_pid, peer_pid;
static bool last_hop;                       /* the peer passes everything to one process more */
static uint64_t sent_sum, back_sum, number; /* what came back is what went out */

static void die(const char *what)
{
    fprintf(stderr, "bench_raw: %s: %s\n", what, zmq_strerror(errno));
    exit(1);
}

static void check(int rc, const char *what)
{
    if (rc < 0)
        die(what);
}

static void set(void *socket, int option, int value)
{
    check(zmq_setsockopt(socket, option, &value, sizeof value), "zmq_setsockopt");
}

static void *open_socket(int type)
{
    void *socket = zmq_socket(zmq_ctx_new(), type);
    if (socket == NULL)
        die("zmq_socket");
    set(socket, ZMQ_LINGER, 0);
    set(socket, ZMQ_SNDHWM, 0);
    set(socket, ZMQ_RCVHWM, 0);
    return socket;
}

/* ---- the processes */

static void move_rest(void *from, void *to)
{
    zmq_msg_t frame;
    for (bool more = true; more;) {
        zmq_msg_init(&frame);
        check(zmq_msg_recv(&frame, from, 0), "receive");
        more = zmq_msg_more(&frame);
        check(zmq_msg_send(&frame, to, more ? ZMQ_SNDMORE : 0), "send");
    }
}

/* [sender][receiver] rest -> [receiver][sender] rest. False when nothing is there. */
static bool forward(void *from, void *to)
{
    zmq_msg_t sender, receiver;
    zmq_msg_init(&sender);
    zmq_msg_init(&receiver);
    if (zmq_msg_recv(&sender, from, ZMQ_DONTWAIT) < 0)
        return false;
    check(zmq_msg_recv(&receiver, from, 0), "receive");
    check(zmq_msg_send(&receiver, to, ZMQ_SNDMORE), "send");
    check(zmq_msg_send(&sender, to, ZMQ_SNDMORE), "send");
    move_rest(from, to);
    return true;
}

static void run_forwarder(void)
{
    void *sockets[2] = {open_socket(ZMQ_ROUTER), open_socket(ZMQ_ROUTER)};
    check(zmq_bind(sockets[0], front), "bind");
    check(zmq_bind(sockets[1], back), "bind");
    zmq_pollitem_t items[2] = {{sockets[0], 0, ZMQ_POLLIN, 0}, {sockets[1], 0, ZMQ_POLLIN, 0}};
    for (;;) {
        check(zmq_poll(items, 2, -1), "poll");
        for (int i = 0; i < 64 && forward(sockets[1], sockets[0]); i++)
            continue;
        for (int i = 0; i < 64 && forward(sockets[0], sockets[1]); i++)
            continue;
    }
}

static pid_t start(void (*run)(void))
{
    pid_t pid = fork();
    check(pid, "fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run();
        _exit(0);
    }
    return pid;
}

/* ---- the last hop: a message is one packet, each frame behind its size */

static int ends[2];

static void run_interpreter(void)
{
    uint8_t packet[PACKET];
    for (ssize_t size; (size = recv(ends[1], packet, sizeof packet, 0)) > 0;)
        check((int)send(ends[1], packet, (size_t)size, 0), "send to the peer");
}

/* False when nothing is there. */
static bool to_interpreter(void *socket)
{
    uint8_t packet[PACKET];
    size_t at = 0;
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) < 0)
        return false;
    for (bool more = true; more;) {
        size_t size = zmq_msg_size(&frame);
        if (size > UINT8_MAX || at + 1 + size > sizeof packet)
            die("a message that is too big");
        packet[at] = (uint8_t)size;
        memcpy(packet + at + 1, zmq_msg_data(&frame), size);
        at += 1 + size;
        more = zmq_msg_more(&frame);
        if (more)
            check(zmq_msg_recv(&frame, socket, 0), "receive");
    }
    zmq_msg_close(&frame);
    check((int)send(ends[0], packet, at, 0), "send to the interpreter");
    return true;
}

/* False when nothing is there. */
static bool from_interpreter(void *socket)
{
    uint8_t packet[PACKET];
    ssize_t size = recv(ends[0], packet, sizeof packet, MSG_DONTWAIT);
    if (size <= 0)
        return false;
    for (ssize_t at = 0; at < size; at += 1 + packet[at]) {
        bool more = at + 1 + packet[at] < size;
        check(zmq_send(socket, packet + at + 1, packet[at], more ? ZMQ_SNDMORE : 0), "send");
    }
    return true;
}

static void pass_on(void *socket)
{
    int under_way = 0;
    check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), "socketpair");
    start(run_interpreter);
    for (;;) {
        zmq_pollitem_t items[2] = {{socket, 0, under_way < AHEAD ? ZMQ_POLLIN : 0, 0},
                                   {NULL, ends[0], ZMQ_POLLIN, 0}};
        check(zmq_poll(items, 2, -1), "poll");
        while (from_interpreter(socket))
            under_way--;
        while (under_way < AHEAD && to_interpreter(socket))
            under_way++;
    }
}

static void run_peer(void)
{
    void *socket = open_socket(ZMQ_DEALER);
    check(zmq_setsockopt(socket, ZMQ_ROUTING_ID, peer_name, 1), "name");
    check(zmq_connect(socket, back), "connect");
    if (last_hop)
        pass_on(socket);
    for (;;)
        move_rest(socket, socket);
}

static void stop(void)
{
    const pid_t pids[2] = {forwarder_pid, peer_pid};
    for (int i = 0; i < 2; i++)
        if (pids[i] > 0 && kill(pids[i], SIGKILL) == 0)
            waitpid(pids[i], NULL, 0);
    unlink(front + strlen("ipc://"));
    unlink(back + strlen("ipc://"));
}

/* ---- the client */

static void send_one(void *socket)
{
    static const char header[HEADER], payload[PAYLOAD];
    sent_sum += ++number;
    check(zmq_send(socket, peer_name, 1, ZMQ_SNDMORE), "send");
    check(zmq_send(socket, &number, sizeof number, ZMQ_SNDMORE), "send");
    check(zmq_send(socket, header, sizeof header, ZMQ_SNDMORE), "send");
    check(zmq_send(socket, payload, sizeof payload, 0), "send");
}

static void receive_one(void *socket)
{
    char name[8], header[HEADER], payload[PAYLOAD];
    uint64_t got = 0;
    check(zmq_recv(socket, name, sizeof name, 0), "no answer");
    check(zmq_recv(socket, &got, sizeof got, 0), "receive");
    check(zmq_recv(socket, header, sizeof header, 0), "receive");
    check(zmq_recv(socket, payload, sizeof payload, 0), "receive");
    back_sum += got;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double round_trips(void *socket, size_t count, size_t width)
{
    double *us = calloc(count, sizeof *us);
    for (size_t i = 0; us && i < count + WARM_UP; i++) {
        double began = now_s();
        for (size_t w = 0; w < width; w++)
            send_one(socket);
        for (size_t w = 0; w < width; w++)
            receive_one(socket);
        if (i >= WARM_UP)
            us[i - WARM_UP] = (now_s() - began) * 1e6;
    }
    if (us == NULL)
        die("no memory");
    qsort(us, count, sizeof *us, by_size);
    double median = us[count / 2];
    free(us);
    return median;
}

static double tasks(void *socket, size_t count)
{
    double began = now_s();
    size_t sent = 0;
    for (size_t got = 0; got < count; got++) {
        for (; sent < count && sent - got < WINDOW; sent++)
            send_one(socket);
        receive_one(socket);
    }
    return (double)count / (now_s() - began);
}

/* A field of smaps_rollup in MiB. */
static double memory(pid_t pid, const char *field)
{
    char path[64], line[256];
    double kib = -1;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *in = fopen(path, "re");
    while (in && fgets(line, sizeof line, in))
        if (strncmp(line, field, strlen(field)) == 0)
            kib = atof(line + strlen(field));
    if (in)
        fclose(in);
    return kib / 1024;
}

static double measure(void *socket, const char *name, size_t count, size_t width)
{
    if (strcmp(name, "one") == 0)
        return round_trips(socket, count, 1);
    if (strcmp(name, "all") == 0)
        return round_trips(socket, count, width);
    if (strcmp(name, "tasks") != 0 && strcmp(name, "rss") != 0 && strcmp(name, "pss") != 0) {
        fprintf(stderr, "bench_raw: the cases are one, all, tasks, rss, pss\n");
        exit(2);
    }
    tasks(socket, WINDOW); /* warm-up */
    double rate = tasks(socket, count);
    if (*name == 't')
        return rate;
    return memory(forwarder_pid, *name == 'r' ? "Rss:" : "Pss:");
}

/* The peer is there when its answer is: a ROUTER drops what is for nobody. */
static void wait_ready(void *socket)
{
    set(socket, ZMQ_RCVTIMEO, 20);
    for (int i = 0; i < 500; i++) {
        char byte;
        check(zmq_send(socket, peer_name, 1, ZMQ_SNDMORE), "send");
        check(zmq_send(socket, "?", 1, 0), "send");
        if (zmq_recv(socket, &byte, 1, 0) < 0)
            continue;
        do /* answers to the questions before may be on their way */
            check(zmq_recv(socket, &byte, 1, 0), "receive");
        while (zmq_recv(socket, &byte, 1, 0) >= 0);
        set(socket, ZMQ_RCVTIMEO, LIMIT_S * 1000);
        return;
    }
    errno = ETIMEDOUT;
    die("the peer");
}

int main(int argc, char **argv)
{
    size_t count = argc >= 4 ? strtoul(argv[3], NULL, 10) : 0;
    size_t width = argc >= 5 ? strtoul(argv[4], NULL, 10) : 1;
    if (count == 0 || width == 0) {
        fprintf(stderr, "usage: bench_raw DIRECTORY one|all|tasks|rss|pss COUNT [WIDTH]\n");
        return 2;
    }
    snprintf(front, sizeof front, "ipc://%.80s/front", argv[1]);
    snprintf(back, sizeof back, "ipc://%.80s/back", argv[1]);
    last_hop = strcmp(argv[2], "one") == 0 || strcmp(argv[2], "all") == 0;
    alarm(2 * LIMIT_S);
    atexit(stop);
    forwarder_pid = start(run_forwarder);
    peer_pid = start(run_peer);
    void *socket = open_socket(ZMQ_DEALER);
    check(zmq_connect(socket, front), "connect");
    wait_ready(socket);
    double value = measure(socket, argv[2], count, width);
    if (sent_sum != back_sum) {
        fprintf(stderr, "bench_raw: what came back is not what was sent\n");
        return 1;
    }
    printf("%.6g\n", value);
    return 0;
}
