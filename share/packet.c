/* Messages on ZeroMQ sockets. See packet.h. On libzmq 4.3.4: a ROUTER drops silently unless it
 * is MANDATORY; only the first frame of a message can fail to be sent; sends never wait; its
 * queues are bounded by frames, whatever their size, so bytes are counted here. */
#include "packet.h"

#include "value.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- frames */

void tt_frames_init(tt_frames_t *self)
{
    *self = (tt_frames_t){NULL, 0, 0};
}

void tt_frames_release(tt_frames_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        zmq_msg_close(&self->items[i]);
    free(self->items);
    tt_frames_init(self);
}

static void set_cap(tt_frames_t *self, size_t cap)
{
    zmq_msg_t *items = tt_alloc(cap * sizeof *items);
    for (size_t i = 0; i < self->count; i++) {
        zmq_msg_init(&items[i]);
        zmq_msg_move(&items[i], &self->items[i]);
    }
    free(self->items);
    self->items = items;
    self->cap = cap;
}

static zmq_msg_t *add(tt_frames_t *self)
{
    if (self->count == self->cap)
        set_cap(self, self->cap ? self->cap * 2 : 4);
    return &self->items[self->count++];
}

void tt_frames_fit(tt_frames_t *self)
{
    if (self->count > 0 && self->count < self->cap)
        set_cap(self, self->count);
}

static void init_size(zmq_msg_t *message, size_t len)
{
    if (zmq_msg_init_size(message, len) != 0)
        abort();
}

void tt_frames_copy(tt_frames_t *self, const void *data, size_t len)
{
    zmq_msg_t *item = add(self);
    init_size(item, len);
    if (len)
        memcpy(zmq_msg_data(item), data, len);
}

void tt_frames_share(tt_frames_t *self, zmq_msg_t *message)
{
    zmq_msg_t *item = add(self);
    zmq_msg_init(item);
    zmq_msg_copy(item, message);
}

void tt_frames_take(tt_frames_t *self, zmq_msg_t *message)
{
    zmq_msg_t *item = add(self);
    zmq_msg_init(item);
    zmq_msg_move(item, message);
}

void tt_frames_lend(tt_frames_t *self, void *data, size_t len, zmq_free_fn *free_fn, void *hint)
{
    if (zmq_msg_init_data(add(self), data, len, free_fn, hint) != 0)
        abort();
}

static void free_data(void *data, void *hint)
{
    (void)hint;
    free(data);
}

void tt_frames_take_buf(tt_frames_t *self, tt_buf_t *buf)
{
    if (buf->len < TT_INLINE_LIMIT) {
        tt_frames_copy(self, buf->data, buf->len);
        buf->len = 0;
        return;
    }
    tt_frames_lend(self, buf->data, buf->len, free_data, NULL);
    tt_buf_init(buf);
}

void tt_frames_share_all(tt_frames_t *self, tt_frames_t *from)
{
    for (size_t i = 0; i < from->count; i++)
        tt_frames_share(self, &from->items[i]);
}

tt_span_t tt_frames_span(const tt_frames_t *self, size_t i)
{
    if (i >= self->count)
        return (tt_span_t){NULL, 0};
    zmq_msg_t *item = &self->items[i];
    return (tt_span_t){zmq_msg_data(item), zmq_msg_size(item)};
}

size_t tt_frames_bytes(const tt_frames_t *self)
{
    size_t total = 0;
    for (size_t i = 0; i < self->count; i++)
        total += zmq_msg_size(&self->items[i]);
    return total;
}

/* ---- reading */

static bool receive(zmq_msg_t *message, void *socket)
{
    zmq_msg_close(message);
    zmq_msg_init(message);
    return zmq_msg_recv(message, socket, ZMQ_DONTWAIT) >= 0;
}

int tt_packet_read(tt_packet_t *self, void *socket, bool routed)
{
    zmq_msg_init(&self->route);
    zmq_msg_init(&self->header);
    tt_frames_init(&self->payload);
    if (!receive(routed ? &self->route : &self->header, socket))
        return 0;
    bool whole = !routed || (zmq_msg_more(&self->route) && receive(&self->header, socket));
    bool more = zmq_msg_more(whole ? &self->header : &self->route);
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    while (more && receive(&frame, socket)) {
        more = zmq_msg_more(&frame);
        if (self->payload.count < TT_FRAMES_MAX)
            tt_frames_take(&self->payload, &frame);
        else
            whole = false;
    }
    zmq_msg_close(&frame);
    return whole ? 1 : -1;
}

