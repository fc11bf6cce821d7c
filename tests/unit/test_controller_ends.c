/* Unit test of controller/controller: work goes through a whole controller, and clients, hosts
 * and the controller itself end in every order. */
#include "whole_controller.h"

/* ---- work */

/* Sends a message with one payload frame. */
static void say_with(mouth_t *self, const tt_message_t *message, const char *payload)
{
    tt_buf_t header;
    tt_buf_init(&header);
    tt_message_pack(&header, message);
    zmq_send(self->dealer, header.data, header.len, ZMQ_SNDMORE);
    zmq_send(self->dealer, payload, strlen(payload), 0);
    tt_buf_release(&header);
}

static void check_payload(const mouth_t *self, const char *want)
{
    tt_span_t bytes = tt_frames_span(&self->packet.payload, 0);
    assert_int_equal(bytes.len, strlen(want));
    assert_memory_equal(bytes.data, want, bytes.len);
}

static const uint8_t hash[] = "0123456789abcdef";

/* Submits to engine 0 as `id` and returns the controller's number for it. */
static uint64_t submit_to_first(uint64_t id)
{
    tt_message_t message = tt_message(TT_MSG_SUBMIT, id);
    message.as.submit.op = 2;
    message.as.submit.engines = (tt_span_t){(const uint8_t *)"\x91\x00", 2};
    message.as.submit.blob = (tt_span_t){hash, 16};
    say_with(&client, &message, "args");
    hear(&host, TT_MSG_TASK);
    check_payload(&host, "args");
    return host.got.id;
}

TEST(a_task_goes_to_its_host_and_its_output_and_result_come_back)
{
    arrive(&client);
    arrive_with(&host, 0, two_ids, 2);
    hear_events(&client, 2);
    tt_message_t message = tt_message(TT_MSG_BLOB, 0);
    message.as.blob.hash = (tt_span_t){hash, 16};
    say_with(&client, &message, "function");
    message = tt_message(TT_MSG_SUBMIT, 40);
    message.as.submit.engines = (tt_span_t){(const uint8_t *)"\x91\x00", 2};
    message.as.submit.blob = (tt_span_t){hash, 16};
    say_with(&client, &message, "args");
    hear(&host, TT_MSG_BLOB);
    check_payload(&host, "function");
    hear(&host, TT_MSG_TASK);
    uint64_t task = host.got.id;
    message = tt_message(TT_MSG_OUTPUT, task);
    message.as.output.stream = 1;
    say_with(&host, &message, "hello");
    message = tt_message(TT_MSG_RESULT, task);
    message.as.result.attempt = 1;
    say_with(&host, &message, "body");
    hear(&client, TT_MSG_OUTPUT);
    assert_int_equal(client.got.id, 40);
    check_payload(&client, "hello");
    hear(&client, TT_MSG_RESULT);
    assert_int_equal(client.got.id, 40);
    check_payload(&client, "body");
    assert_status(client, "\"tasks\":0,\"waiting\":0,\"tasks_done\":1,");
    message = tt_message(TT_MSG_DROP, 0);
    message.as.drop.hash = (tt_span_t){hash, 16};
    say(&client, &message);
    hear(&host, TT_MSG_DROP);
}

TEST(a_task_that_is_cancelled_is_cancelled_at_its_host)
{
    arrive(&client);
    arrive_with(&host, 0, two_ids, 2);
    hear_events(&client, 2);
    uint64_t task = submit_to_first(41);
    tt_message_t message = tt_message(TT_MSG_CANCEL, 41);
    say(&client, &message);
    hear(&host, TT_MSG_CANCEL);
    assert_true(host.got.id == task);
    message = tt_message(TT_MSG_RETURNED, task); /* nobody had asked */
    message.as.returned.engines = (tt_span_t){(const uint8_t *)"\x91\x00", 2};
    say(&host, &message);
    message = tt_message(TT_MSG_RESULT, task);
    message.as.result.status = 2;
    say_with(&host, &message, "body");
    hear(&client, TT_MSG_RESULT);
    assert_int_equal(client.got.as.result.status, 2);
}

TEST(a_task_for_an_engine_that_restarts_comes_to_its_host_when_it_is_ready)
{
    arrive(&client);
    arrive_with(&host, 0, two_ids, 2);
    hear_events(&client, 2);
    say_engine(&host, 0, TT_ENGINE_RESTARTING, "");
    hear_event(&client, 0, TT_ENGINE_RESTARTING);
    tt_message_t message = tt_message(TT_MSG_SUBMIT, 42);
    message.as.submit.engines = (tt_span_t){(const uint8_t *)"\x91\x00", 2};
    say_with(&client, &message, "args");
    assert_status(client, "\"tasks\":1,");
    say_engine(&host, 0, TT_ENGINE_READY, "");
    hear(&host, TT_MSG_TASK);
    hear_event(&client, 0, TT_ENGINE_READY);
}

