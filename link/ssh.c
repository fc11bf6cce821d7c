/* Calling ssh, and its complaints in words. See ssh.h. */
#include "ssh.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* No terminal, no questions, no forwards, no command or shared connection of the person's own
 * configuration: the session's stdin and stdout are all that is wanted. A dead peer is noticed.
 */
static const char *const fixed[] = {
    "-T",
    "-x",
    "-a",
    "-oBatchMode=yes",
    "-oRemoteCommand=none",
    "-oClearAllForwardings=yes",
    "-oPermitLocalCommand=no",
    "-oServerAliveInterval=5",
    "-oServerAliveCountMax=3",
    "-oConnectTimeout=20",
    "-oControlMaster=no",
    "-oControlPath=none",
};

enum { LINE_MAX_SHOWN = 300 };

/* ---- the command */

static bool is_host(const char *host)
{
    bool good = *host && *host != '-';
    for (const char *at = host; *at; at++)
        good = good && !isspace((unsigned char)*at) && !iscntrl((unsigned char)*at);
    return good;
}

static int add(const char *argv[SSH_ARGV_MAX], int count, const char *word)
{
    if (count < SSH_ARGV_MAX - 1)
        argv[count++] = word;
    argv[count] = NULL;
    return count;
}

static int add_option(const char *argv[SSH_ARGV_MAX], int count, const char *option,
                      const char *value)
{
    return value ? add(argv, add(argv, count, option), value) : count;
}

int ssh_argv(const ssh_target_t *target, const char *remote, tt_buf_t *words,
             const char *argv[SSH_ARGV_MAX], tt_error_t *err)
{
    int count = 0;
    if (!is_host(target->host))
        return tt_error_set(err, "'%.100s' is not the name of a host", target->host);
    words->len = 0;
    tt_buf_append(words, target->command, strlen(target->command) + 1);
    for (char *rest, *word = strtok_r((char *)words->data, " ", &rest); word;
         word = strtok_r(NULL, " ", &rest))
        count = add(argv, count, word);
    if (count == 0)
        return tt_error_set(err, "the ssh command is empty");
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        count = add(argv, count, fixed[i]);
    count = add_option(argv, count, "-p", target->port);
    count = add_option(argv, count, "-i", target->identity);
    count = add_option(argv, count, "-J", target->jump);
    count = add_option(argv, count, "--", target->host);
    count = add(argv, count, remote);
    if (count >= SSH_ARGV_MAX - 1)
        return tt_error_set(err, "the ssh command '%.100s' has too many words",
                            target->command);
    return 0;
}

/* ---- what is wrong */

/* What the person would type to try it. */
static void put_command(tt_buf_t *out, const ssh_target_t *target, const char *command)
{
    bool copies = strcmp(command, "ssh-copy-id") == 0; /* which has no -J */
    tt_buf_printf(out, "%s", command);
    if (target->port)
        tt_buf_printf(out, " -p %s", target->port);
    if (target->identity)
        tt_buf_printf(out, " -i %s", target->identity);
    if (target->jump)
        tt_buf_printf(out, copies ? " -o ProxyJump=%s" : " -J %s", target->jump);
    tt_buf_printf(out, " %s", target->host);
}

const char *ssh_last_line(const char *words, int *len)
{
    const char *last = words;
    *len = 0;
    for (const char *line = words; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        int this_len = (int)strcspn(line, "\r\n");
        if (this_len == 0)
            continue;
        last = line;
        *len = this_len < LINE_MAX_SHOWN ? this_len : LINE_MAX_SHOWN;
    }
    return last;
}

/* What stands in `words` between two texts, its length in `len`; NULL when they are not there.
 */
static const char *between(const char *words, const char *before, const char *behind, int *len)
{
    const char *at = strstr(words, before), *end = at ? strstr(at, behind) : NULL;
    if (end == NULL)
        return NULL;
    at += strlen(before);
    *len = (int)(end - at);
    return *len > 0 && *len < LINE_MAX_SHOWN && memchr(at, '\n', (size_t)*len) == NULL ? at
                                                                                       : NULL;
}

