/* Unit test of controller/kept: whatever order its messages come in, no result is lost or
 * doubled. */
#include "kept_clients.h"

enum { ITEMS = 4000, LIVES = 60 };

static struct {
    int owed[ITEMS];                    /* results that are still to come */
    size_t read[2 * ITEMS], read_count; /* what the client that is has read of them, */
    size_t messages;                    /* and how many messages in all */
    uint32_t seed;
} play;

static unsigned any(unsigned below)
{
    play.seed = play.seed * 1664525 + 1013904223;
    return (play.seed >> 8) % below;
}

/* What a client is told of items; the ids of its tasks are their index plus one. */
static void read_all(const far_t *from)
{
    heard_t heard;
    while (hear(from, &heard)) {
        play.messages++;
        if (heard.message.type == TT_MSG_STORE)
            play.read[play.read_count++] = heard.message.as.store.index;
        else if (heard.message.type == TT_MSG_RESULT)
            play.read[play.read_count++] = (heard.message.id & ~TT_ID_ADOPTED) - 1;
        forget(&heard);
    }
}

/* What it has read is no more of our concern. */
static void take_all(void)
{
    while (play.read_count > 0)
        play.owed[play.read[--play.read_count]]--;
}

/* Every task there is may end: hosts answer in no order. */
static void end_some(unsigned chance)
{
    for (size_t i = 0; i < hand->registry.count; i++) {
        engine_t *engine = hand->registry.engines[i];
        if (engine->sent.first && any(100) < chance)
            result_of(&host, engine->sent.first->task->id, engine->id,
                      any(4) ? TT_STATUS_OK : TT_STATUS_ERROR);
    }
}

TEST(no_result_is_lost_or_doubled_whoever_dies_when)
{
    int next = 0;
    play.seed = 1;
    for (int i = 0; i < 3; i++)
        hand_engine(&host, TT_ENGINE_READY);
    far_t now = client;
    for (int life = 0; life < LIVES; life++) {
        char name[16];
        bool filled = false;
        play.messages = play.read_count = 0;
        keep(&now, 1, "meta");
        for (unsigned i = any(40); i > 0 && next < ITEMS; i--, next++) {
            play.owed[next] = 1; /* ids of tasks count as items do */
            submit(&now, (wish_t){(uint64_t)next + 1, .balanced = true, .retries = any(2),
                                  .keep = 1, .index = (uint64_t)next});
            end_some(30);
        }
        if (any(2))
            adopt(&now);
        end_some(50);
        if (any(2)) {
            read_all(&now);
            take_all();
            fill(&now); /* from here on it is handed nothing */
            filled = true;
        } else if (any(2)) {
            read_all(&now);
            take_all();
            taken(&now, play.messages);
        }
        end_some(50);
        if (any(3) == 0)
            leave(&now);
        end_some(50);
        read_all(&now);
        if (!filled && any(2)) {
            take_all();
            taken(&now, play.messages);
        }
        hand_lose(&now);
        end_some(50);
        all_heard(&host);
        snprintf(name, sizeof name, "life %d", life);
        now = hand_peer(PEER_CLIENT, name);
    }
    while (hand->tasks.count > 0)
        end_some(100);
    play.read_count = 0;
    adopt(&now);
    read_all(&now);
    take_all();
    for (int i = 0; i < next; i++)
        assert_int_equal(play.owed[i], 0);
    assert_true(next > 100);
    check_nothing_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_result_is_lost_or_doubled_whoever_dies_when, begin,
                                        end),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
