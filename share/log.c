/* The log. See log.h. Used by the controller, the host and the prompt for what no person waits
 * for; what a person should read at once is a tt_error_t. */
#include "log.h"

#include "buf.h"
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_LIMIT = 4000 };

static const char *const names[] = {"error", "warn", "info", "debug"};

static const char *log_program = "tutti";
static int log_fd = 2;
static int log_level = -1; /* not known yet */

static int wanted_level(void)
{
    const char *name = getenv("TUTTI_LOG");
    for (int i = 0; name && i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return TT_LOG_INFO;
}

void tt_log_open(const char *program, int fd)
{
    log_program = program;
    log_fd = fd;
    log_level = wanted_level();
}

static void put_head(tt_buf_t *line, tt_log_level_t level)
{
    struct timespec now;
    struct tm local;
    char date[32];
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &local);
    tt_buf_printf(line, "%s.%03ld %s[%d] %s: ", date, now.tv_nsec / 1000000, log_program,
                  getpid(), names[level]);
}

void tt_log(tt_log_level_t level, const char *format, ...)
{
    if (log_level < 0)
        log_level = wanted_level();
    if ((int)level > log_level)
        return;
    int error = errno;
    char text[TEXT_LIMIT + 1];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tt_buf_t line;
    tt_buf_init(&line);
    put_head(&line, level);
    tt_text_escape(&line, text, strlen(text));
    tt_buf_append(&line, "\n", 1);
    while (write(log_fd, line.data, line.len) < 0 && errno == EINTR)
        continue;
    tt_buf_release(&line);
    errno = error;
}
