/* What was typed: %save writes it to a file that `tutti run` runs, %history shows it. */
#include "magic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number or `N-M` at the start of the text; moves behind it and the comma or blanks. */
static int read_range(const char **at, long *first, long *last)
{
    char *end;
    *first = *last = strtol(*at, &end, 10);
    if (end == *at || *first < 1)
        return -1;
    if (*end == '-') {
        const char *second = end + 1;
        *last = strtol(second, &end, 10);
        if (end == second || *last < *first)
            return -1;
    }
    if (*end && strchr(", \t\n", *end) == NULL)
        return -1;
    *at = end + strspn(end, ", \t\n");
    return 0;
}

/* Whether the entry's number is in one of the ranges; all are when there are none. Ranges are
 * checked before. */
static bool is_wanted(const char *ranges, int number)
{
    long first, last;
    if (*ranges == 0)
        return true;
    while (*ranges && read_range(&ranges, &first, &last) == 0)
        if (number >= first && number <= last)
            return true;
    return false;
}

static bool are_ranges(const char *text)
{
    long first, last;
    while (*text)
        if (read_range(&text, &first, &last) != 0)
            return false;
    return true;
}

/* Without blanks at its end. */
static size_t length(const entry_t *entry)
{
    size_t len = strlen(entry->text);
    while (len > 0 && strchr(" \t\n", entry->text[len - 1]))
        len--;
    return len;
}

/* An entry as a file has it: a cell ends at a line `%%`. */
static void add_entry(tt_buf_t *out, const entry_t *entry)
{
    size_t len = length(entry);
    tt_buf_append(out, entry->text, len);
    tt_buf_printf(out, "%s", strncmp(entry->text, "%%", 2) == 0 ? "\n%%\n" : "\n");
}

static size_t gather(const session_t *session, const char *ranges, tt_buf_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < session->typed_count; i++) {
        const entry_t *entry = &session->typed[i];
        if (strncmp(entry->text, "%save", 5) == 0 || !is_wanted(ranges, entry->number))
            continue;
        add_entry(out, entry);
        count++;
    }
    return count;
}

static int write_file(session_t *session, const magic_call_t *call, const char *path,
                      const tt_buf_t *text)
{
    bool append = words_has(&call->words, "append"), force = words_has(&call->words, "force");
    int flags = append ? O_APPEND : force ? O_TRUNC : O_EXCL;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
    if (fd < 0 && errno == EEXIST)
        return session_complain(session, "%save", 2,
                                "'%s' exists; -f writes it anew, -a adds to it", path);
    ssize_t wrote = fd < 0 ? -1 : write(fd, text->data, text->len);
    int error = errno;
    if (fd >= 0 && close(fd) != 0 && wrote >= 0) {
        wrote = -1;
        error = errno;
    }
    if (wrote == (ssize_t)text->len)
        return 0;
    return session_complain(session, "%save", 1, "cannot write '%s': %s", path,
                            wrote < 0 ? strerror(error) : "the disk is full");
}

int magic_save(session_t *session, const magic_call_t *call)
{
    const char *rest = call->rest + strspn(call->rest, " \t\n");
    size_t len = strcspn(rest, " \t\n");
    const char *ranges = rest + len + strspn(rest + len, " \t\n");
    if (len == 0 || !are_ranges(ranges))
        return session_complain(session, "%save", 2,
                                "takes a file and perhaps numbers, as in %%save lesson.tutti "
                                "1-4,7");
    char *path = tt_strndup(rest, len);
    tt_buf_t text;
    tt_buf_init(&text);
    size_t count = gather(session, ranges, &text);
    int status = count == 0 ? session_complain(session, "%save", 2, "there is nothing to save")
                            : write_file(session, call, path, &text);
    if (status == 0)
        printf("%s: %zu entr%s\n", path, count, count == 1 ? "y" : "ies");
    tt_buf_release(&text);
    free(path);
    return status;
}

/* With the number before its first line, and as many blanks before the others. */
static void show_numbered(const entry_t *entry)
{
    char number[16];
    int width = snprintf(number, sizeof number, "%4d: ", entry->number);
    const char *end = entry->text + length(entry);
    for (const char *at = entry->text, *next; at < end; at = next) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        next = newline ? newline + 1 : end + 1;
        printf("%*s%.*s\n", width, at == entry->text ? number : "", (int)(next - 1 - at), at);
    }
}

int magic_history(session_t *session, const magic_call_t *call)
{
    const char *ranges = call->rest + strspn(call->rest, " \t\n");
    bool numbers = words_has(&call->words, "numbers");
    if (!are_ranges(ranges))
        return session_complain(session, "%history", 2,
                                "takes numbers, as in %%history 1-4,7, not '%s'", ranges);
    for (size_t i = 0; i < session->typed_count; i++) {
        const entry_t *entry = &session->typed[i];
        if (!is_wanted(ranges, entry->number))
            continue;
        if (numbers)
            show_numbered(entry);
        else
            printf("%.*s\n", (int)length(entry), entry->text);
    }
    fflush(stdout);
    return 0;
}
