/* The task word and the output counts. See page.h for the protocol of the word. */
#include "page.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The system call itself: glibc's wrapper is newer than what the runtime may need. */
static int memfd(const char *name)
{
    enum { CLOEXEC = 1, ALLOW_SEALING = 2 };
    return (int)syscall(SYS_memfd_create, name, CLOEXEC | ALLOW_SEALING);
}

int tt_page_create(tt_page_t **page)
{
    int fd = memfd("tutti-page");
    if (fd < 0)
        return -1;
    /* Sealed in size: user code that shrank it would end the host with SIGBUS. */
    if (ftruncate(fd, sizeof(tt_page_t)) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0 ||
        (*page = tt_page_map(fd)) == NULL) {
        close(fd);
        return -1;
    }
    return fd;
}

tt_page_t *tt_page_map(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < (off_t)sizeof(tt_page_t)) {
        errno = EINVAL;
        return NULL;
    }
    void *at = mmap(NULL, sizeof(tt_page_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

void tt_page_unmap(tt_page_t **page)
{
    if (*page)
        munmap(*page, sizeof(tt_page_t));
    *page = NULL;
}

static uint64_t word(uint32_t seq, unsigned state)
{
    return (uint64_t)seq << 2 | state;
}

uint32_t tt_page_running(const tt_page_t *self)
{
    uint64_t now = atomic_load(&self->word);
    return (now & 3) == TT_WORD_IDLE ? 0 : (uint32_t)(now >> 2);
}

uint32_t tt_page_started(const tt_page_t *self)
{
    return (uint32_t)(atomic_load(&self->word) >> 2);
}

static bool move(tt_page_t *self, uint32_t seq, unsigned from, unsigned to)
{
    uint64_t expected = word(seq, from);
    return atomic_compare_exchange_strong(&self->word, &expected, word(seq, to));
}

bool tt_page_claim(tt_page_t *self, uint32_t seq)
{
    return move(self, seq, TT_WORD_RUNNING, TT_WORD_CLAIMED) ||
           move(self, seq, TT_WORD_SENT, TT_WORD_CLAIMED);
}

void tt_page_sent(tt_page_t *self, uint32_t seq)
{
    atomic_store(&self->word, word(seq, TT_WORD_SENT));
}

void tt_page_read_begin(tt_page_t *self, int i)
{
    atomic_fetch_add(&self->stream[i].lock, 1);
}

void tt_page_read_end(tt_page_t *self, int i, uint64_t got)
{
    atomic_fetch_add(&self->stream[i].consumed, got);
    atomic_fetch_add(&self->stream[i].lock, 1);
}

uint64_t tt_page_offset(const tt_page_t *self, int i, int fd)
{
    const tt_page_stream_t *stream = &self->stream[i];
    for (;;) {
        uint64_t lock = atomic_load(&stream->lock);
        if (lock & 1) {
            sched_yield();
            continue;
        }
        uint64_t consumed = atomic_load(&stream->consumed);
        int queued = 0;
        if (ioctl(fd, FIONREAD, &queued) != 0)
            return 0;
        if (atomic_load(&stream->lock) == lock)
            return consumed + (uint64_t)queued;
    }
}

uint32_t tt_page_revoke(tt_page_t *self, uint32_t first, uint32_t last)
{
    atomic_store(&self->revoked, (uint64_t)first << 32 | last);
    return tt_page_started(self);
}

void tt_page_revoke_none(tt_page_t *self)
{
    atomic_store(&self->revoked, 0);
}

bool tt_page_reached(uint32_t started, uint32_t seq)
{
    return (int32_t)(started - seq) >= 0;
}

bool tt_page_start(tt_page_t *self, uint32_t seq)
{
    atomic_store(&self->word, word(seq, TT_WORD_RUNNING));
    uint64_t range = atomic_load(&self->revoked);
    uint32_t first = (uint32_t)(range >> 32), last = (uint32_t)range;
    return range == 0 || seq - first > last - first; /* unsigned: a range may wrap */
}

bool tt_page_finish(tt_page_t *self, uint32_t seq)
{
    if (move(self, seq, TT_WORD_RUNNING, TT_WORD_IDLE))
        return true;
    for (int spins = 0; !move(self, seq, TT_WORD_SENT, TT_WORD_IDLE); spins++)
        if (spins > 100)
            sched_yield();
    return false;
}
