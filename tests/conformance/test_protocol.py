"""What every runtime, in every language, must do: PROTOCOL.md, "The runtime protocol"."""

import struct
import time

import pytest

from harness import (BLOB, CALL, CANCELLED, ERROR, EXECUTE, HELLO, INTERRUPTED, LOG, OK, REFUSED, RESULT,
                     START, SYNC, pack)


def test_hello_comes_first_and_tells_version_language_and_pid(kind):
    with kind.start(start=False) as runtime:
        hello = runtime.expect(HELLO)
        major, minor, language, version, program, pid, features = hello.fields[:7]
        assert major == 1 and minor >= 0
        assert all(isinstance(text, str) and text for text in (language, version, program))
        assert pid == runtime.process.pid
        assert features & 3 == (3 if kind.page else 0)


def test_without_a_page_it_offers_no_window(kind):
    with kind.start(page=False) as runtime:
        assert runtime.hello.fields[6] & 1 == 0
        assert kind.shown(runtime.execute(kind.say("value", 42), kind.flags)) == "42"


def test_sync_is_answered_by_an_empty_result(kind):
    with kind.start() as runtime:
        result = runtime.result(runtime.task(SYNC, []))
        assert result.status == OK
        assert result.body() == [None, False, None, [], None]


def test_results_come_in_the_order_of_tasks_with_their_seq(kind):
    with kind.start() as runtime:
        seqs = [runtime.task(EXECUTE, [kind.say("value", i), "<cell>", kind.flags]) for i in range(200)]
        for i, seq in enumerate(seqs):
            result = runtime.result(seq)
            assert (result.status, kind.shown(result)) == (OK, str(i))


def test_a_result_is_written_before_the_next_task_starts(kind):
    with kind.start() as runtime:
        first = runtime.task(EXECUTE, [kind.say("value", 1), "<cell>", kind.flags])
        runtime.task(EXECUTE, [kind.say("spin"), "<cell>", 0])
        assert kind.shown(runtime.result(first)) == "1"


def test_the_value_travels_only_when_it_is_asked_for(kind):
    with kind.start() as runtime:
        value = "7" if kind.texts_only else 7
        assert runtime.execute(kind.say("value", 7), flags=1).body()[1:3] == [True, value]
        if kind.texts_only:
            assert runtime.execute(kind.say("value", 7)).body()[1:3] == [False, None]


def test_a_failure_is_an_ordinary_result_with_type_and_message(kind):
    with kind.start() as runtime:
        result = runtime.execute(kind.say("fail", "some reason"))
        assert result.status == ERROR
        assert isinstance(result.error["type"], str)
        if kind.texts_only:
            assert (result.error["message"], result.error["status"]) == ("exit 4", 4)
            assert runtime.drain()[1] == b"some reason\n"
        else:
            assert "some reason" in result.error["message"]
        assert kind.shown(runtime.execute(kind.say("value", 3), kind.flags)) == "3"


@pytest.mark.parametrize("args", [b"\xc1", b"\x91", b"", b"\xdd\xff\xff\xff\xff", b"\x90\x90",
                                  b"\x91" * 2000 + b"\xc0", b"\xc7\x00\x02"],
                         ids=["reserved", "short", "empty", "huge", "trailing", "deep", "bigint"])
def test_malformed_arguments_cost_the_task_and_not_the_runtime(kind, args):
    with kind.start() as runtime:
        result = runtime.result(runtime.task(EXECUTE, args))
        assert result.status == REFUSED
        assert result.error["message"]
        assert kind.shown(runtime.execute(kind.say("value", 5), kind.flags)) == "5"


def test_a_task_without_frames_is_refused(kind):
    with kind.start() as runtime:
        runtime.send(EXECUTE, 99)
        assert runtime.result(99).status == REFUSED


