/* The log of a process: one line an event, written whole by one write(2), so that several
 * processes may share a file. Lines look like
 *     2026-11-21T07:30:01.123 tutti-controller[4711] warn: engine 3 is gone: killed by signal 9
 * in local time. What came from outside may be logged as it is: controls are made visible. */
#ifndef TT_LOG_H
#define TT_LOG_H

typedef enum { TT_LOG_ERROR, TT_LOG_WARN, TT_LOG_INFO, TT_LOG_DEBUG } tt_log_level_t;

/* Sets the name that lines carry (borrowed for good) and where they go. The descriptor stays
 * the caller's. The level comes from TUTTI_LOG (error, warn, info, debug); else it is info.
 * Without this call lines go to descriptor 2 under the name "tutti". */
void tt_log_open(const char *program, int fd);

/* Writes one line, if the level is wanted. Text over 4,000 bytes is cut. Keeps errno; a line
 * that cannot be written is lost. May block as long as write(2) on the descriptor does. */
void tt_log(tt_log_level_t level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
