/* `--json`: one result as one JSON object on one line. */
#ifndef REPORT_JSON_H
#define REPORT_JSON_H

#include "answer.h"

/* The number in "schema": grows when a key is renamed or means something else. */
enum { REPORT_JSON_SCHEMA = 1 };

/* Appends the object and a newline. Keys: schema, job, engine, item (of a map only), host,
 * source, status, repr, value, stdout, stderr, dropped_bytes, displays, exit_status, cause,
 * note, error (type, message, traceback, file, line, source, function), timing (queue, run,
 * elapsed, in seconds). What is not there is null; `displays` is a list, stdout and stderr are
 * strings.
 */
void report_json(tt_buf_t *out, const answer_t *answer);

#endif
