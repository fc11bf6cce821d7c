/* Unit test of share/rights: descriptors beside the bytes of a socket, one or many, with and
 * without somebody who wants them. */
#include "scratch.h"

#include "rights.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FDS_AT_ONCE = 16, FDS_MAX = 64 }; /* as in rights.c */

static int near, far;
static tt_rights_t rights;
static int fds_before;

static int begin(void **unused)
{
    int fds[2];
    (void)unused;
    rights = (tt_rights_t){0};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return -1;
    near = fds[0];
    far = fds[1];
    fds_before = open_fds();
    return 0;
}

/* No test leaves a descriptor open. */
static int end(void **unused)
{
    (void)unused;
    tt_rights_release(&rights);
    tt_rights_release(&rights);
    int rc = open_fds() == fds_before ? 0 : -1;
    close(near);
    if (far >= 0)
        close(far);
    return rc;
}

/* A file that can be told from others by its size. */
static int file_of(off_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, size), 0);
    return fd;
}

static off_t size_of(int fd)
{
    struct stat found;
    assert_int_equal(fstat(fd, &found), 0);
    return found.st_size;
}

/* Takes one, which is that file; it is closed. */
static void expect_file(off_t size)
{
    int fd = tt_rights_take(&rights);
    assert_true(fd >= 0);
    assert_int_equal(size_of(fd), size);
    close(fd);
}

/* Bytes with this descriptor, which is ours no more. */
static ssize_t send_text(const char *text, int fd)
{
    struct iovec out = {(void *)(uintptr_t)text, strlen(text)};
    ssize_t wrote = tt_rights_write(far, &out, 1, fd);
    if (fd >= 0)
        close(fd);
    return wrote;
}