@pytest.mark.parametrize("args", [[], [5], ["x", "y"], None, {"code": "x"}])
def test_arguments_that_make_no_sense_do_not_end_the_runtime(kind, args):
    with kind.start() as runtime:
        assert runtime.result(runtime.task(CALL, pack(args))).status in (ERROR, REFUSED, OK)
        assert kind.shown(runtime.execute(kind.say("value", 5), kind.flags)) == "5"


def test_a_task_that_it_does_not_know_is_refused(kind):
    with kind.start() as runtime:
        assert runtime.result(runtime.task(31, [])).status in (REFUSED, ERROR)
        assert kind.shown(runtime.execute(kind.say("value", 5), kind.flags)) == "5"


def test_an_unknown_message_is_logged_and_survived(kind):
    with kind.start() as runtime:
        runtime.send(77, 5, ["field"], [b"frame"])
        assert "77" in runtime.expect(LOG).fields[0]
        assert kind.shown(runtime.execute(kind.say("value", 5), kind.flags)) == "5"


def test_further_fields_of_a_newer_host_are_ignored(kind):
    with kind.start() as runtime:
        runtime.send(START, 0, [1, "name", {"new": True}, 17])
        assert kind.shown(runtime.execute(kind.say("value", 5), kind.flags)) == "5"


def test_blobs_are_not_answered(kind):
    with kind.start() as runtime:
        runtime.send(BLOB, 0, [b"h" * 16], [b"not a function"])
        assert kind.shown(runtime.execute(kind.say("value", 5), kind.flags)) == "5"


def test_stop_ends_it_with_status_0(kind):
    with kind.start() as runtime:
        assert runtime.stop() == 0


def test_the_end_of_the_socket_ends_it(kind):
    with kind.start() as runtime:
        runtime.socket.shutdown(2)
        assert runtime.process.wait(20) == 0


def test_a_header_that_is_none_ends_it_and_not_by_a_crash(kind):
    with kind.start() as runtime:
        runtime.send_raw(struct.pack("<I", 4) + b"\xc1\xc1\xc1\xc1")
        assert runtime.process.wait(20) >= 0


def test_messages_may_come_in_single_bytes(kind):
    with kind.start() as runtime:
        header = pack([EXECUTE, 1, [len(pack([kind.say("value", 8), "<cell>", kind.flags]))]])
        whole = struct.pack("<I", len(header)) + header + pack([kind.say("value", 8), "<cell>", kind.flags])
        for i in range(len(whole)):
            runtime.send_raw(whole[i:i + 1])
        assert kind.shown(runtime.result(1)) == "8"


# ---- with the page

def paged(kind):
    if not kind.page:
        pytest.skip("keeps no page")
    return kind.start()


def test_offsets_say_where_the_output_of_each_task_starts_and_ends(kind):
    with paged(kind) as runtime:
        ends = [0]
        for i in range(50):
            result = runtime.execute(kind.say("print", "line%d" % i))
            assert result.offsets[0] == ends[-1]
            ends.append(result.offsets[1])
        out = runtime.drain()[0]
        for i in range(50):
            assert out[ends[i]:ends[i + 1]] == b"line%d\n" % i


def test_offsets_hold_for_tasks_that_were_sent_ahead(kind):
    with paged(kind) as runtime:
        seqs = [runtime.task(EXECUTE, [kind.say("print", "x" * i), "<cell>", 0])
                for i in range(100)]
        results = [runtime.result(seq) for seq in seqs]
        out = runtime.drain()[0]
        for i, result in enumerate(results):
            start, end = result.offsets[:2]
            assert out[start:end] == b"x" * i + b"\n"


def test_the_word_names_the_task_that_runs_and_then_is_idle(kind):
    with paged(kind) as runtime:
        assert runtime.page.running() == 0
        seq = runtime.task(EXECUTE, [kind.say("spin"), "<cell>", 0])
        runtime.wait_running(seq)
        assert runtime.interrupt(seq)
        assert runtime.result(seq).status == INTERRUPTED
        assert runtime.page.running() == 0
        assert runtime.page.started() == seq
        assert not runtime.interrupt(seq), "a task that has ended cannot be claimed"


