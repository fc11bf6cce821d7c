/* The ssh command of a link: how it is called, and what its complaints mean. Everything that
 * the person's own ssh knows (configuration, agent, jump hosts) is used; nothing asks
 * questions. */
#ifndef SSH_H
#define SSH_H

#include "buf.h"
#include "error.h"

typedef struct {
    const char *command;  /* "ssh", or with options of its own: "ssh -F FILE" */
    const char *host;     /* as the person typed it: HOST or USER@HOST */
    const char *port;     /* NULL: ssh's own choice, and so with the next two */
    const char *identity; /* a key's file */
    const char *jump;
} ssh_target_t; /* all borrowed */

enum { SSH_ARGV_MAX = 64 };

/* Fills in the argv that runs `remote`, a text for the login shell there. `words` holds the
 * pieces and must live as long. Returns 0, or -1 with the reason: a host that ssh would take
 * for an option, or too many words. */
int ssh_argv(const ssh_target_t *target, const char *remote, tt_buf_t *words,
             const char *argv[SSH_ARGV_MAX], tt_error_t *err);

/* Appends why ssh ended, from what it and the far side wrote to stderr: what is wrong, and the
 * command that mends it where there is one. `ending` is for when they wrote nothing. */
void ssh_explain(tt_buf_t *out, const ssh_target_t *target, const char *words,
                 const char *ending);

/* The last line with anything in it, of which at most 300 bytes count: where it begins, and its
 * length (0: there is none). */
const char *ssh_last_line(const char *words, int *len);

#endif
