/* Labels: who said it. */
#include "label.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MOST = 200 };

typedef struct {
    fold_member_t members[MOST];
    char hosts[MOST][32];
    size_t count;
} crowd_t;

/* Adds ids from..to; their hosts by `format`, which gets the id, or NULL. */
static void add(crowd_t *self, int from, int to, const char *prefix)
{
    for (int id = from; id <= to; id++) {
        char *host = self->hosts[self->count];
        snprintf(host, sizeof self->hosts[0], "%s%02d", prefix ? prefix : "", id);
        self->members[self->count] = (fold_member_t){id, prefix ? host : NULL, self->count};
        self->count++;
    }
}

static void check_names(const crowd_t *crowd, label_style_t style, const char *want)
{
    tt_buf_t out;
    tt_buf_init(&out);
    label_names(&out, crowd->members, crowd->count, &style);
    assert_string_equal(tt_buf_text(&out), want);
    tt_buf_release(&out);
}

static void test_ids(void **state)
{
    (void)state;
    crowd_t crowd = {.count = 0};
    check_names(&crowd, (label_style_t){0}, "");
    add(&crowd, 0, 3, NULL);
    check_names(&crowd, (label_style_t){.total = 8}, "0-3");
    add(&crowd, 3, 3, NULL);
    add(&crowd, 7, 7, NULL);
    add(&crowd, 9, 10, NULL);
    check_names(&crowd, (label_style_t){.total = 20}, "0-3,7,9-10");
}

static void test_cut(void **state)
{
    (void)state;
    crowd_t crowd = {.count = 0};
    for (int id = 0; id < 100; id += 2)
        add(&crowd, id, id, NULL);
    check_names(&crowd, (label_style_t){.total = 200}, "50 of 200");
    check_names(&crowd, (label_style_t){.total = 0}, "50 of 50");
    check_names(&crowd, (label_style_t){.total = 500, .items = true},
                "50 of 500 items: 0,2,4,…");
}

static void test_items(void **state)
{
    (void)state;
    crowd_t crowd = {.count = 0};
    add(&crowd, 3, 3, NULL);
    check_names(&crowd, (label_style_t){.total = 500, .items = true}, "item 3");
    add(&crowd, 9, 9, NULL);
    check_names(&crowd, (label_style_t){.total = 500, .items = true}, "items 3,9");
}

static void test_hosts(void **state)
{
    (void)state;
    const label_style_t style = {.total = 40, .hosts = true};
    crowd_t crowd = {.count = 0};
    add(&crowd, 19, 40, "web");
    add(&crowd, 1, 17, "web");
    check_names(&crowd, style, "web01-web17,web19-web40");
    crowd.count = 1;
    check_names(&crowd, style, "web19");
    snprintf(crowd.hosts[0], 32, "a-long-name-without-number.net");
    check_names(&crowd, style, "a-long-name-without-number.net");
    snprintf(crowd.hosts[0], 32, "evil\033[2J\n");
    check_names(&crowd, style, "evil\\x1B[2J\\x0A");
    crowd.members[0].host = NULL;
    check_names(&crowd, style, "19");
}

static void test_host_rows(void **state)
{
    (void)state;
    const char *names[] = {"n9", "n10", "n11", "n011", "db", "10.0.0.8", "10.0.0.9"};
    crowd_t crowd = {.count = 7};
    for (int i = 0; i < 7; i++)
        crowd.members[i] = (fold_member_t){i, names[i], (size_t)i};
    check_names(&crowd, (label_style_t){.hosts = true, .total = 9}, "7 of 9");
    crowd.count = 4;
    check_names(&crowd, (label_style_t){.hosts = true}, "n9-n11,n011");
    crowd.count = 7;
    memmove(crowd.members, crowd.members + 4, 3 * sizeof crowd.members[0]);
    crowd.count = 3;
    check_names(&crowd, (label_style_t){.hosts = true}, "10.0.0.8-10.0.0.9,db");
}

static void test_line(void **state)
{
    (void)state;
    crowd_t crowd = {.count = 0};
    add(&crowd, 0, 3, NULL);
    label_style_t style = {.job = 5, .total = 4};
    tt_buf_t out;
    tt_buf_init(&out);
    label_line(&out, crowd.members, 4, &style, NULL);
    label_line(&out, crowd.members, 4, &style, "err");
    label_job(&out, crowd.members, 4, &style);
    style.job = 0;
    label_job(&out, crowd.members, 4, &style);
    assert_string_equal(tt_buf_text(&out), "[0-3] [0-3 err] [0-3:5] [0-3] ");
    tt_buf_release(&out);
}

static void check_value(const char *value, const char *want)
{
    crowd_t crowd = {.count = 0};
    add(&crowd, 0, 3, NULL);
    label_style_t style = {.job = 5, .total = 4};
    tt_buf_t out;
    tt_buf_init(&out);
    label_out(&out, crowd.members, 4, &style);
    label_value(&out, tt_span(value));
    assert_string_equal(tt_buf_text(&out), want);
    tt_buf_release(&out);
}

static void test_value(void **state)
{
    (void)state;
    check_value("42", "Out[0-3:5]: 42\n");
    check_value("", "Out[0-3:5]: \n");
    check_value("a\nb", "Out[0-3:5]:\na\nb\n");
    check_value("a\nb\n", "Out[0-3:5]:\na\nb\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),       cmocka_unit_test(test_cut),
        cmocka_unit_test(test_items),     cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_host_rows), cmocka_unit_test(test_line),
        cmocka_unit_test(test_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
