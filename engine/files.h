/* Files that come to this machine and go from it: PUT, GET and LIST of clients. A file that
 * comes has a name of its own until it is whole and its digest right, so nobody sees half of
 * one. */
#ifndef FILES_H
#define FILES_H

#include "packet.h"

struct host;

typedef struct files files_t;

/* Relative paths begin at `directory` (NULL: where the host runs); borrowed. */
files_t *files_new(struct host *host);
/* Ends all transfers: what is not whole is removed. */
void files_destroy(files_t **self_p);

/* The controller is gone: ends all transfers. */
void files_controller_gone(files_t *self);

/* Where relative paths begin from now on; NULL: where the host runs. */
void files_set_directory(files_t *self, const char *directory);

void files_put(files_t *self, const tt_message_t *message);
void files_get(files_t *self, const tt_message_t *message);
void files_list(files_t *self, const tt_message_t *message);
void files_chunk(files_t *self, const tt_message_t *message, tt_frames_t *payload);
void files_credit(files_t *self, const tt_message_t *message);
void files_abort(files_t *self, const tt_message_t *message);

#endif
