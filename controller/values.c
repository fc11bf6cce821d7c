/* Routing of big values. See values.h. */
#include "values.h"

#include "controller.h"

#define WAITING_CAP ((uint64_t)1 << 30)

/* ---- what is told in the place of a client */

/* Whether its client and its host are on this machine, so that one may open a file of the
 * other. */
static bool meet(const part_t *part)
{
    return part->task->client && part->task->client->watch_pid > 0 && !part->engine->host->far;
}

static void tell_want(const part_t *part, uint64_t taken)
{
    tt_message_t message = tt_message(TT_MSG_WANT, part->task->id);
    message.as.want.engine = part->engine_id;
    message.as.want.taken = taken;
    message.as.want.near = meet(part);
    tt_outbox_send(part->engine->host->outbox, &message, NULL);
}

static void tell_no_data(const part_t *part)
{
    tt_message_t message = tt_message(TT_MSG_DATA, part->task->id);
    message.as.data.engine = part->engine_id;
    message.as.data.text = tt_span("its value went with the session that is gone");
    tt_outbox_send(part->engine->host->outbox, &message, NULL);
}

/* Bytes that hosts have of results which have no client to take them. */
static uint64_t waiting_bytes(const controller_t *self)
{
    uint64_t bytes = 0;
    size_t walk = 0;
    for (const task_t *task; (task = tt_map_next(&self->tasks, &walk));)
        for (size_t i = 0; task->client == NULL && i < task->part_count; i++)
            bytes += task->parts[i].gives;
    return bytes;
}

/* Whether a big result is to wait at its host until somebody comes for it. */
static bool may_wait(const controller_t *self, const part_t *part)
{
    return part->task->keep || (part->task->stays && part->gives <= WAITING_CAP &&
                                waiting_bytes(self) <= WAITING_CAP);
}

static void wait_or_drop(const controller_t *self, part_t *part)
{
    if (may_wait(self, part))
        dispatch_set_aside(part);
    else
        tell_want(part, TT_WANT_NOTHING);
}

void values_client_gone(const controller_t *self, const task_t *task)
{
    for (size_t i = 0; i < task->part_count; i++) {
        part_t *part = &task->parts[i];
        if (part->state != PART_SENT)
            continue;
        if (task->layout.len > 0)
            tell_no_data(part);
        if (part->gives)
            wait_or_drop(self, part);
    }
}

void values_adopted(const task_t *task)
{
    for (size_t i = 0; i < task->part_count; i++)
        if (task->parts[i].state == PART_SENT && task->parts[i].gives)
            tell_want(&task->parts[i], 0);
}

/* ---- messages */

/* Passes it on to whoever is at the other end of that part. Files are a matter of this machine:
 * of what others say of them nothing is passed on. */
static void pass(const part_t *part, bool to_host, tt_message_t *message, tt_frames_t *payload)
{
    const task_t *task = part->task;
    message->id = to_host ? task->id : task->client_id;
    if (message->type == TT_MSG_WANT)
        message->as.want.near = message->as.want.near && meet(part);
    else if (!meet(part))
        message->as.data.pid = 0;
    tt_outbox_send(to_host ? part->engine->host->outbox : task->client->outbox, message,
                   payload);
}

/* The part that a client means, if a host has it. */
static part_t *part_of_client(const peer_t *client, uint64_t id, int64_t engine)
{
    task_t *task = tt_map_get(&client->tasks, id);
    part_t *part =
        task && engine >= 0 && engine <= INT32_MAX ? task_part(task, (int)engine) : NULL;
    return part && part->state == PART_SENT ? part : NULL;
}

void values_data(controller_t *self, peer_t *peer, tt_message_t *message, tt_frames_t *payload)
{
    int64_t engine = message->as.data.engine;
    if (peer->role == PEER_CLIENT) {
        part_t *part = part_of_client(peer, message->id, engine);
        if (part)
            pass(part, true, message, payload);
        return;
    }
    part_t *part = dispatch_sent_part(self, peer, message->id, engine);
    if (part == NULL)
        return;
    part->gives = message->as.data.total ? message->as.data.total : 1;
    /* A host of ours sends no more than the client wants; one elsewhere may be none of ours. */
    if (peer->far && part->task->client && tt_outbox_full(part->task->client->outbox))
        return;
    if (part->task->client) {
        pass(part, false, message, payload);
        return;
    }
    wait_or_drop(self, part);
    dispatch_engine_free(self, part->engine);
}

/* An adopter has not the values that its tasks were submitted with. */
static bool can_give(const task_t *task)
{
    return task->client && !task->moved;
}

void values_want(controller_t *self, peer_t *peer, tt_message_t *message, tt_frames_t *payload)
{
    int64_t engine = message->as.want.engine;
    bool from_client = peer->role == PEER_CLIENT;
    part_t *part = from_client ? part_of_client(peer, message->id, engine)
                               : dispatch_sent_part(self, peer, message->id, engine);
    if (part == NULL)
        return;
    if (from_client || can_give(part->task))
        pass(part, from_client, message, payload);
    else
        tell_no_data(part);
}
