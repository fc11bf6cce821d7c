/* Unit test of controller/dispatch in any order: thousands of random steps of clients, hosts
 * and engines, in which no result may be lost or doubled. */
#include "hand_controller.h"

#include "controller/fetch.h"

static far_t client, second, host, other;

static int begin(void **unused)
{
    (void)unused;
    if (hand_begin() != 0)
        return -1;
    client = hand_peer(PEER_CLIENT, "client");
    second = hand_peer(PEER_CLIENT, "second");
    host = hand_peer(PEER_HOST, "host");
    other = hand_peer(PEER_HOST, "other");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    return hand_end();
}

enum { STEPS = 20000, ENGINES = 6, IDS = 40000, AT_ONCE = 4096 };

typedef struct {
    uint64_t task;
    int engine;
} at_host_t;

static struct {
    at_host_t held[AT_ONCE]; /* by hosts, in the order they came */
    size_t held_count;
    int owed[2][IDS]; /* results that each client waits for, by its ids */
    uint64_t next_id[2];
    int parts[IDS]; /* of the second's tasks that stay; 0: of no such task */
    unsigned lives; /* of the second */
    char name[16];  /* its present one */
    uint64_t results;
} play;

static void hold_tasks(tt_message_t *message)
{
    int *ids;
    int count = tt_ids_read(message->as.task.engines, &ids, NULL);
    for (int i = 0; i < count; i++) {
        assert_true(play.held_count < AT_ONCE);
        play.held[play.held_count++] = (at_host_t){message->id, ids[i]};
    }
    free(ids);
}

static at_host_t let_go(size_t at)
{
    at_host_t held = play.held[at];
    memmove(play.held + at, play.held + at + 1, (--play.held_count - at) * sizeof *play.held);
    return held;
}

static long find_held(uint64_t task, int engine)
{
    for (size_t i = 0; i < play.held_count; i++)
        if (play.held[i].task == task && play.held[i].engine == engine)
            return (long)i;
    return -1;
}

static const far_t *host_of(int engine)
{
    const engine_t *found = registry_find(&hand->registry, engine);
    return found && found->host == other.peer ? &other : &host;
}

static void host_answers(const far_t *at, heard_t *heard)
{
    tt_message_t *message = &heard->message;
    int *ids = NULL;
    if (message->type == TT_MSG_TASK) {
        hold_tasks(message);
    } else if (message->type == TT_MSG_CANCEL) {
        assert_int_equal(tt_ids_read(message->as.cancel.engines, &ids, NULL), 1);
        long held = find_held(message->id, ids[0]);
        if (held >= 0) {
            let_go((size_t)held);
            result_of(at, message->id, ids[0],
                      rand() % 2 ? TT_STATUS_CANCELLED : TT_STATUS_INTERRUPTED);
        }
    } else if (message->type == TT_MSG_RECALL) {
        assert_int_equal(tt_ids_read(message->as.recall.engines, &ids, NULL), 1);
        long held = find_held(message->id, ids[0]);
        bool give = held >= 0 && rand() % 3;
        if (give)
            let_go((size_t)held);
        tt_buf_t list;
        tt_buf_init(&list);
        tt_ids_pack(&list, ids, give ? 1 : 0);
        tt_message_t answer = tt_message(TT_MSG_RETURNED, message->id);
        answer.as.returned.engines = span_of(&list);
        dispatch_returned(hand, at->peer, &answer);
        tt_buf_release(&list);
    }
    free(ids);
}

static void client_reads(const far_t *at, int which)
{
    heard_t heard;
    while (hear(at, &heard)) {
        if (heard.message.type == TT_MSG_RESULT) {
            assert_true(--play.owed[which][heard.message.id] >= 0);
            play.results++;
        } else {
            assert_int_equal(heard.message.type, TT_MSG_EVENT);
        }
        forget(&heard);
    }
}

