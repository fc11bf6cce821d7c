/* What the controller tells of itself, shown: `tutti status`, `why` and `--json`. */
#ifndef STATUS_H
#define STATUS_H

#include "client.h"

#include <stdio.h>

typedef enum { STATUS_TEXT, STATUS_JSON, STATUS_WHY } status_form_t;

/* Asks the controller and writes the answer. Returns 0, or -1 with the reason. Waits at most 10
 * s. */
int status_show(tt_client_t *client, status_form_t form, FILE *out, tt_error_t *err);

#endif
