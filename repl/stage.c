/* Sessions for commands. See stage.h. */
#include "stage.h"

#include "interpreter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_MS = 10000 };

/* Whether a cluster runs; one is started if it may be. -1 after a message. */
static int find_cluster(stage_t *self, const given_t *given, bool may_start)
{
    tt_error_t err;
    pid_t pid;
    if (given->reach.host) {
        self->reach = reach_open(command_loop(), &given->reach, given->name, &self->dir, &err);
        return self->reach ? 0 : command_complain(-1, "%s", err.text);
    }
    int rc = may_start ? tt_rundir_prepare(given->name, &self->dir, &err)
                       : tt_rundir_open(given->name, &self->dir, &err);
    if (rc != 0 && (may_start || err.code != ENOENT))
        return command_complain(-1, "%s", err.text);
    if (rc == 0 && tt_rundir_holder(&self->dir, &pid) == 1)
        return 0;
    if (!may_start)
        return command_complain(-1, "no cluster '%s' is running; tutti start makes one",
                                given->name);
    if (cluster_start_controller(&self->dir, given->wish.policy, &err) != 0)
        return command_complain(-1, "%s", err.text);
    self->own = true;
    return 0;
}

int stage_open(stage_t *self, given_t *given, bool may_start,
               const tt_client_handlers_t *handlers)
{
    tt_error_t err;
    memset(self, 0, sizeof *self);
    if (command_check(given) != 0)
        return 2;
    if (find_cluster(self, given, may_start) != 0)
        return 3;
    tt_client_t *client = tt_client_open(command_loop(), &self->dir, "tutti", handlers,
                                         &self->session, CONNECT_MS, &err);
    if (client == NULL)
        return command_complain(3, "%s", err.text);
    if (self->reach)
        reach_watch(self->reach, client);
    session_init(&self->session, command_loop(), &self->dir, client);
    self->session.json = given->json;
    if (given->draw)
        draw_find(given->draw, &self->session.px.draw, NULL);
    if (given->wish.group.language)
        self->session.language = self->session.first_language =
            tt_interpreter_speaks(given->wish.group.language);
    self->session.python = cluster_program(&given->wish.group);
    command_set_session(&self->session);
    if (!self->own)
        return 0;
    int status = cluster_launch(client, command_loop(), &given->wish, true, &err);
    return status == 3 ? command_complain(3, "%s", err.text) : status;
}

int stage_finish_background(stage_t *self, int status)
{
    session_t *session = &self->session;
    for (job_t *job = session->jobs; job;) {
        job_t *next = job->next;
        if (!job->shown && session_wait(session, job, -1)) {
            int ended = session_finish_job(session, job);
            status = status ? status : ended;
        }
        session->failed |= job->failed;
        job = next;
    }
    return status ? status : session->failed ? 1 : 0;
}

int stage_close(stage_t *self, int status)
{
    tt_error_t err;
    command_set_session(NULL);
    if (self->session.loop)
        session_release(&self->session);
    reach_close(&self->reach);
    if (self->own && cluster_stop(command_loop(), &self->dir, &err) != 0)
        status = command_complain(status ? status : 3, "%s", err.text);
    return status;
}