TEST(a_task_that_is_under_way_when_all_ends_leaks_nothing)
{
    arrive(&client);
    arrive_with(&host, 0, two_ids, 2);
    hear_events(&client, 2);
    submit_to_first(42);
    say_engine(&host, 1, TT_ENGINE_RESTARTING, "");
    tt_message_t message = tt_message(TT_MSG_SUBMIT, 43);
    message.as.submit.engines = (tt_span_t){(const uint8_t *)"\x91\x01", 2};
    say_with(&client, &message, "args");
    message = tt_message(TT_MSG_BLOB, 0);
    message.as.blob.hash = (tt_span_t){hash, 16};
    say_with(&client, &message, "function");
    hear_event(&client, 1, TT_ENGINE_RESTARTING);
    assert_status(client, "\"tasks\":2,");
}

TEST(engines_that_cannot_be_started_are_told_of)
{
    arrive(&client);
    tt_message_t message = tt_message(TT_MSG_LAUNCH, 50);
    message.as.launch.launcher = tt_span("slurm");
    message.as.launch.count = 1;
    say(&client, &message);
    hear(&client, TT_MSG_ERROR);
    check_text(client.got.as.error.text, "no launcher 'slurm': there are local, ssh, like");
    message = tt_message(TT_MSG_LAUNCH, 51);
    message.as.launch.launcher = tt_span("local");
    message.as.launch.language = tt_span("mock");
    message.as.launch.count = 1;
    say(&client, &message);
    hear(&client, TT_MSG_DONE);
    check_ids(client.got.as.done.engines, (int[]){0}, 1);
    hear_event(&client, 0, TT_ENGINE_FAILED); /* its host's program is not there */
    assert_non_null(memmem(client.got.as.event.text.data, client.got.as.event.text.len,
                           "exited with status 127", 22));
}

/* ---- ends */

TEST(a_client_that_says_goodbye_is_forgotten)
{
    arrive(&client);
    arrive(&second);
    tt_message_t message = tt_message(TT_MSG_BYE, 0);
    say(&second, &message);
    message = tt_message(TT_MSG_STATUS, 5);
    say(&second, &message);
    hear(&second, TT_MSG_WHO);
    assert_status(client, "\"clients\":1,");
}

TEST(a_host_whose_process_ends_loses_its_engines_and_clients_are_told_why)
{
    static const int theirs[] = {5};
    arrive(&client);
    process = new_process();
    arrive_with(&host, process, two_ids, 2);
    arrive_with(&other, 0, theirs, 1);
    hear_events(&client, 3);
    end_process(&process);
    hear_event(&client, 0, TT_ENGINE_LOST);
    assert_non_null(memmem(client.got.as.event.text.data, client.got.as.event.text.len,
                           "engine host 'here'", 18));
    hear_event(&client, 1, TT_ENGINE_LOST);
    assert_status(client, "{\"id\":5,\"host\":\"here\",\"pid\":105,");
    assert_status(client, "\"engine\":1,\"host\":\"here\",\"text\":\"engine host 'here'");
    tt_message_t message = tt_message(TT_MSG_BEAT, 0);
    say(&host, &message); /* its socket lives a little longer than its process */
    hear(&host, TT_MSG_WHO);
}

TEST(a_host_that_says_goodbye_counts_until_its_process_has_ended)
{
    arrive(&client);
    process = new_process();
    arrive_with(&host, process, two_ids, 2);
    hear_events(&client, 2);
    tt_message_t message = tt_message(TT_MSG_BYE, 0);
    say(&host, &message);
    message = tt_message(TT_MSG_BEAT, 0);
    say(&host, &message);
    hear(&host, TT_MSG_BEAT);
    assert_status(client, "\"engines\":2,");
}

