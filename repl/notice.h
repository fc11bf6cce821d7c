/* What happens at the cluster without being asked for, told at the prompt: engines that come,
 * end and come back, and what they write while nothing of the session runs there. */
#ifndef NOTICE_H
#define NOTICE_H

#include "session.h"

/* Handlers for stage_open; their argument is the session. Nothing is told before
 * notice_start. */
extern const tt_client_handlers_t notice_handlers;

/* From here on events are told; the engines there are now are known. */
void notice_start(session_t *session);
void notice_stop(void);

/* Tells at once what has happened to engines. False: nothing is told in this session. */
bool notice_now(void);

#endif