void tt_packet_release(tt_packet_t *self)
{
    zmq_msg_close(&self->route);
    zmq_msg_close(&self->header);
    tt_frames_release(&self->payload);
}

/* ---- parcels */

static size_t read_length(const uint8_t *at)
{
    return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

static void write_length(uint8_t *at, size_t length)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(length >> (24 - 8 * i));
}

static void fill(zmq_msg_t *message, const uint8_t *bytes, size_t len)
{
    if (zmq_msg_init_size(message, len) != 0)
        abort();
    if (len > 0)
        memcpy(zmq_msg_data(message), bytes, len);
}

/* A message of `span`, which begins with the number of its frames: how many bytes it has there;
 * 0 when it is malformed. Its frames are appended to `frames`. */
static size_t read_packed(tt_span_t span, tt_frames_t *frames)
{
    size_t count = span.len > 0 ? span.data[0] : 0, at = 1 + 4 * count;
    if (count < 1 || count > TT_PARCEL_FRAMES || at > span.len)
        return 0;
    for (size_t i = 0; i < count; i++) {
        size_t len = read_length(span.data + 1 + 4 * i);
        if (len > span.len - at)
            return 0;
        tt_frames_copy(frames, span.data + at, len);
        at += len;
    }
    return at;
}

static bool is_parcel(const tt_packet_t *packet)
{
    zmq_msg_t *header = (zmq_msg_t *)(uintptr_t)&packet->header;
    return packet->payload.count == 0 && zmq_msg_size(header) > 1 &&
           *(uint8_t *)zmq_msg_data(header) == TT_PARCEL;
}

/* The next message of a parcel, from `at` on: false when the rest is malformed. */
static bool unpack(tt_packet_t *parcel, size_t *at, tt_packet_t *one)
{
    tt_span_t rest = {(uint8_t *)zmq_msg_data(&parcel->header) + *at,
                      zmq_msg_size(&parcel->header) - *at};
    tt_frames_t frames;
    tt_frames_init(&frames);
    fill(&one->route, zmq_msg_data(&parcel->route), zmq_msg_size(&parcel->route));
    zmq_msg_init(&one->header);
    tt_frames_init(&one->payload);
    size_t len = read_packed(rest, &frames);
    *at += len > 0 ? len : rest.len;
    for (size_t i = 0; len > 0 && i < frames.count; i++) {
        if (i == 0)
            zmq_msg_move(&one->header, &frames.items[0]);
        else
            tt_frames_take(&one->payload, &frames.items[i]);
    }
    tt_frames_release(&frames);
    return len > 0;
}

void tt_packet_receive(void *socket, bool routed, tt_packet_fn *fn, void *arg)
{
    tt_packet_t packet, one;
    int rc = tt_packet_read(&packet, socket, routed);
    if (rc == 1 && is_parcel(&packet)) {
        for (size_t at = 1; at < zmq_msg_size(&packet.header);) {
            bool whole = unpack(&packet, &at, &one);
            fn(arg, &one, whole);
            tt_packet_release(&one);
        }
    } else if (rc != 0) {
        fn(arg, &packet, rc == 1);
    }
    tt_packet_release(&packet);
}

/* ---- sending */

typedef struct letter {
    struct letter *next;
    size_t bytes;
    size_t messages;    /* 1, or of a parcel how many */
    tt_tag_t tag;       /* whose == 0: none */
    uint64_t number;    /* once handed to the socket: of all that were, which it is */
    tt_frames_t frames; /* header and payload */
} letter_t;

typedef struct {
    letter_t *first, **end;
    size_t bytes;
} letters_t;

/* What the socket has of an outbox's large frames and has not passed on. libzmq's own thread
 * counts down, maybe after the outbox is gone. */
typedef struct {
    atomic_size_t bytes;
    atomic_uint refs;
} flight_t;

struct tt_outbox {
    tt_loop_t *loop;
    flight_t *flight;
    void *socket;
    tt_span_t route; /* owned copy */
    size_t cap_bytes;
    letters_t waiting;
    letters_t handed;      /* the tagged ones that the socket has, and maybe the peer */
    uint64_t handed_count; /* of all messages, tagged or not */
    uint64_t timer;        /* runs while something waits */
    tt_buf_t header;       /* scratch */
    bool parcels;          /* the peer knows them */
    tt_buf_t parcel;       /* what goes at the loop's rest */
    size_t packed;         /* how many messages that are */
    bool opened;           /* something was sent in this turn */
};

