/* Packs and reads small things, to be counted. Started by scripts/check-instructions.
 *
 *     count_codec CASE COUNT
 *
 * header   the header of a SUBMIT and that of a RESULT, packed and read
 * map      a map of five pairs, packed, validated and walked
 */
#include "count.h"

static void play(void)
{
}

static void one_header(tt_buf_t *out)
{
    tt_message_t submit = tt_message(TT_MSG_SUBMIT, 70000), got;
    tt_message_t result = result_of(70000, 3);
    tt_error_t err;
    submit.as.submit.op = TT_RT_EXECUTE;
    submit.as.submit.flags = TT_SUBMIT_BALANCED;
    tt_message_pack(out, &submit);
    if (tt_message_read(&got, (tt_span_t){out->data, out->len}, &err) != 0)
        die(err.text);
    tt_message_pack(out, &result);
    if (tt_message_read(&got, (tt_span_t){out->data, out->len}, &err) != 0)
        die(err.text);
}

static void pack_map(tt_buf_t *out)
{
    tt_pack_map(out, 5);
    tt_pack_text(out, "name");
    tt_pack_text(out, "a small map");
    tt_pack_text(out, "count");
    tt_pack_int(out, 70000);
    tt_pack_text(out, "share");
    tt_pack_double(out, 0.25);
    tt_pack_text(out, "good");
    tt_pack_bool(out, true);
    tt_pack_text(out, "ids");
    tt_pack_array(out, 8);
    for (int i = 0; i < 8; i++)
        tt_pack_int(out, i * 100);
}

static void one_map(tt_buf_t *out)
{
    tt_error_t err;
    tt_item_t item;
    size_t items = 0;
    out->len = 0;
    pack_map(out);
    tt_span_t bytes = {out->data, out->len};
    if (tt_validate(bytes, &tt_limits_value, &err) != 0)
        die(err.text);
    for (tt_reader_t reader = tt_reader(bytes); tt_read(&reader, &item) == 0;)
        items++;
    if (items != 19)
        die("not what was packed");
}

int main(int argc, char **argv)
{
    tt_buf_t out;
    begin_count(argc, argv);
    bool header = strcmp(argv[1], "header") == 0;
    tt_buf_init(&out);
    for (;;) {
        switch_over();
        count(1);
        switch_over();
        if (header)
            one_header(&out);
        else
            one_map(&out);
    }
}