/* One byte with that many, of sizes from `first` on. */
static void send_many(int count, off_t first)
{
    union {
        char bytes[CMSG_SPACE(40 * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    int fds[40];
    struct iovec out = {(void *)(uintptr_t) "m", 1};
    struct msghdr message = {.msg_iov = &out, .msg_iovlen = 1};
    for (int i = 0; i < count; i++)
        fds[i] = file_of(first + i);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(head), fds, (size_t)count * sizeof(int));
    assert_int_equal(sendmsg(far, &message, MSG_NOSIGNAL), 1);
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

static ssize_t receive(char *into, size_t len)
{
    return tt_rights_read(&rights, near, into, len);
}

/* ---- what cannot be */

TEST(a_descriptor_that_is_none_cannot_be_sent_and_nothing_is)
{
    struct iovec out = {(void *)(uintptr_t) "abc", 3};
    char byte;
    assert_int_equal(tt_rights_write(far, &out, 1, 100000), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(receive(&byte, 1), -1);
}

TEST(a_peer_that_has_gone_is_an_error_and_no_signal)
{
    close(far);
    far = -1;
    struct iovec out = {(void *)(uintptr_t) "abc", 3};
    int fd = file_of(1);
    fds_before--;
    assert_int_equal(tt_rights_write(near, &out, 1, fd), -1);
    assert_int_equal(errno, EPIPE);
    close(fd);
}

TEST(what_is_no_socket_is_written_and_read_but_takes_no_descriptor)
{
    int fd[2];
    char bytes[8];
    struct iovec out[] = {{(void *)(uintptr_t) "abc", 3}, {(void *)(uintptr_t) "de", 2}};
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(tt_rights_write(fd[1], out, 2, -1), 5);
    assert_int_equal(tt_rights_write(fd[1], out, 2, fd[0]), -1);
    assert_int_equal(errno, ENOTSOCK);
    assert_int_equal(tt_rights_read(&rights, fd[0], bytes, sizeof bytes), 5);
    assert_memory_equal(bytes, "abcde", 5);
    close(fd[1]);
    assert_int_equal(tt_rights_read(&rights, fd[0], bytes, sizeof bytes), 0);
    close(fd[0]);
    assert_int_equal(tt_rights_read(&rights, fd[0], bytes, sizeof bytes), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(tt_rights_take(&rights), -1);
}

TEST(nothing_there_and_the_end_are_told_as_read_does)
{
    char byte;
    assert_int_equal(receive(&byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    close(far);
    far = -1;
    fds_before--;
    assert_int_equal(receive(&byte, 1), 0);
    assert_int_equal(tt_rights_take(&rights), -1);
}

/* ---- none, one, several */

TEST(bytes_alone_bring_no_descriptor)
{
    struct iovec out[] = {{(void *)(uintptr_t) "abc", 3},
                          {(void *)(uintptr_t) "", 0},
                          {(void *)(uintptr_t) "de", 2}};
    char bytes[8];
    assert_int_equal(tt_rights_write(far, out, 3, -1), 5);
    assert_int_equal(receive(bytes, sizeof bytes), 5);
    assert_memory_equal(bytes, "abcde", 5);
    assert_int_equal(rights.count, 0);
    assert_int_equal(tt_rights_take(&rights), -1);
    assert_int_equal(tt_rights_take(&rights), -1);
}

TEST(a_descriptor_comes_with_its_bytes_and_is_not_inherited)
{
    struct iovec out[] = {{(void *)(uintptr_t) "abc", 3}, {(void *)(uintptr_t) "de", 2}};
    char bytes[8];
    int sent = file_of(77);
    assert_int_equal(tt_rights_write(far, out, 2, sent), 5);
    assert_int_equal(receive(bytes, sizeof bytes), 5);
    assert_memory_equal(bytes, "abcde", 5);
    int came = tt_rights_take(&rights);
    assert_true(came >= 0 && came != sent);
    assert_int_equal(size_of(came), 77);
    assert_true(fcntl(came, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(tt_rights_take(&rights), -1);
    close(came);
    close(sent);
}

TEST(it_comes_with_the_first_byte_and_once)
{
    char byte;
    send_text("abc", file_of(5));
    assert_int_equal(receive(&byte, 1), 1);
    expect_file(5);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(receive(&byte, 1), 1);
        assert_int_equal(byte, "abc"[i]);
        assert_int_equal(tt_rights_take(&rights), -1);
    }
}

TEST(it_comes_not_before_the_bytes_that_were_sent_before_it)
{
    char byte;
    send_text("ab", -1);
    send_text("c", file_of(5));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(receive(&byte, 1), 1);
        assert_int_equal(tt_rights_take(&rights), -1);
    }
    assert_int_equal(receive(&byte, 1), 1);
    assert_int_equal(byte, 'c');
    expect_file(5);
}

TEST(several_come_in_the_order_they_were_sent)
{
    char all[64];
    size_t len = 0;
    for (int i = 0; i < 20; i++)
        send_text("x", i % 3 ? file_of(100 + i) : -1);
    while (len < 20) {
        ssize_t got = receive(all + len, sizeof all - len);
        assert_true(got > 0);
        len += (size_t)got;
    }
    for (int i = 0; i < 20; i++)
        if (i % 3)
            expect_file(100 + i);
    assert_int_equal(tt_rights_take(&rights), -1);
}

TEST(several_at_once_keep_their_order_behind_those_that_wait)
{
    char bytes[8];
    send_text("a", file_of(1));
    send_many(3, 2);
    send_text("b", file_of(5));
    for (int i = 0; i < 3; i++)
        assert_int_equal(receive(bytes, sizeof bytes), 1);
    for (off_t size = 1; size <= 5; size++)
        expect_file(size);
    assert_int_equal(tt_rights_take(&rights), -1);
}

TEST(taking_in_between_does_not_disturb_the_order)
{
    char byte;
    off_t next = 1;
    for (off_t size = 1; size <= 40; size++) {
        send_text("x", file_of(size));
        assert_int_equal(receive(&byte, 1), 1);
        if (size % 2 == 0)
            expect_file(next++);
    }
    while (next <= 40)
        expect_file(next++);
    assert_int_equal(tt_rights_take(&rights), -1);
}

TEST(what_is_written_in_pieces_brings_its_descriptor_with_the_first)
{
    static char large[4 << 20], into[1 << 16];
    struct iovec out = {large, sizeof large};
    int fd = file_of(9);
    ssize_t wrote = tt_rights_write(far, &out, 1, fd);
    close(fd);
    assert_in_range(wrote, 1, sizeof large - 1);
    assert_true(receive(into, sizeof into) > 0);
    expect_file(9);
    while (receive(into, sizeof into) > 0)
        assert_int_equal(tt_rights_take(&rights), -1);
}

/* ---- too many, and what nobody wants */

TEST(more_than_one_message_may_bring_are_lost)
{
    char byte;
    send_many(FDS_AT_ONCE + 20, 1);
    assert_int_equal(receive(&byte, 1), 1);
    assert_int_equal(open_fds(), fds_before + FDS_AT_ONCE);
    for (off_t size = 1; size <= FDS_AT_ONCE; size++)
        expect_file(size);
    assert_int_equal(tt_rights_take(&rights), -1);
}

TEST(more_than_anybody_could_want_are_closed)
{
    char byte;
    for (int i = 0; i < 6; i++) {
        send_many(15, 1 + i * 15);
        assert_int_equal(receive(&byte, 1), 1);
    }
    assert_int_equal(rights.count, FDS_MAX);
    assert_int_equal(open_fds(), fds_before + FDS_MAX);
    for (off_t size = 1; size <= FDS_MAX; size++)
        expect_file(size);
    assert_int_equal(tt_rights_take(&rights), -1);
    send_text("x", file_of(1000)); /* and there is room again */
    assert_int_equal(receive(&byte, 1), 1);
    expect_file(1000);
}

TEST(release_closes_what_nobody_took_and_nothing_else)
{
    char byte;
    for (int i = 0; i < 5; i++) {
        send_text("x", file_of(10 + i));
        assert_int_equal(receive(&byte, 1), 1);
    }
    int mine = tt_rights_take(&rights);
    assert_int_equal(open_fds(), fds_before + 5);
    tt_rights_release(&rights);
    assert_int_equal(open_fds(), fds_before + 1);
    assert_int_equal(size_of(mine), 10);
    close(mine);
    assert_int_equal(tt_rights_take(&rights), -1);
    send_text("x", file_of(1)); /* it can be used again */
    assert_int_equal(receive(&byte, 1), 1);
    expect_file(1);
}

TEST(other_news_beside_the_bytes_are_not_descriptors)
{
    int on = 1;
    char byte;
    assert_int_equal(setsockopt(near, SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    send_text("a", -1);
    assert_int_equal(receive(&byte, 1), 1);
    assert_int_equal(tt_rights_take(&rights), -1);
    send_text("b", file_of(3));
    assert_int_equal(receive(&byte, 1), 1);
    assert_int_equal(byte, 'b');
    expect_file(3);
    assert_int_equal(tt_rights_take(&rights), -1);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_descriptor_that_is_none_cannot_be_sent_and_nothing_is),
        EACH(a_peer_that_has_gone_is_an_error_and_no_signal),
        EACH(what_is_no_socket_is_written_and_read_but_takes_no_descriptor),
        EACH(nothing_there_and_the_end_are_told_as_read_does),
        EACH(bytes_alone_bring_no_descriptor),
        EACH(a_descriptor_comes_with_its_bytes_and_is_not_inherited),
        EACH(it_comes_with_the_first_byte_and_once),
        EACH(it_comes_not_before_the_bytes_that_were_sent_before_it),
        EACH(several_come_in_the_order_they_were_sent),
        EACH(several_at_once_keep_their_order_behind_those_that_wait),
        EACH(taking_in_between_does_not_disturb_the_order),
        EACH(what_is_written_in_pieces_brings_its_descriptor_with_the_first),
        EACH(more_than_one_message_may_bring_are_lost),
        EACH(more_than_anybody_could_want_are_closed),
        EACH(release_closes_what_nobody_took_and_nothing_else),
        EACH(other_news_beside_the_bytes_are_not_descriptors),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
