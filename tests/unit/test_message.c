/* Unit test of share/message: every message of the table, whole, cut, longer and wrong. The
 * table itself tells the tests what there is. */
#include "check.h"

#include "message.h"
#include "pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef enum { UINT, INT, TEXT, BYTES, ANY } kind_t;

typedef struct {
    kind_t kind;
    const char *name;
    size_t offset; /* within `as` */
} field_t;

typedef struct {
    unsigned number;
    const char *name, *way;
    field_t fields[16];
    size_t count;
} row_t;

#define FIELD(kind_, name_) {kind_, #name_, offsetof(struct_t, name_)},
#define COUNT(kind_, name_) +1
#define ROW(NAME, name_, number_, way_, fields_, frames_)                                      \
    static row_t name_##_row(void)                                                             \
    {                                                                                          \
        typedef tt_msg_##name_##_t struct_t;                                                   \
        return (row_t){number_,                                                                \
                       #NAME,                                                                  \
                       way_,                                                                   \
                       {fields_(FIELD){ANY, "", sizeof(struct_t)}},                            \
                       0 fields_(COUNT)};                                                      \
    }
TT_MESSAGES(ROW)
#undef ROW

static row_t rows[64];
static size_t row_count;
static tt_buf_t bytes;
static tt_message_t got;
static tt_error_t err;

static int begin_all(void **unused)
{
    (void)unused;
#define ROW(NAME, name, number, way, fields, frames) rows[row_count++] = name##_row();
    TT_MESSAGES(ROW)
#undef ROW
    return 0;
}

static int begin(void **unused)
{
    (void)unused;
    tt_buf_init(&bytes);
    memset(&err, 0, sizeof err);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_buf_release(&bytes);
    return 0;
}

static void *field_at(tt_message_t *message, const field_t *field)
{
    return (char *)&message->as + field->offset;
}

/* Reads a copy that ends where its memory ends, so that one byte too far is noticed. */
static int read_exactly(tt_span_t span)
{
    static uint8_t *copy;
    free(copy);
    copy = malloc(span.len ? span.len : 1);
    if (span.len)
        memcpy(copy, span.data, span.len);
    int rc = tt_message_read(&got, (tt_span_t){copy, span.len}, &err);
    return rc;
}

/* ---- values that tell fields apart */

static const uint8_t three[] = {0x93, 1, 2, 3}; /* a packed list */

static void fill(tt_message_t *message, const row_t *row)
{
    static const char *const texts[] = {"", "a", "zwölf", "with spaces and \n"};
    for (size_t i = 0; i < row->count; i++) {
        const field_t *field = &row->fields[i];
        const char *text = texts[i % 4];
        tt_span_t span = {(const uint8_t *)text, strlen(text)};
        if (field->kind == UINT)
            *(uint64_t *)field_at(message, field) = UINT64_MAX - i;
        else if (field->kind == INT)
            *(int64_t *)field_at(message, field) = INT64_MIN + (int64_t)i;
        else if (field->kind == TEXT)
            *(tt_span_t *)field_at(message, field) = span;
        else if (field->kind == BYTES)
            *(tt_span_t *)field_at(message, field) = (tt_span_t){(const uint8_t *)"\0\xff", 2};
        else
            *(tt_span_t *)field_at(message, field) = (tt_span_t){three, sizeof three};
    }
}

static void check_same(tt_message_t *a, tt_message_t *b, const row_t *row, size_t from,
                       size_t to)
{
    for (size_t i = from; i < to; i++) {
        const field_t *field = &row->fields[i];
        if (field->kind == UINT || field->kind == INT) {
            assert_memory_equal(field_at(a, field), field_at(b, field), 8);
            continue;
        }
        const tt_span_t *x = field_at(a, field), *y = field_at(b, field);
        assert_int_equal(x->len, y->len);
        if (x->len)
            assert_memory_equal(x->data, y->data, x->len);
    }
}

static void pack_kind(tt_buf_t *out, kind_t kind)
{
    if (kind == UINT || kind == INT)
        tt_pack_uint(out, 1);
    else if (kind == TEXT)
        tt_pack_text(out, "text");
    else
        tt_pack_bin(out, "bytes", 5);
}

static void put_head(const row_t *row, size_t fields)
{
    bytes.len = 0;
    tt_pack_array(&bytes, 2 + fields);
    tt_pack_uint(&bytes, row->number);
    tt_pack_uint(&bytes, 5);
}