/* ssh knows a host by a name of its own: an alias is resolved, a port may be part of it. */
static void on_changed_key(tt_buf_t *out, const ssh_target_t *target, const char *words)
{
    int len;
    const char *name = between(words, "Host key for ", " has changed", &len);
    if (name) {
        const char *quote = *name == '[' ? "'" : "";
        tt_buf_printf(out, "its host key has changed; if that is right: ssh-keygen -R %s%.*s%s",
                      quote, len, name, quote);
        return;
    }
    const char *host =
        strrchr(target->host, '@') ? strrchr(target->host, '@') + 1 : target->host;
    if (target->port && strcmp(target->port, "22") != 0)
        tt_buf_printf(out,
                      "its host key has changed; if that is right: ssh-keygen -R '[%s]:%s'",
                      host, target->port);
    else
        tt_buf_printf(out, "its host key has changed; if that is right: ssh-keygen -R %s",
                      host);
}

static void on_unknown_key(tt_buf_t *out, const ssh_target_t *target, const char *words)
{
    (void)words;
    tt_buf_printf(out, "its host key is not known yet; look at it once: ");
    put_command(out, target, target->command);
}

static void on_open_key(tt_buf_t *out, const ssh_target_t *target, const char *words)
{
    int len;
    const char *key = between(words, "for '", "' are too open", &len);
    if (key == NULL)
        key = target->identity ? target->identity : "KEY", len = (int)strlen(key);
    tt_buf_printf(out, "%.*s is readable by others: chmod 400 %.*s", len, key, len, key);
}

/* "Permission denied (publickey,password)." names what the server would take. */
static void on_denied(tt_buf_t *out, const ssh_target_t *target, const char *words)
{
    const char *methods = strstr(words, "Permission denied (") + strlen("Permission denied (");
    int len = (int)strcspn(methods, ")");
    char list[128];
    snprintf(list, sizeof list, "%.*s", len, methods);
    if (strstr(list, "publickey") == NULL ||
        (target->identity == NULL &&
         (strstr(list, "password") || strstr(list, "keyboard-interactive")))) {
        tt_buf_printf(out, "it asks for a password, and nobody can type one here; give it your "
                           "key: ");
        put_command(out, target, "ssh-copy-id");
        return;
    }
    tt_buf_printf(out, "permission denied (%s); try: ", list);
    put_command(out, target, target->command);
}

static void on_broken(tt_buf_t *out, const ssh_target_t *target, const char *words)
{
    (void)target;
    (void)words;
    tt_buf_printf(out, "the connection broke");
}

static void on_last_line(tt_buf_t *out, const ssh_target_t *target, const char *words)
{
    int len;
    const char *line = ssh_last_line(words, &len);
    (void)target;
    tt_buf_printf(out, "%.*s", len, line);
}

/* In this order: ssh says several of them at once. */
static const struct {
    const char *words;
    void (*say)(tt_buf_t *out, const ssh_target_t *target, const char *words);
} complaints[] = {
    {"REMOTE HOST IDENTIFICATION HAS CHANGED", on_changed_key},
    {"Host key verification failed", on_unknown_key},
    {"UNPROTECTED PRIVATE KEY FILE", on_open_key},
    {"Permission denied (", on_denied},
    {"client_loop: send disconnect", on_broken},
    {"Read error from remote host", on_broken},
    {"", on_last_line},
};

void ssh_explain(tt_buf_t *out, const ssh_target_t *target, const char *words,
                 const char *ending)
{
    int len;
    ssh_last_line(words, &len);
    if (len == 0) {
        tt_buf_printf(out, "ssh %s", ending);
        return;
    }
    size_t i = 0;
    while (strstr(words, complaints[i].words) == NULL)
        i++;
    complaints[i].say(out, target, words);
}
