/* What the controller tells of itself, shown: `tutti status`, `why` and `--json`. */
#ifndef STATUS_H
#define STATUS_H

#include "client.h"

#include <stdio.h>

typedef enum { STATUS_TEXT, STATUS_JSON, STATUS_WHY } status_form_t;

/* Asks the controller and writes the answer. Of WHY only what is about `host`, or about
 * engines where it is a set of numbers, unless that is NULL. Returns 0, or -1 with the reason:
 * no answer within 10 s, no such host. */
int status_show(tt_client_t *client, status_form_t form, const char *host, FILE *out,
                tt_error_t *err);

#endif
