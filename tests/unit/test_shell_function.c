/* Unit test of engine/shell_function: SHA-256, and functions under their hash. */
#include "check.h"

#include "shell_function.h"

#include <stdio.h>

static void expect_digest(tt_span_t bytes, const char *hex)
{
    uint8_t digest[32];
    char text[65];
    shell_sha256(bytes, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(text, hex);
}

TEST(the_digests_are_those_of_the_standard)
{
    expect_digest((tt_span_t){NULL, 0},
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_digest(SPAN("abc"),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect_digest(SPAN("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(lengths_around_a_block_are_padded_right)
{
    uint8_t text[130];
    memset(text, 'a', sizeof text);
    expect_digest((tt_span_t){text, 55},
                  "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    expect_digest((tt_span_t){text, 56},
                  "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
    expect_digest((tt_span_t){text, 64},
                  "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
    expect_digest((tt_span_t){text, 128},
                  "6836cf13bac400e9105071cd6af47084dfacad4e5e302c94bfed24e013afb73e");
}

static tt_span_t hash_of(uint8_t bytes[SHELL_HASH], unsigned number)
{
    memset(bytes, 0, SHELL_HASH);
    memcpy(bytes, &number, sizeof number);
    return (tt_span_t){bytes, SHELL_HASH};
}

TEST(a_function_is_kept_replaced_and_forgotten)
{
    shell_blobs_t blobs = {NULL, 0};
    uint8_t bytes[SHELL_HASH];
    tt_span_t hash = hash_of(bytes, 1);
    assert_null(shell_blobs_find(&blobs, hash).data);
    shell_blobs_keep(&blobs, hash, SPAN("one"));
    shell_blobs_keep(&blobs, hash, SPAN("other"));
    assert_int_equal(shell_blobs_find(&blobs, hash).len, 5);
    assert_int_equal(blobs.count, 1);
    shell_blobs_keep(&blobs, hash, (tt_span_t){NULL, 0});
    assert_null(shell_blobs_find(&blobs, hash).data);
    shell_blobs_keep(&blobs, SPAN("short"), SPAN("ignored"));
    assert_int_equal(blobs.count, 0);
    shell_blobs_release(&blobs);
}

TEST(when_there_are_too_many_the_oldest_goes)
{
    shell_blobs_t blobs = {NULL, 0};
    uint8_t bytes[SHELL_HASH];
    for (unsigned i = 0; i <= SHELL_BLOBS_MAX; i++)
        shell_blobs_keep(&blobs, hash_of(bytes, i), SPAN("text"));
    assert_int_equal(blobs.count, SHELL_BLOBS_MAX);
    assert_null(shell_blobs_find(&blobs, hash_of(bytes, 0)).data);
    assert_non_null(shell_blobs_find(&blobs, hash_of(bytes, 1)).data);
    shell_blobs_release(&blobs);
    shell_blobs_release(&blobs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(the_digests_are_those_of_the_standard),
        RUN(lengths_around_a_block_are_padded_right),
        RUN(a_function_is_kept_replaced_and_forgotten),
        RUN(when_there_are_too_many_the_oldest_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