enum {
    RETRY_MS = 2,
    ABSENT_MS = 100,  /* while nobody is there: its end will be told elsewhere */
    LARGE = 64 << 10, /* frames below it are not counted: 1,000 of them are bounded enough */
    FLIGHT_MAX = 8 << 20, /* more than a socket passes on between two tries */
    PACKED_MAX = 4096,    /* bytes of a message that is packed */
    PARCEL_MAX = 32 << 10 /* of a parcel, about */
};

tt_outbox_t *tt_outbox_new(tt_loop_t *loop, void *socket, tt_span_t route, size_t cap_bytes)
{
    tt_outbox_t *self = tt_alloc(sizeof *self);
    self->loop = loop;
    self->socket = socket;
    self->route =
        (tt_span_t){(uint8_t *)tt_strndup((const char *)route.data, route.len), route.len};
    self->cap_bytes = cap_bytes;
    self->waiting.end = &self->waiting.first;
    self->handed.end = &self->handed.first;
    self->flight = tt_alloc(sizeof *self->flight);
    atomic_init(&self->flight->refs, 1);
    return self;
}

static void release_flight(flight_t *flight)
{
    if (atomic_fetch_sub(&flight->refs, 1) == 1)
        free(flight);
}

typedef struct {
    zmq_msg_t frame;
    flight_t *flight;
} flying_t;

static void on_landed(void *data, void *hint)
{
    flying_t *flying = hint;
    (void)data;
    atomic_fetch_sub(&flying->flight->bytes, zmq_msg_size(&flying->frame));
    zmq_msg_close(&flying->frame);
    release_flight(flying->flight);
    free(flying);
}

/* Puts a frame that tells of its end in the place of a large one; the bytes stay where they
 * are. */
static void count_flight(flight_t *flight, zmq_msg_t *frame)
{
    size_t len = zmq_msg_size(frame);
    if (len < LARGE)
        return;
    flying_t *flying = tt_alloc(sizeof *flying);
    flying->flight = flight;
    zmq_msg_init(&flying->frame);
    zmq_msg_move(&flying->frame, frame);
    atomic_fetch_add(&flight->bytes, len);
    atomic_fetch_add(&flight->refs, 1);
    zmq_msg_close(frame);
    if (zmq_msg_init_data(frame, zmq_msg_data(&flying->frame), len, on_landed, flying) != 0)
        abort();
}

static void append(letters_t *self, letter_t *letter)
{
    letter->next = NULL;
    self->bytes += letter->bytes;
    *self->end = letter;
    self->end = &letter->next;
}

/* Takes out the letter at `at`. */
static letter_t *take_out(letters_t *self, letter_t **at)
{
    letter_t *letter = *at;
    *at = letter->next;
    if (*at == NULL)
        self->end = at;
    self->bytes -= letter->bytes;
    return letter;
}

static void flush(tt_outbox_t *self);

static void free_letter(letter_t *letter)
{
    tt_frames_release(&letter->frames);
    free(letter);
}

static void drop_all(letters_t *self)
{
    while (self->first)
        free_letter(take_out(self, &self->first));
}

void tt_outbox_destroy(tt_outbox_t **self_p)
{
    tt_outbox_t *self = *self_p;
    if (self == NULL)
        return;
    flush(self);
    tt_loop_forget_rest(self->loop, self);
    tt_loop_cancel_timer(self->loop, self->timer);
    tt_buf_release(&self->parcel);
    drop_all(&self->waiting);
    drop_all(&self->handed);
    tt_buf_release(&self->header);
    release_flight(self->flight);
    free((void *)(uintptr_t)self->route.data);
    free(self);
    *self_p = NULL;
}

/* Hands the frames to the socket: 1 sent, 0 it takes nothing now, -1 nobody is there (the
 * frames are as they were). Once the first frame is taken the rest is too. */