def test_an_interrupt_leaves_the_tasks_behind_it_alone(kind):
    with paged(kind) as runtime:
        runtime.execute(kind.say("value", 1))
        spin = runtime.task(EXECUTE, [kind.say("spin"), "<cell>", 0])
        after = [runtime.task(EXECUTE, [kind.say("value", i), "<cell>", kind.flags]) for i in range(20)]
        runtime.wait_running(spin)
        assert runtime.interrupt(spin)
        assert runtime.result(spin).status == INTERRUPTED
        for i, seq in enumerate(after):
            result = runtime.result(seq)
            assert (result.status, kind.shown(result)) == (OK, str(i))


def test_thousands_of_short_tasks_with_interrupts_none_meets_a_wrong_one(kind):
    with paged(kind) as runtime:
        claimed, hit, sent, done = set(), set(), 0, 0
        until = time.monotonic() + 120
        while done < 4000 or len(claimed) < 300:
            assert time.monotonic() < until, "%d tasks, %d claims" % (done, len(claimed))
            while sent - done < 16:
                sent = runtime.task(EXECUTE, [kind.say("value", sent), "<cell>", kind.flags])
            seq = first_running(runtime.page)
            if seq and runtime.interrupt(seq):
                claimed.add(seq)
            result = runtime.expect(RESULT)
            done += 1
            assert result.seq == done
            if result.status == INTERRUPTED:
                hit.add(result.seq)
            else:
                assert (result.status, kind.shown(result)) == (OK, str(done - 1))
        for seq in range(done + 1, sent + 1):
            if runtime.result(seq).status == INTERRUPTED:
                hit.add(seq)
        assert hit <= claimed, "interrupted without a claim: %r" % sorted(hit - claimed)
        assert hit, "no interrupt met its task"
        assert kind.shown(runtime.execute(kind.say("value", 5), kind.flags)) == "5"


def test_what_was_revoked_is_not_started_and_what_is_around_it_is(kind):
    with paged(kind) as runtime:
        spin = runtime.task(EXECUTE, [kind.say("spin"), "<cell>", 0])
        after = [runtime.task(EXECUTE, [kind.say("print", i), "<cell>", 0]) for i in range(9)]
        runtime.wait_running(spin)
        assert runtime.page.revoke(after[3], after[5]) == spin
        assert runtime.interrupt(spin)
        assert runtime.result(spin).status == INTERRUPTED
        for i, seq in enumerate(after):
            message = runtime.expect(RESULT)
            revoked = 3 <= i <= 5
            assert (message.seq, message.fields[0]) == (seq, CANCELLED if revoked else OK)
            assert (message.frames[0] == b"") == revoked
        assert runtime.drain()[0] == b"0\n1\n2\n6\n7\n8\n"


def test_tens_of_thousands_of_revoked_tasks_never_run(kind):
    """The range moves on all the time; what lay in it ahead of the running task is not done, and
    everything else is, once."""
    with paged(kind) as runtime:
        surely, ran, sent, done, first, last = set(), set(), 0, 0, 0, 0
        until = time.monotonic() + 120
        while done < 20000:
            assert time.monotonic() < until, "%d tasks" % done
            while sent - done < 32:
                sent = runtime.task(EXECUTE, [kind.say("value", sent), "<cell>", 0])
            if done >= last:  # all that was revoked has been answered
                first, last = done + 1 + done % 5, sent - done % 3
                started = runtime.page.revoke(first, last)
                surely.update(range(max(first, started + 1), last + 1))
            message = runtime.expect(RESULT)
            done += 1
            assert message.seq == done
            if message.fields[0] != CANCELLED:
                assert message.fields[0] == OK
                ran.add(done)
        assert not surely & ran
        assert surely and ran


def first_running(page):
    """The seq that runs, looked for a while: a short task is easily missed."""
    for _ in range(100):
        if page.running():
            return page.running()
    return 0