/* ---- bad ones */

#define REFUSE(literal, why)                                                                   \
    do {                                                                                       \
        assert_int_equal(read_exactly(SPAN(literal)), -1);                                     \
        assert_says(&err, why);                                                                \
        assert_int_equal(got.type, 0);                                                         \
    } while (0)

TEST(what_is_no_header_is_refused)
{
    REFUSE("", "malformed message");
    REFUSE("\xc1", "malformed message");
    REFUSE("\x01", "not [type, id, ...]");
    REFUSE("\x80", "not [type, id, ...]");
    REFUSE("\x90", "not [type, id, ...]");
    REFUSE("\x91\x05", "not [type, id, ...]");
    REFUSE("\x92\xff\x01", "not [type, id, ...]");                 /* a negative type */
    REFUSE("\x92\xa1\x61\x01", "not [type, id, ...]");             /* a type that is text */
    REFUSE("\x92\xce\x00\x01\x00\x05\x01", "not [type, id, ...]"); /* STATUS + 65536 */
    REFUSE("\x92\x05\xff", "not [type, id, ...]");                 /* a negative id */
    REFUSE("\x92\x05\x01\x00", "malformed message");               /* a byte behind the end */
    REFUSE("\xdd\xff\xff\xff\xff\x05\x01", "malformed message");
}

TEST(nesting_has_a_bound)
{
    uint8_t deep[64] = {0x94, TT_MSG_BEAT, 0, 0};
    memset(deep + 4, 0x91, 40);
    deep[44] = 0x90;
    assert_int_equal(tt_message_read(&got, (tt_span_t){deep, 45}, &err), -1);
    assert_says(&err, "malformed message");
}

TEST(an_unknown_message_keeps_type_and_id_so_that_it_can_be_answered)
{
    tt_pack_array(&bytes, 3);
    tt_pack_uint(&bytes, 4711);
    tt_pack_uint(&bytes, UINT64_MAX);
    tt_pack_text(&bytes, "whatever");
    assert_int_equal(read_exactly(span_of(&bytes)), -1);
    assert_string_equal(err.text, "unknown message 4711");
    assert_int_equal(got.type, 4711);
    assert_true(got.id == UINT64_MAX);
}

static const kind_t wrong_kind[] = {
    [UINT] = TEXT, [INT] = BYTES, [TEXT] = BYTES, [BYTES] = TEXT};

TEST(each_field_of_a_wrong_kind_is_refused_by_name)
{
    for (size_t r = 0; r < row_count; r++) {
        for (size_t i = 0; i < rows[r].count; i++) {
            if (rows[r].fields[i].kind == ANY)
                continue;
            put_head(&rows[r], i + 1);
            for (size_t before = 0; before < i; before++)
                pack_kind(&bytes, rows[r].fields[before].kind);
            pack_kind(&bytes, wrong_kind[rows[r].fields[i].kind]);
            assert_int_equal(read_exactly(span_of(&bytes)), -1);
            assert_says(&err, rows[r].name);
            assert_says(&err, rows[r].fields[i].name);
            assert_says(&err, "of a wrong kind");
            assert_int_equal(got.type, rows[r].number);
            assert_int_equal(got.id, 5);
        }
    }
}

TEST(numbers_that_do_not_fit_their_field_are_refused)
{
    bytes.len = 0;
    tt_pack_array(&bytes, 3);
    tt_pack_uint(&bytes, TT_MSG_STOP);
    tt_pack_uint(&bytes, 1);
    tt_pack_int(&bytes, -1); /* a UINT */
    assert_int_equal(read_exactly(span_of(&bytes)), -1);
    bytes.len = 0;
    tt_pack_array(&bytes, 3);
    tt_pack_uint(&bytes, TT_MSG_RESULT);
    tt_pack_uint(&bytes, 1);
    tt_pack_uint(&bytes, (uint64_t)INT64_MAX + 1); /* an INT */
    assert_int_equal(read_exactly(span_of(&bytes)), -1);
    assert_says(&err, "RESULT: field 'engine'");
}

TEST(a_header_that_is_cut_anywhere_is_refused)
{
    for (size_t r = 0; r < row_count; r++) {
        tt_message_t message = tt_message(rows[r].number, 9);
        fill(&message, &rows[r]);
        tt_message_pack(&bytes, &message);
        for (size_t len = 0; len < bytes.len; len++)
            assert_int_equal(read_exactly((tt_span_t){bytes.data, len}), -1);
    }
}