static int hand_over(tt_outbox_t *self, tt_frames_t *frames)
{
    if (atomic_load(&self->flight->bytes) > FLIGHT_MAX)
        return 0;
    if (self->route.len > 0 && zmq_send(self->socket, self->route.data, self->route.len,
                                        ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return errno == EAGAIN ? 0 : -1;
    for (size_t i = 0; i < frames->count; i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < frames->count ? ZMQ_SNDMORE : 0);
        count_flight(self->flight, &frames->items[i]);
        if (zmq_msg_send(&frames->items[i], self->socket, flags) < 0)
            return i > 0 || self->route.len > 0 ? 1 : errno == EAGAIN ? 0 : -1;
    }
    return 1;
}

/* The same for the first that waits. What is tagged stays until it was taken. */
static int hand_over_first(tt_outbox_t *self)
{
    letters_t *waiting = &self->waiting;
    letter_t *letter = waiting->first;
    tt_frames_t copy;
    tt_frames_init(&copy);
    if (letter->tag.whose)
        tt_frames_share_all(&copy, &letter->frames);
    int rc = hand_over(self, letter->tag.whose ? &copy : &letter->frames);
    tt_frames_release(&copy);
    if (rc == 0 || (rc < 0 && letter->tag.whose))
        return rc;
    self->handed_count += rc > 0 ? letter->messages : 0;
    letter->number = self->handed_count;
    take_out(waiting, &waiting->first);
    if (letter->tag.whose)
        append(&self->handed, letter);
    else
        free_letter(letter);
    return 1;
}

static void on_retry(void *arg)
{
    tt_outbox_t *self = arg;
    int rc = 1;
    self->timer = 0;
    while (self->waiting.first && rc > 0)
        rc = hand_over_first(self);
    if (self->waiting.first)
        self->timer =
            tt_loop_add_timer(self->loop, rc < 0 ? ABSENT_MS : RETRY_MS, on_retry, self);
}

static void queue(tt_outbox_t *self, tt_frames_t *frames, size_t messages, const tt_tag_t *tag)
{
    letter_t *letter = tt_alloc(sizeof *letter);
    letter->messages = messages;
    letter->tag = tag ? *tag : (tt_tag_t){0, 0};
    letter->frames = *frames;
    letter->bytes = tt_frames_bytes(frames);
    tt_frames_init(frames);
    append(&self->waiting, letter);
}

/* Takes the frames, which are so many messages. */
static void post(tt_outbox_t *self, tt_frames_t *frames, size_t messages, const tt_tag_t *tag)
{
    bool waits = self->waiting.first != NULL;
    int rc = 0;
    if (!waits && tag == NULL) {
        rc = hand_over(self, frames);
        self->handed_count += rc > 0 ? messages : 0;
    }
    if (rc == 0) {
        queue(self, frames, messages, tag);
        if (!waits && tag)
            hand_over_first(self);
        if (self->waiting.first && self->timer == 0)
            self->timer = tt_loop_add_timer(self->loop, RETRY_MS, on_retry, self);
    }
    tt_frames_release(frames);
}

static void flush(tt_outbox_t *self)
{
    tt_frames_t frames;
    size_t messages = self->packed;
    if (messages == 0)
        return;
    tt_frames_init(&frames);
    if (messages == 1)
        read_packed((tt_span_t){self->parcel.data + 1, self->parcel.len - 1}, &frames);
    else
        tt_frames_copy(&frames, self->parcel.data, self->parcel.len);
    self->parcel.len = self->packed = 0;
    post(self, &frames, messages, NULL);
}

static bool on_rest(void *arg)
{
    tt_outbox_t *self = arg;
    bool any = self->packed > 0;
    self->opened = false;
    flush(self);
    return any;
}

/* The first message of a turn goes at once, so that it is not late. */
static bool is_first(tt_outbox_t *self)
{
    if (self->opened)
        return false;
    self->opened = true;
    tt_loop_at_rest(self->loop, on_rest, self);
    return true;
}

/* The message of `header` goes with others, if it is small: then the payload is taken. */
static bool parcel(tt_outbox_t *self, tt_frames_t *payload)
{
    if (is_first(self))
        return false;
    size_t count = payload ? payload->count : 0, bytes = self->header.len;
    if (count >= TT_PARCEL_FRAMES ||
        bytes + (count ? tt_frames_bytes(payload) : 0) > PACKED_MAX)
        return false;
    if (self->packed == 0) {
        self->parcel.len = 0;
        tt_buf_append(&self->parcel, &(uint8_t){TT_PARCEL}, 1);
    }
    uint8_t head[1 + 4 * TT_PARCEL_FRAMES];
    head[0] = (uint8_t)(1 + count);
    write_length(head + 1, self->header.len);
    for (size_t i = 0; i < count; i++)
        write_length(head + 5 + 4 * i, zmq_msg_size(&payload->items[i]));
    tt_buf_append(&self->parcel, head, 5 + 4 * count);
    tt_buf_append(&self->parcel, self->header.data, self->header.len);
    for (size_t i = 0; i < count; i++) {
        tt_span_t span = tt_frames_span(payload, i);
        tt_buf_append(&self->parcel, span.data, span.len);
    }
    if (payload)
        tt_frames_release(payload);
    if (++self->packed == TT_PARCEL_MESSAGES || self->parcel.len > PARCEL_MAX)
        flush(self);
    return true;
}

void tt_outbox_parcel(tt_outbox_t *self)
{
    self->parcels = true;
}

void tt_outbox_send(tt_outbox_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    tt_outbox_send_tagged(self, message, payload, NULL);
}

void tt_outbox_send_tagged(tt_outbox_t *self, const tt_message_t *message, tt_frames_t *payload,
                           const tt_tag_t *tag)
{
    tt_frames_t frames;
    tt_message_pack(&self->header, message);
    if (self->parcels && tag == NULL && tt_loop_turning(self->loop) && parcel(self, payload))
        return;
    flush(self); /* that was sent before */
    tt_frames_init(&frames);
    tt_frames_copy(&frames, self->header.data, self->header.len);
    for (size_t i = 0; payload && i < payload->count; i++)
        tt_frames_take(&frames, &payload->items[i]);
    if (payload)
        tt_frames_release(payload);
    post(self, &frames, 1, tag);
}

int tt_outbox_taken(tt_outbox_t *self, uint64_t count)
{
    letters_t *handed = &self->handed;
    if (count > self->handed_count)
        return -1;
    while (handed->first && handed->first->number <= count)
        free_letter(take_out(handed, &handed->first));
    return 0;
}

static void take_back(letters_t *self, tt_untaken_fn *fn, void *arg)
{
    letter_t **at = &self->first;
    while (*at) {
        if ((*at)->tag.whose == 0) {
            at = &(*at)->next;
            continue;
        }
        letter_t *letter = take_out(self, at);
        fn(arg, &letter->tag, &letter->frames);
        free_letter(letter);
    }
}

void tt_outbox_take_back(tt_outbox_t *self, bool handed, tt_untaken_fn *fn, void *arg)
{
    if (handed)
        take_back(&self->handed, fn, arg);
    take_back(&self->waiting, fn, arg);
}

bool tt_outbox_full(const tt_outbox_t *self)
{
    return self->waiting.bytes + self->handed.bytes > self->cap_bytes;
}

size_t tt_outbox_bytes(const tt_outbox_t *self)
{
    return self->waiting.bytes;
}

/* ---- sockets */

enum { RECONNECT_MS = 100 };

static int set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static int set_options(void *socket, int type, int reconnect_ms)
{
    int64_t limit = (int64_t)TT_VALUE_LIMIT + (4 << 20);
    int rc = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &limit, sizeof limit);
    rc |= set(socket, ZMQ_LINGER, 0);
    rc |= set(socket, ZMQ_SNDHWM, 1000);
    rc |= set(socket, ZMQ_RCVHWM, 1000);
    rc |= set(socket, ZMQ_HANDSHAKE_IVL, 5000);
    rc |= set(socket, ZMQ_BACKLOG, 1024);
    rc |= set(socket, ZMQ_RECONNECT_IVL, reconnect_ms);
    if (reconnect_ms < 0) {
        rc |= set(socket, ZMQ_HEARTBEAT_IVL, TT_SOCKET_BEAT_MS);
        /* Its own limit is of no use: a large message on a slow link would be taken for
         * silence. */
        rc |= set(socket, ZMQ_HEARTBEAT_TIMEOUT, 24 * 3600 * 1000);
    }
    rc |= set(socket, ZMQ_RECONNECT_IVL_MAX, 1000);
    if (type == ZMQ_ROUTER)
        rc |= set(socket, ZMQ_ROUTER_MANDATORY, 1);
    return rc;
}

static void *new_socket(void *context, int type, const char *endpoint, int reconnect_ms,
                        tt_error_t *err)
{
    void *socket = zmq_socket(context, type);
    if (socket == NULL)
        return tt_error_null(err, "cannot make a socket: %s", zmq_strerror(errno));
    int rc = set_options(socket, type, reconnect_ms);
    if (rc == 0)
        rc = type == ZMQ_ROUTER ? zmq_bind(socket, endpoint) : zmq_connect(socket, endpoint);
    if (rc == 0)
        return socket;
    tt_error_set(err, "cannot %s '%s': %s", type == ZMQ_ROUTER ? "listen on" : "connect to",
                 endpoint, zmq_strerror(errno));
    zmq_close(socket);
    return NULL;
}

void *tt_socket_new(void *context, int type, const char *endpoint, tt_error_t *err)
{
    return new_socket(context, type, endpoint, RECONNECT_MS, err);
}

void *tt_socket_once(void *context, const char *endpoint, tt_error_t *err)
{
    return new_socket(context, ZMQ_DEALER, endpoint, -1, err);
}

void tt_socket_close(void *socket, int linger_ms)
{
    if (socket == NULL)
        return;
    set(socket, ZMQ_LINGER, linger_ms);
    zmq_close(socket);
}
