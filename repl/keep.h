/* Jobs that outlive their session: named to the controller before their work is submitted, left
 * behind when the terminal is closed or the person says so, and taken over by the next prompt.
 */
#ifndef KEEP_H
#define KEEP_H

#include "session.h"

/* Before the first submission of a job at a prompt: sets job->keep. In scripts it stays 0: what
 * they start ends with them. */
void keep_begin(session_t *session, job_t *job);
/* The job has been shown: nobody needs it any more. */
void keep_end(session_t *session, job_t *job);

/* Gives back what nobody has seen and leaves the cluster, which is closed to the session then.
 */
void keep_leave(session_t *session);

/* Takes over what earlier sessions have left behind, as jobs of this one under their numbers;
 * the session's own numbers begin behind them. Appends a line that tells of them, if there are
 * any. Waits at most 3 s. */
void keep_adopt(session_t *session, tt_buf_t *line);

/* Reads what a job was named with. NULL when it makes no sense. The job is the caller's. */
job_t *keep_read(tt_span_t meta);

/* Whether the session has jobs that nobody has seen. */
bool keep_any(const session_t *session);

#endif
