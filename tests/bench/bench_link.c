/* What a round trip costs through ssh and two relays without tutti: a ROUTER here, a DEALER
 * that echoes there, and between them ZeroMQ's own bytes through pumps as tutti has them.
 * Started by tests/machines/bench.py.
 *
 *     bench_link ping SOCKET COUNT    binds SOCKET; p50 of COUNT round trips, in microseconds
 *     bench_link relay SOCKET         passes bytes between its stdin, stdout and SOCKET
 *     bench_link there SOCKET         the other end: a relay on SOCKET, and who echoes
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { BLOCK = 65536, WARM_UP = 200, LIMIT_S = 120, MESSAGE = 100 };

static char endpoint[sizeof(struct sockaddr_un) + 8];

static void die(const char *what)
{
    fprintf(stderr, "bench_link: %s: %s\n", what, zmq_strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct sockaddr_un address(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path)
        die("the path of a socket");
    strcpy(at.sun_path, path);
    return at;
}

static void pass(int from, int to)
{
    static char block[BLOCK];
    ssize_t got = read(from, block, sizeof block);
    if (got <= 0)
        exit(0);
    for (ssize_t at = 0, put; at < got; at += put)
        if ((put = write(to, block + at, (size_t)(got - at))) < 0)
            exit(0);
}

static void relay(int fd)
{
    struct pollfd ends[2] = {{0, POLLIN, 0}, {fd, POLLIN, 0}};
    while (poll(ends, 2, -1) >= 0) {
        if (ends[0].revents)
            pass(0, fd);
        if (ends[1].revents)
            pass(fd, 1);
    }
}

static int connected(const char *path)
{
    struct sockaddr_un at = address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) != 0)
        die(path);
    return fd;
}

static void *new_socket(int type)
{
    void *context = zmq_ctx_new(), *made = context ? zmq_socket(context, type) : NULL;
    if (made == NULL)
        die("a ZeroMQ socket");
    return made;
}

static void echo(void)
{
    char body[MESSAGE];
    void *dealer = new_socket(ZMQ_DEALER);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (zmq_connect(dealer, endpoint) != 0 || zmq_send(dealer, "here", 4, 0) < 0)
        die(endpoint);
    for (int len; (len = zmq_recv(dealer, body, sizeof body, 0)) >= 0;)
        zmq_send(dealer, body, (size_t)len, 0);
    die("echo");
}

static void there(const char *path)
{
    struct sockaddr_un at = address(path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(path);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(listener, 1) != 0)
        die(path);
    pid_t pid = fork();
    if (pid == 0)
        echo();
    int fd = pid < 0 ? -1 : accept(listener, NULL, NULL);
    if (fd < 0)
        die(path);
    relay(fd);
}

static int by_number(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int64_t round_trip(void *router, const char *route, size_t route_len)
{
    char body[MESSAGE] = "ping", back[2][MESSAGE];
    int64_t began = now_ns();
    if (zmq_send(router, route, route_len, ZMQ_SNDMORE) < 0 ||
        zmq_send(router, body, sizeof body, 0) < 0 ||
        zmq_recv(router, back[0], MESSAGE, 0) != (int)route_len ||
        zmq_recv(router, back[1], MESSAGE, 0) != MESSAGE ||
        memcmp(back[1], body, sizeof body) != 0)
        die("a round trip");
    return now_ns() - began;
}

static void ping(int count)
{
    char route[MESSAGE], hello[MESSAGE];
    void *router = new_socket(ZMQ_ROUTER);
    int64_t *took = calloc((size_t)count, sizeof *took);
    if (took == NULL || zmq_bind(router, endpoint) != 0)
        die(endpoint);
    int len = zmq_recv(router, route, sizeof route, 0);
    if (len <= 0 || zmq_recv(router, hello, sizeof hello, 0) != 4)
        die("the other end");
    for (int i = 0; i < WARM_UP; i++)
        round_trip(router, route, (size_t)len);
    for (int i = 0; i < count; i++)
        took[i] = round_trip(router, route, (size_t)len);
    qsort(took, (size_t)count, sizeof *took, by_number);
    printf("%.1f\n", (double)took[count / 2] / 1e3);
}

int main(int argc, char **argv)
{
    const char *role = argc > 2 ? argv[1] : "";
    alarm(LIMIT_S);
    if (argc > 2)
        snprintf(endpoint, sizeof endpoint, "ipc://%s", argv[2]);
    if (strcmp(role, "ping") == 0 && argc == 4 && atoi(argv[3]) > 0)
        ping(atoi(argv[3]));
    else if (strcmp(role, "relay") == 0)
        relay(connected(argv[2]));
    else if (strcmp(role, "there") == 0)
        there(argv[2]);
    else
        fprintf(stderr, "usage: bench_link ping SOCKET COUNT | relay SOCKET | there SOCKET\n");
    return 0;
}
