/* Routing of big values. See values.h. */
#include "values.h"

#include "controller.h"

/* ---- what is told in the place of a client */

static void tell_want(const part_t *part, uint64_t taken)
{
    tt_message_t message = tt_message(TT_MSG_WANT, part->task->id);
    message.as.want.engine = part->engine_id;
    message.as.want.taken = taken;
    tt_outbox_send(part->engine->host->outbox, &message, NULL);
}

static void tell_no_data(const part_t *part)
{
    tt_message_t message = tt_message(TT_MSG_DATA, part->task->id);
    message.as.data.engine = part->engine_id;
    message.as.data.text = tt_span("its value went with the session that is gone");
    tt_outbox_send(part->engine->host->outbox, &message, NULL);
}

void values_client_gone(const task_t *task)
{
    for (size_t i = 0; i < task->part_count; i++) {
        const part_t *part = &task->parts[i];
        if (part->state != PART_SENT)
            continue;
        if (task->layout.len > 0)
            tell_no_data(part);
        if (part->gives && !task->keep)
            tell_want(part, TT_WANT_NOTHING);
    }
}

void values_adopted(const task_t *task)
{
    for (size_t i = 0; i < task->part_count; i++)
        if (task->parts[i].state == PART_SENT && task->parts[i].gives)
            tell_want(&task->parts[i], 0);
}

/* ---- messages */

/* Passes it on to whoever is at the other end of that part. */
static void pass(const part_t *part, bool to_host, tt_message_t *message, tt_frames_t *payload)
{
    const task_t *task = part->task;
    message->id = to_host ? task->id : task->client_id;
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
    part->gives = true;
    /* A host of ours sends no more than the client wants; one elsewhere may be none of ours. */
    if (peer->far && part->task->client && tt_outbox_full(part->task->client->outbox))
        return;
    if (part->task->client)
        pass(part, false, message, payload);
    else if (part->task->keep == NULL)
        tell_want(part, TT_WANT_NOTHING);
}

/* An adopter has not the values that its tasks were submitted with. */
static bool can_give(const task_t *task)
{
    return task->client && !(task->client_id & TT_ID_ADOPTED);
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