/* ---- good ones */

TEST(every_message_of_the_table_reads_back_as_it_was_packed)
{
    for (size_t r = 0; r < row_count; r++) {
        tt_message_t message = tt_message(rows[r].number, UINT64_MAX - r);
        fill(&message, &rows[r]);
        tt_message_pack(&bytes, &message);
        assert_int_equal(read_exactly(span_of(&bytes)), 0);
        assert_int_equal(got.type, rows[r].number);
        assert_true(got.id == UINT64_MAX - r);
        check_same(&message, &got, &rows[r], 0, rows[r].count);
    }
}

TEST(every_message_without_anything_in_it_reads_back_empty)
{
    for (size_t r = 0; r < row_count; r++) {
        tt_message_t message = tt_message(rows[r].number, 0);
        tt_message_pack(&bytes, &message);
        assert_int_equal(read_exactly(span_of(&bytes)), 0);
        check_same(&message, &got, &rows[r], 0, rows[r].count);
    }
}

TEST(fields_that_are_missing_at_the_end_are_zero_empty_or_nil)
{
    for (size_t r = 0; r < row_count; r++) {
        tt_message_t whole = tt_message(rows[r].number, 5);
        tt_message_t nothing = tt_message(rows[r].number, 5);
        fill(&whole, &rows[r]);
        for (size_t kept = 0; kept <= rows[r].count; kept++) {
            put_head(&rows[r], kept);
            for (size_t i = 0; i < kept; i++)
                pack_kind(&bytes, rows[r].fields[i].kind);
            memset(&got, 0x77, sizeof got); /* of an earlier message */
            assert_int_equal(read_exactly(span_of(&bytes)), 0);
            check_same(&nothing, &got, &rows[r], kept, rows[r].count);
        }
    }
}

TEST(fields_of_a_newer_peer_are_ignored)
{
    for (size_t r = 0; r < row_count; r++) {
        put_head(&rows[r], rows[r].count + 3);
        for (size_t i = 0; i < rows[r].count; i++)
            pack_kind(&bytes, rows[r].fields[i].kind);
        tt_pack_map(&bytes, 1);
        tt_pack_text(&bytes, "new");
        tt_pack_array(&bytes, 0);
        tt_pack_nil(&bytes);
        tt_pack_ext(&bytes, -1, "time", 4);
        assert_int_equal(read_exactly(span_of(&bytes)), 0);
        assert_int_equal(got.id, 5);
    }
}

TEST(packing_replaces_what_was_in_the_buffer)
{
    tt_message_t message = tt_message(TT_MSG_STATUS, 3);
    tt_buf_append(&bytes, "rubbish", 7);
    tt_message_pack(&bytes, &message);
    assert_int_equal(bytes.len, 3);
    assert_memory_equal(bytes.data, "\x92\x05\x03", 3);
}

/* ---- the table */

TEST(no_number_and_no_name_is_used_twice)
{
    for (size_t a = 0; a < row_count; a++) {
        for (size_t b = a + 1; b < row_count; b++) {
            assert_int_not_equal(rows[a].number, rows[b].number);
            assert_string_not_equal(rows[a].name, rows[b].name);
        }
        const tt_message_info_t *info = tt_message_info(rows[a].number);
        assert_non_null(info);
        assert_string_equal(info->name, rows[a].name);
        assert_string_equal(info->way, rows[a].way);
    }
    assert_null(tt_message_info(0));
    assert_null(tt_message_info(12));
    assert_null(tt_message_info(UINT32_MAX));
}

/* DECISIONS: hello, refuse, status and stop are frozen for ever. */
TEST(the_frozen_messages_are_as_they_always_were)
{
    static const struct {
        unsigned number;
        const char *fields;
    } frozen[] = {
        {1, "major minor uuid epoch program host boot pid watch_pid launch events engines "},
        {2, "major minor uuid epoch program host boot pid cluster peer "},
        {3, "major minor text "},
        {5, ""},
        {6, ""},
        {7, "force "},
        {8, "text "},
    };
    for (size_t i = 0; i < sizeof frozen / sizeof *frozen; i++) {
        const row_t *row = rows;
        while (row->number != frozen[i].number)
            row++;
        bytes.len = 0;
        for (size_t f = 0; f < row->count; f++)
            tt_buf_printf(&bytes, "%s ", row->fields[f].name);
        assert_text(&bytes, frozen[i].fields);
    }
}