TEST(a_client_whose_process_ends_leaves_no_work_waiting)
{
    tt_message_t message = hello_of(0);
    process = new_process();
    message = hello_of(process);
    message.as.hello.events = 0;
    say(&second, &message);
    hear(&second, TT_MSG_WELCOME);
    arrive_with(&host, 0, two_ids, 2);
    say_engine(&host, 0, TT_ENGINE_RESTARTING, "");
    say_engine(&host, 1, TT_ENGINE_RESTARTING, "");
    message = tt_message(TT_MSG_BEAT, 0);
    say(&host, &message);
    hear(&host, TT_MSG_BEAT);
    message = tt_message(TT_MSG_SUBMIT, 1);
    message.as.submit.flags = TT_SUBMIT_BALANCED;
    tt_buf_t header;
    tt_buf_init(&header);
    tt_message_pack(&header, &message);
    zmq_send(second.dealer, header.data, header.len, ZMQ_SNDMORE);
    zmq_send(second.dealer, "\x90", 1, 0);
    tt_buf_release(&header);
    assert_status(second, "\"tasks\":1,\"waiting\":1,");
    end_process(&process);
    message = hello_of(0);
    message.as.hello.events = 0;
    say(&client, &message);
    hear(&client, TT_MSG_WELCOME);
    for (int64_t until = tt_now_ms() + DEADLINE_MS; tt_now_ms() < until;)
        if (strstr(status_of(&client), "\"clients\":1,\"tasks\":0,\"waiting\":0,"))
            return;
    fail_msg("its work still waits");
}

/* ---- stopping */

TEST(a_stop_without_hosts_is_at_once_and_leaves_no_sockets)
{
    arrive(&client);
    tt_message_t message = tt_message(TT_MSG_STOP, 21);
    say(&client, &message);
    hear(&client, TT_MSG_STOPPED);
    assert_int_equal(client.got.id, 21);
    assert_int_equal(controller_end(), 0);
    assert_int_equal(access(dir.client_sock, F_OK), -1);
    assert_int_equal(access(dir.engine_sock, F_OK), -1);
}

TEST(a_stop_waits_until_the_hosts_processes_have_ended)
{
    arrive(&client);
    process = new_process();
    arrive_with(&host, process, two_ids, 2);
    hear_events(&client, 2);
    tt_message_t message = tt_message(TT_MSG_STOP, 21);
    say(&client, &message);
    say(&client, &message); /* twice is once */
    hear(&host, TT_MSG_STOP);
    message = tt_message(TT_MSG_SUBMIT, 5);
    say(&client, &message);
    hear(&client, TT_MSG_ERROR); /* it still answers, and takes no work any more */
    assert_int_equal(waitpid(controller, NULL, WNOHANG), 0);
    end_process(&process);
    hear_event(&client, 0, TT_ENGINE_LOST);
    hear_event(&client, 1, TT_ENGINE_LOST);
    hear(&client, TT_MSG_STOPPED);
    assert_int_equal(controller_end(), 0);
}

TEST(a_client_that_asked_to_stop_and_left_stops_it_all_the_same)
{
    arrive(&client);
    process = new_process();
    arrive_with(&host, process, two_ids, 2);
    hear_events(&client, 2);
    tt_message_t message = tt_message(TT_MSG_STOP, 21);
    say(&client, &message);
    message = tt_message(TT_MSG_BYE, 0);
    say(&client, &message);
    hear(&host, TT_MSG_STOP);
    end_process(&process);
    assert_int_equal(controller_end(), 0);
}

TEST(a_signal_to_end_is_a_stop)
{
    arrive(&host);
    kill(controller, SIGTERM);
    hear(&host, TT_MSG_STOP);
    kill(controller, SIGKILL);
    assert_int_equal(controller_end(), -SIGKILL);
    start_controller("leastload"); /* the sockets of one that was killed are in nobody's way */
    assert_string_equal(ready, "ok\n");
    kill(controller, SIGINT);
    assert_int_equal(controller_end(), 0);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_task_goes_to_its_host_and_its_output_and_result_come_back),
        EACH(a_task_that_is_cancelled_is_cancelled_at_its_host),
        EACH(a_task_for_an_engine_that_restarts_comes_to_its_host_when_it_is_ready),
        EACH(a_task_that_is_under_way_when_all_ends_leaks_nothing),
        EACH(engines_that_cannot_be_started_are_told_of),
        EACH(a_client_that_says_goodbye_is_forgotten),
        EACH(a_host_whose_process_ends_loses_its_engines_and_clients_are_told_why),
        EACH(a_host_that_says_goodbye_counts_until_its_process_has_ended),
        EACH(a_client_whose_process_ends_leaves_no_work_waiting),
        EACH(a_stop_without_hosts_is_at_once_and_leaves_no_sockets),
        EACH(a_stop_waits_until_the_hosts_processes_have_ended),
        EACH(a_client_that_asked_to_stop_and_left_stops_it_all_the_same),
        EACH(a_signal_to_end_is_a_stop),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