static void check_nothing_left(void)
{
    assert_int_equal(hand->tasks.count, 0);
    assert_int_equal(balanced_count(hand->balanced), 0);
    assert_int_equal(client.peer->tasks.count + second.peer->tasks.count, 0);
    assert_int_equal(client.peer->queued_bytes + second.peer->queued_bytes, 0);
    for (size_t i = 0; i < hand->registry.count; i++) {
        assert_int_equal(hand->registry.engines[i]->queue.count, 0);
        assert_int_equal(hand->registry.engines[i]->sent.count, 0);
    }
}

/* Reads what has come to everybody; a host's answers may send more. */
static void everybody_reads(int most)
{
    const far_t *hosts[] = {&host, &other};
    heard_t heard;
    for (int i = 0; i < most; i++)
        for (int h = 0; h < 2; h++)
            if (hear(hosts[h], &heard)) {
                host_answers(hosts[h], &heard);
                forget(&heard);
            }
    client_reads(&client, 0);
    client_reads(&second, 1);
}

static void random_submit(void)
{
    int which = rand() % 2, ids[ENGINES];
    wish_t wish = {.id = ++play.next_id[which], .retries = (uint64_t)(rand() % 3)};
    size_t count = 0;
    for (int i = 0; i < ENGINES; i++)
        if (rand() % 2)
            ids[count++] = i;
    wish.balanced = rand() % 2;
    if (count > 0 && rand() % 4) {
        wish.engines = ids;
        wish.count = count;
    } else {
        wish.balanced = true;
    }
    play.owed[which][wish.id] = wish.balanced ? 1 : (int)wish.count;
    if (which == 1 && play.lives > 0 && rand() % 2) {
        wish.stays = true;
        wish.index = wish.id;
        play.parts[wish.id] = play.owed[which][wish.id];
    }
    submit(which ? &second : &client, wish);
}

/* `which` has the results of the second's task from now on. */
static void fetch(int which, const char *name, uint64_t id)
{
    static uint8_t session[RECORDS_SESSION];
    tt_frames_t none;
    tt_frames_init(&none);
    memset(session, 0, sizeof session);
    memcpy(session, name, strlen(name));
    tt_message_t message = tt_message(TT_MSG_FETCH, ++play.next_id[which]);
    message.as.fetch.session = (tt_span_t){session, sizeof session};
    message.as.fetch.number = id;
    play.owed[which][message.id] = play.parts[id];
    fetch_task(hand, (which ? &second : &client)->peer, &message, &none);
}

/* The second dies, and comes again. What stays of its work that has not ended it fetches, or
 * what it had fetched: but for that nothing is owed to it. */
static void random_life(void)
{
    static uint64_t left[IDS];
    char before[sizeof play.name];
    size_t count = 0;
    for (uint64_t id = 1; id <= play.next_id[1]; id++) {
        if (play.owed[1][id] > 0 && play.parts[id] > 0)
            left[count++] = id;
        play.owed[1][id] = 0;
    }
    memcpy(before, play.name, sizeof before);
    hand_lose(&second);
    snprintf(play.name, sizeof play.name, "second %u", ++play.lives);
    second = hand_peer(PEER_CLIENT, play.name);
    for (size_t i = 0; i < count; i++) {
        fetch(1, before, left[i]);
        play.parts[left[i]] = 0;
    }
}

/* The first hears of a task of the second's, too. */
static void random_hearing(void)
{
    if (play.next_id[1] == 0)
        return;
    uint64_t recent = play.next_id[1] < 30 ? play.next_id[1] : 30;
    uint64_t id = play.next_id[1] - (uint64_t)rand() % recent;
    if (play.parts[id] > 0 && play.owed[1][id] > 0)
        fetch(0, play.name, id);
}

