/* A launch: what one LAUNCH asked for, kept as long as engines may be of it. */
#ifndef LAUNCH_H
#define LAUNCH_H

#include "controller.h"
#include "remote.h"

typedef struct launch {
    struct launch *next;
    controller_t *controller;
    uint64_t id;
    char *launcher;
    char *language, *program, *directory, *labels;
    tt_buf_t args, environment; /* packed */
    uint64_t grace_ms, nice, memory_bytes;
    pid_t pid;       /* of the host's parent; 0 when it has been reaped */
    pid_t ended_pid; /* the last one that was */
    char ending[64]; /* how it ended */
    bool registered;
    bool inherited;   /* made for lost engines of an earlier controller */
    remote_t *remote; /* the machine it is for; NULL: this one */
    bool total, begun;
    int first_id; /* of the numbers that are set aside for it; -1: none are */
    uint64_t timer;
    /* a request that waits for hosts of an earlier controller */
    peer_t *waiting; /* the client to answer */
    uint64_t request, count;
} launch_t;

/* The launch of that number, or NULL. */
launch_t *launch_find(const controller_t *self, uint64_t id);
/* A new one, in the controller's list. */
launch_t *launch_new(controller_t *self, const tt_msg_launch_t *message);
/* Takes it out of the list and frees it: no engine may be of it. */
void launch_forget(controller_t *self, launch_t *launch);
/* Where and how the model's engines are started becomes the launch's own. */
void launch_copy(launch_t *self, const launch_t *model);

#endif