TEST(states_of_engines_have_words)
{
    assert_string_equal(tt_engine_state_text(TT_ENGINE_STARTING), "starting");
    assert_string_equal(tt_engine_state_text(TT_ENGINE_READY), "ready");
    assert_string_equal(tt_engine_state_text(TT_ENGINE_GONE), "gone");
    assert_string_equal(tt_engine_state_text(TT_ENGINE_STOPPED), "stopped");
    assert_string_equal(tt_engine_state_text(TT_ENGINE_STOPPED + 1), "?");
    assert_string_equal(tt_engine_state_text(UINT32_MAX), "?");
}

/* ---- lists of engines, texts */

TEST(lists_that_are_none_are_refused_and_leave_nothing_to_free)
{
    static const tt_span_t bad[] = {
        {(const uint8_t *)"\x01", 1},                             /* a number */
        {(const uint8_t *)"\x93\x01\x02", 3},                     /* too short */
        {(const uint8_t *)"\x92\x01\xff", 3},                     /* negative */
        {(const uint8_t *)"\x92\x01\xa1\x61", 4},                 /* text */
        {(const uint8_t *)"\x91\xce\x80\x00\x00\x00", 6},         /* over an int */
        {(const uint8_t *)"\x91\xcf\x00\x00\x00\x01\0\0\0\0", 10} /* 2^32 */
    };
    bool all = true;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int *ids = (int *)&all;
        assert_int_equal(tt_ids_read(bad[i], &ids, &all), -1);
        assert_null(ids);
        assert_false(all);
    }
}

TEST(nil_is_all_engines_only_where_that_is_allowed)
{
    int *ids = NULL;
    bool all = false;
    assert_int_equal(tt_ids_read((tt_span_t){NULL, 0}, &ids, &all), 0);
    assert_true(all);
    assert_null(ids);
    assert_int_equal(tt_ids_read((tt_span_t){NULL, 0}, &ids, NULL), -1);
}

TEST(an_empty_list_is_not_all_engines)
{
    int *ids = NULL;
    bool all = true;
    tt_ids_pack(&bytes, NULL, 0);
    assert_int_equal(tt_ids_read(span_of(&bytes), &ids, &all), 0);
    assert_false(all);
    free(ids);
}

TEST(a_list_reads_back_in_its_order)
{
    static const int some[] = {5, 0, 5, 2147483647};
    int *ids = NULL;
    tt_ids_pack(&bytes, some, 4);
    assert_int_equal(tt_ids_read(span_of(&bytes), &ids, NULL), 4);
    assert_memory_equal(ids, some, sizeof some);
    free(ids);
}

TEST(a_text_is_copied_as_far_as_it_fits)
{
    char text[4] = "xxx";
    assert_string_equal(tt_text_copy((tt_span_t){NULL, 0}, text, sizeof text), "");
    assert_string_equal(tt_text_copy(tt_span("ab"), text, sizeof text), "ab");
    assert_string_equal(tt_text_copy(tt_span("abc"), text, sizeof text), "abc");
    assert_string_equal(tt_text_copy(tt_span("abcd"), text, sizeof text), "abc");
    assert_string_equal(tt_text_copy(tt_span("abcd"), text, 1), "");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(what_is_no_header_is_refused),
        EACH(nesting_has_a_bound),
        EACH(an_unknown_message_keeps_type_and_id_so_that_it_can_be_answered),
        EACH(each_field_of_a_wrong_kind_is_refused_by_name),
        EACH(numbers_that_do_not_fit_their_field_are_refused),
        EACH(a_header_that_is_cut_anywhere_is_refused),
        EACH(every_message_of_the_table_reads_back_as_it_was_packed),
        EACH(every_message_without_anything_in_it_reads_back_empty),
        EACH(fields_that_are_missing_at_the_end_are_zero_empty_or_nil),
        EACH(fields_of_a_newer_peer_are_ignored),
        EACH(packing_replaces_what_was_in_the_buffer),
        EACH(no_number_and_no_name_is_used_twice),
        EACH(the_frozen_messages_are_as_they_always_were),
        EACH(states_of_engines_have_words),
        EACH(lists_that_are_none_are_refused_and_leave_nothing_to_free),
        EACH(nil_is_all_engines_only_where_that_is_allowed),
        EACH(an_empty_list_is_not_all_engines),
        EACH(a_list_reads_back_in_its_order),
        EACH(a_text_is_copied_as_far_as_it_fits),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, begin_all, NULL);
}