static void random_result(void)
{
    static const unsigned statuses[] = {TT_STATUS_OK, TT_STATUS_OK, TT_STATUS_OK,
                                        TT_STATUS_ERROR, TT_STATUS_LOST};
    if (play.held_count == 0)
        return;
    at_host_t held = let_go((size_t)rand() % play.held_count);
    result_of(host_of(held.engine), held.task, held.engine, statuses[rand() % 5]);
}

static void random_cancel(void)
{
    int which = rand() % 2;
    if (play.next_id[which] == 0)
        return;
    uint64_t recent = play.next_id[which] < 30 ? play.next_id[which] : 30;
    uint64_t id = play.next_id[which] - (uint64_t)rand() % recent;
    int engine = rand() % ENGINES;
    cancel(which ? &second : &client, id, rand() % 2 ? &engine : NULL, 1);
}

/* What its host had is nowhere any more; messages under way to it are lost, too. */
static void forget_held(int engine)
{
    for (size_t i = play.held_count; i > 0; i--)
        if (play.held[i - 1].engine == engine)
            let_go(i - 1);
}

static void random_engine(void)
{
    engine_t *engine = registry_find(&hand->registry, rand() % ENGINES);
    int what = rand() % 4;
    if (engine->state != TT_ENGINE_READY) {
        engine->host = rand() % 2 ? host.peer : other.peer;
        engine->state = TT_ENGINE_READY;
        engine->mean_run_ns = rand() % 2 ? 0 : 1000000000;
        dispatch_engine_free(hand, engine);
    } else if (what == 0) {
        everybody_reads(1000); /* nothing may be under way to it */
        forget_held(engine->id);
        lose_engine(engine);
    } else if (what == 1 && engine->sent.count == 0) {
        engine->state = TT_ENGINE_FAILED;
        dispatch_engine_failed(hand, engine, "failed");
    } else if (what == 2) {
        engine->state = TT_ENGINE_RESTARTING;
    }
}

static void play_all(unsigned seed, bool dies)
{
    memset(&play, 0, sizeof play);
    srand(seed);
    play.lives = dies;
    snprintf(play.name, sizeof play.name, "second");
    for (int i = 0; i < ENGINES; i++)
        hand_engine(i % 2 ? &host : &other, TT_ENGINE_READY);
    for (int step = 0; step < STEPS; step++) {
        int what = rand() % 100;
        if (what < 35)
            random_submit();
        else if (what < 80)
            random_result();
        else if (what < 90)
            random_cancel();
        else if (what < 94)
            random_engine();
        else if (dies && what == 94)
            random_life();
        else if (dies && what < 98)
            random_hearing();
        everybody_reads(rand() % 8);
    }
    for (int i = 0; i < ENGINES; i++)
        while (registry_find(&hand->registry, i)->state != TT_ENGINE_READY)
            random_engine();
    for (int rounds = 0; rounds < 100000 && hand->tasks.count > 0; rounds++) {
        bool never = false;
        everybody_reads(100);
        random_result();
        if (play.held_count == 0) /* what is held back is tried again by a timer */
            tt_loop_run_until(hand->loop, &never, 1);
    }
    everybody_reads(100);
    check_nothing_left();
    assert_true(play.results > 3000);
    for (int which = 0; which < 2; which++)
        for (uint64_t id = 1; id <= play.next_id[which]; id++)
            assert_int_equal(play.owed[which][id], 0);
}

TEST(whatever_happens_each_part_gets_exactly_one_result)
{
    play_all(17, false);
}

TEST(whoever_dies_meanwhile_what_stays_is_had_by_whoever_fetches_it)
{
    play_all(18, true);
    assert_true(play.lives > 100);
    assert_int_equal(hand->kept.queued_bytes, 0);
    assert_int_equal(fetch_left(hand), 0);
    assert_int_equal(hand->records.rows[RECORD_PENDING].count, 0);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(whatever_happens_each_part_gets_exactly_one_result),
        EACH(whoever_dies_meanwhile_what_stays_is_had_by_whoever_fetches_it),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
