"""What the tasks of the protocol do in Python, in both runtimes and all supported versions."""

import os
import signal
import time

import pytest

import harness
from harness import (ANSWER, ASK, CHECK, COMPLETE, ERROR, EXECUTE, GET, INSPECT, INTERRUPTED, OK,
                     REFUSED, RESET, SET, SYNC, TAKES_SPOOLS, codec, pack)


@pytest.fixture
def engine(python):
    with python.start() as runtime:
        yield runtime


@pytest.fixture
def local(python):
    with python.start(mode="local") as runtime:
        yield runtime


def value(runtime, kind, *args):
    result = runtime.result(runtime.task(kind, list(args)))
    assert result.status == OK, result.error
    return result.value


# ---- execute

@pytest.mark.parametrize("code, text", [
    ("1 + 1", "2"), ("x = 5\nx * 2", "10"), ("None", None), ("7;", None), ("7  ;  # note", None),
    ("'a;b'", "'a;b'"), ("x = 1", None), ("", None), ("# only this", None), ("def f(): pass", None),
    ("import asyncio\nawait asyncio.sleep(0, 'slept')", "'slept'"),
    ("__name__", "'__main__'"), ("import sys; sys.argv, sys.path[0]", "([''], '')"),
    ("import sys; sys.modules['__main__'].__dict__ is globals()", "True"),
    ("from __future__ import annotations", None)])
def test_execute_shows_what_a_python_prompt_shows(engine, code, text):
    result = engine.execute(code)
    assert (result.status, result.error) == (OK, None)
    assert result.body()[:2] == [text, False]


def test_names_last_from_task_to_task_and_reset_forgets_them(engine):
    engine.execute("kept = 11")
    assert engine.execute("kept").text == "11"
    assert engine.result(engine.task(RESET, [])).status == OK
    assert engine.execute("kept").error["type"] == "NameError"
    assert engine.execute("len('abc'), __name__").text == "(3, '__main__')"


def test_the_flags_ask_for_the_value_and_against_the_repr(engine):
    assert engine.execute("[1, 2]", flags=1).body()[:3] == ["[1, 2]", True, [1, 2]]
    assert engine.execute("[1, 2]", flags=3).body()[:3] == [None, True, [1, 2]]
    assert engine.execute("x = 1", flags=1).body()[:3] == [None, True, None]


def test_a_traceback_shows_the_lines_of_the_user_and_no_frame_of_tutti(engine):
    engine.execute("def clean(row):\n    if row == 3:\n        raise ValueError('bad row 3')\n",
                   file="<In 3>")
    error = engine.execute("clean(3)", file="<In 4>").error
    assert error["type"] == "ValueError" and error["message"] == "bad row 3"
    assert (error["file"], error["line"], error["function"]) == ("<In 3>", 3, "clean")
    assert error["source"] == "raise ValueError('bad row 3')"
    assert "raise ValueError('bad row 3')" in error["traceback"]
    assert "clean(3)" in error["traceback"]
    assert "tutti" not in error["traceback"]


def test_the_line_of_an_error_in_a_library_is_the_users(engine):
    error = engine.execute("import json\n\njson.loads('{')", file="<In 9>").error
    assert (error["file"], error["line"]) == ("<In 9>", 3)
    assert error["type"] == "json.decoder.JSONDecodeError"


def test_chained_errors_hide_our_frames_too(engine):
    error = engine.execute("try:\n    input()\nexcept EOFError as e:\n    raise KeyError(1) from e"
                           ).error
    assert "has no terminal" in error["traceback"] and "session.py" not in error["traceback"]


def test_syntax_errors_tell_file_line_and_source(engine):
    error = engine.execute("a = 1\nb = = 2", file="<In 2>").error
    assert error["type"] == "SyntaxError"
    assert (error["file"], error["line"], error["source"]) == ("<In 2>", 2, "b = = 2")


@pytest.mark.parametrize("code, message", [("input()", "input() on an engine has no terminal"),
                                           ("breakpoint()", "breakpoint() on an engine")])
def test_input_and_breakpoint_say_why_they_end(engine, code, message):
    error = engine.execute(code).error
    assert error["type"] == "EOFError" and message in error["message"]


@pytest.mark.parametrize("body", ["return 1/0", "return 5", "raise KeyError(2)"])
def test_a_repr_that_fails_is_told_and_not_a_crash(engine, body):
    result = engine.execute("class Bad:\n    def __repr__(self):\n        %s\nBad()" % body)
    assert result.status == OK
    assert "<repr of Bad failed: " in result.text


def test_a_message_that_fails_is_told_and_not_a_crash(engine):
    error = engine.execute("class Bad(Exception):\n    def __str__(self): 1/0\nraise Bad").error
    assert error["type"] == "Bad" and "ZeroDivisionError" in error["message"]


@pytest.mark.parametrize("code, status, text", [
    ("import sys; sys.exit(3)", 3, "3"), ("exit()", 0, "None"), ("quit()", 0, "None"),
    ("import sys; sys.exit('why not')", 1, "why not")])
def test_leaving_is_answered_and_then_ends_the_engine(engine, code, status, text):
    result = engine.execute(code)
    assert (result.status, result.error["type"]) == (ERROR, "SystemExit")
    assert result.error["message"] == text
    assert engine.process.wait(20) == status


def test_a_forked_child_never_answers(engine):
    code = ("import os, sys\nprint('before', flush=True)\npid = os.fork()\n"
            "if pid == 0: %s\nos.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) "
            "if hasattr(os, 'waitstatus_to_exitcode') else os.waitpid(pid, 0)[1] >> 8")
    for end, status in (("sys.exit(4)", "4"), ("x = 1/0", "1"), ("os._exit(6)", "6")):
        assert engine.execute(code % end).text == status
    child = "import os\npid = os.fork()\npid and os.waitpid(pid, 0)[1]"
    assert engine.execute(child).text == "0"
    assert engine.execute("1").text == "1"


def test_multiprocessing_by_fork_works(engine):
    code = ("import multiprocessing as mp\n"
            "with mp.get_context('fork').Pool(2) as pool:\n"
            "    got = pool.map(abs, range(-5, 0))\ngot")
    assert engine.execute(code).text == "[5, 4, 3, 2, 1]"


def test_displays_come_with_the_result(engine):
    engine.execute("class Figure:\n    def _repr_png_(self): return b'png' * 2000\n"
                   "    def _repr_html_(self): return '<b>'\n"
                   "    def _repr_svg_(self): 1/0")
    body = engine.execute("Figure()").body()
    assert body[3] == [{"image/png": b"png" * 2000, "text/html": "<b>"}]
    body = engine.execute("import tutti\ntutti.display(Figure(), 5, 'text')\n1").body()
    assert [d["text/plain"] for d in body[3][1:]] == ["5", "text"]
    assert body[3][0]["image/png"] == b"png" * 2000
    assert engine.execute("1").body()[3] == [], "displays belong to their task"


def test_displays_before_a_failure_come_with_it(engine):
    body = engine.execute("import tutti\ntutti.display('seen')\n1/0").body()
    assert body[3] == [{"text/plain": "seen"}] and body[4]["type"] == "ZeroDivisionError"


def test_a_big_value_comes_in_a_spool(engine):
    assert engine.hello.fields[6] & TAKES_SPOOLS
    result = engine.execute("bytes(65 << 20)", flags=3)
    assert (result.status, result.spooled) == (OK, [False, True])
    assert result.value == bytes(65 << 20)
    result = engine.execute("[b'x' * 5000] * 300", flags=3)
    assert result.spooled == [False] + [True] * 300 and result.value == [b"x" * 5000] * 300
    result = engine.execute("list(range(500000))", flags=3)
    assert result.spooled == [True] and result.value == list(range(500000))
    result = engine.execute("b'x' * 5000", flags=3)
    assert result.spooled == [False, False] and result.value == b"x" * 5000


def test_big_arguments_come_in_a_spool(engine):
    big = [bytes([number]) * ((1 << 20) + number) for number in range(5)]
    value = codec.encode(big, None)
    engine.execute("import os; before = len(os.listdir('/proc/self/fd'))")
    for name in "abc":
        engine.seq += 1
        args = pack([name, "value", [1 + len(value[1])], None])
        engine.send_spooled(SET, engine.seq, [args, value[0], *value[1]])
        assert engine.result(engine.seq).status == OK
    got = engine.execute("a == b == c == [bytes([n]) * ((1 << 20) + n) for n in range(5)]")
    assert got.text == "True"
    assert engine.execute("len(os.listdir('/proc/self/fd')) - before").text == "0"


@pytest.mark.parametrize("how", [{"seals": 0}, {"size": 4096}])
def test_a_spool_that_is_none_ends_the_runtime(engine, how):
    """Its memory could go away under it."""
    engine.seq += 1
    engine.send_spooled(SET, engine.seq, [pack(["a", "value", [1], None]), bytes(1 << 21)], **how)
    with pytest.raises(EOFError):
        engine.message()


def test_a_value_that_cannot_travel_is_an_error(engine):
    result = engine.execute("import threading\nthreading.Lock()", flags=1)
    assert result.status == ERROR and "pickle" in result.error["message"]


def test_output_is_flushed_before_the_result(engine):
    engine.execute("import sys, os\nsys.stdout.write('no newline')\nos.write(2, b'raw')")
    out, err = engine.drain()
    assert (out, err) == (b"no newline", b"raw")


def test_a_closed_or_replaced_stdout_does_not_hurt(engine):
    assert engine.execute("import sys\nkept = sys.stdout\nsys.stdout = None").status == OK
    assert engine.execute("sys.stdout = object()").status == OK
    assert engine.execute("sys.stdout = kept\n5").text == "5"


def test_descriptors_of_the_engine_do_not_reach_its_children(engine):
    code = ("import subprocess, sys, os\nsubprocess.run([sys.executable, '-c', 'import os;"
            "print([fd for fd in range(3, 10) if os.path.exists(\"/proc/self/fd/%d\" % fd)"
            " and \"socket\" in os.readlink(\"/proc/self/fd/%d\" % fd)])'],"
            " close_fds=False, capture_output=True, text=True).stdout")
    assert engine.execute(code).text == "'[]\\n'"


# ---- get, set

def test_get_names_tells_types_sizes_and_whether_values_are_the_same(engine):
    engine.execute("b = [1, 2]\nc = [1, 2]\na = 1.5\n_hidden = 3\nclass K: pass\nk = K()")
    found = {row[0]: row[1:] for row in value(engine, GET, [], "names")}
    assert list(found) == ["K", "a", "b", "c", "k"]
    assert found["b"][:2] == ["list", "2"] and found["b"][3] == "[1, 2]" and len(found["b"][2]) == 16
    assert found["b"] == found["c"] and found["a"][2] not in (None, found["b"][2])
    assert found["k"] == ["K", "", None, ""]
    assert [row[0] for row in value(engine, GET, ["list", "float"], "names")] == ["a", "b", "c"]


def test_get_value_evaluates_each_expression(engine):
    engine.execute("a = 3\nclass C: b = [4]")
    assert value(engine, GET, ["a", "C.b[0]", "a + 1"], "value") == [3, 4, 4]
    assert engine.result(engine.task(GET, [["nothing"], "value"])).error["type"] == "NameError"


def test_get_items_zips_to_the_shortest_and_gives_frames(engine):
    engine.execute("import itertools\nbig = b'x' * 5000")
    result = engine.result(engine.task(GET, [["itertools.count()", "['a', big]"], "items"]))
    assert result.value == [1, 2]
    first, second, buffer = result.frames[1:]
    assert codec.decode(first, (), None) == [0, "a"]
    assert codec.decode(second, [buffer], None) == [1, b"x" * 5000]


def groups(*values):
    return [pack(v) for v in values]


def set_name(engine, name, kind, frames, meta=None):
    args = pack([name, kind, [1] * len(frames), meta])
    return engine.result(engine.task(SET, args, frames))


@pytest.mark.parametrize("name, expr", [("x", "x"), ("ns.deep", "ns.deep"), ("d['k']", "d['k']")])
def test_set_binds_names_attributes_and_items(engine, name, expr):
    engine.execute("class ns: pass\nd = {}")
    assert set_name(engine, name, "value", groups([1, 2])).status == OK
    assert engine.execute(expr).text == "[1, 2]"


def test_set_binds_several_names(engine):
    assert set_name(engine, "a, b", "value", groups([1, 2])).status == OK
    assert engine.execute("a, b").text == "(1, 2)"
    assert set_name(engine, "a, b", "value", groups([1])).error["type"] == "ValueError"


@pytest.mark.parametrize("name", ["1", "x y", "f()", "if", "", "x = 1; y", "a\nb"])
def test_set_refuses_what_is_no_name(engine, name):
    assert set_name(engine, name, "value", groups(1)).status == ERROR
    assert engine.execute("1").text == "1"


def test_set_with_buffers_in_groups(engine):
    body, buffers = codec.encode([b"y" * 5000, 1], None)
    args = pack(["v", "list", [2, 1], None])
    result = engine.result(engine.task(SET, args, [body, *buffers, pack("second")]))
    assert result.status == OK
    assert engine.execute("len(v[0][0]), v[1]").text == "(5000, 'second')"


@pytest.mark.parametrize("counts", [[2], [1, 1], [0], [-1, 2], ["a"]])
def test_set_refuses_groups_that_do_not_match_the_frames(engine, counts):
    args = pack(["v", "list", counts, None])
    assert engine.result(engine.task(SET, args, groups(1))).status == REFUSED


def test_a_result_marks_failures_and_knows_its_times(engine):
    meta = {"job": 5, "targets": [0, 3], "elapsed": 1.5, "serial_time": 3.0, "wall_time": 1.6,
            "errors": {1: {"type": "ValueError", "message": "bad"}}, "statuses": [0, 1]}
    set_name(engine, "r", "result", groups(10, None), meta)
    assert engine.execute("r.elapsed, r.serial_time, r.wall_time, r.job").text == \
        "(1.5, 3.0, 1.6, 5)"
    assert engine.execute("r[0], r[1], r.errors, r.ready()").text == (
        "(10, <RemoteError[3]:ValueError(bad)>, {3: <RemoteError[3]:ValueError(bad)>}, True)")
    error = engine.execute("r.get()").error
    assert error["type"] == "tutti.error.RemoteError" and "[3] " in error["message"]
    assert engine.execute("r.get_dict()[0], isinstance(r, list)").text == "(10, True)"


def test_a_handle_becomes_a_result(engine):
    set_name(engine, "h", "handle", [], {"job": 9, "targets": [0, 1]})
    assert engine.execute("h, h.elapsed >= 0").text == "(<Handle 9: pending>, True)"
    assert set_name(engine, "", "resolve", groups(1, 2), {"job": 9, "elapsed": 2.0}).status == OK
    assert engine.execute("h, h.get(), h.get_dict(), h.elapsed").text == \
        "(<Handle 9: done>, [1, 2], {0: 1, 1: 2}, 2.0)"


# ---- asking

def test_a_handle_waits_by_asking_and_takes_groups(local):
    set_name(local, "h", "handle", [], {"job": 4, "targets": [0, 1]})
    seq = local.task(EXECUTE, ["h.get()", "<In 5>", 0])
    ask = local.expect(ASK)
    assert ask.fields[:2] == ["wait", "4"]
    nested = local.task(GET, [["h.job"], "value"])
    assert local.result(nested).value == [4], "what the prompt needs to answer is done at once"
    body = pack([None, True, [[1, 1], {"elapsed": 1.0}], [], None])
    local.send(ANSWER, ask.seq, [0], [body, *groups(7, 8)])
    assert local.result(seq).text == "[7, 8]"


def test_whether_a_handle_is_ready_is_asked(local):
    set_name(local, "h", "handle", [], {"job": 4, "targets": [0]})
    for status, body, ready in [(5, pack([None, False, None, [], None]), "False"),
                                (0, pack([None, True, [[1], {}], [], None]), "True")]:
        seq = local.task(EXECUTE, ["h.ready()", "<In 5>", 0])
        ask = local.expect(ASK)
        assert ask.fields[:2] == ["wait", "4 0.001"]
        local.send(ANSWER, ask.seq, [status], [body, *(groups(7) if ready == "True" else [])])
        assert local.result(seq).text == ready
    assert local.execute("h.ready(), h.get()").text == "(True, [7])"


def test_a_handle_that_is_resolved_while_it_waits_is_ready(local):
    set_name(local, "h", "handle", [], {"job": 4, "targets": [0]})
    seq = local.task(EXECUTE, ["import tutti\ntutti.display('outer')\nh.get()", "<In 5>", 0])
    ask = local.expect(ASK)
    assert set_name(local, "", "resolve", groups(7), {"job": 4}).status == OK
    local.send(ANSWER, ask.seq, [0], [pack([None, False, None, [], None])])
    body = local.result(seq).body()
    assert body[0] == "[7]"
    assert body[3] == [{"text/plain": "outer"}], "a nested task takes no displays away"


def test_code_may_ask_again_after_a_nested_task(local):
    code = "%px a\nfor i in range(2):\n    %px b"
    seq = local.task(EXECUTE, [code, "<In 5>", 0])
    for _ in range(3):
        ask = local.expect(ASK)
        assert local.execute("1 / 0").status == ERROR
        local.send(ANSWER, ask.seq, [0], [pack([None, False, None, [], None])])
    assert local.result(seq).status == OK


def test_an_answer_that_was_interrupted_interrupts_the_code(local):
    seq = local.task(EXECUTE, ["if 1:\n    %px a", "<In 5>", 0])
    ask = local.expect(ASK)
    local.send(ANSWER, ask.seq, [INTERRUPTED], [pack([None, False, None, [], None])])
    assert local.result(seq).status == INTERRUPTED


def test_a_wait_with_a_limit_ends_by_timeout(local):
    set_name(local, "h", "handle", [], {"job": 4})
    seq = local.task(EXECUTE, ["h.get(timeout=0.01)", "<In 5>", 0])
    while True:
        message = local.message()
        if message.kind != ASK:
            break
        assert message.fields[1].startswith("4 0.")
        local.send(ANSWER, message.seq, [5], [pack([None, False, None, [], None])])
    assert message.seq == seq and message.error["type"] == "TimeoutError"


def test_magics_in_code_ask_the_prompt(local):
    code = "got = []\nfor i in range(2):\n    x = %px f(i)\n    got.append(x)\ngot"
    seq = local.task(EXECUTE, [code, "<In 1>", 0])
    for i in range(2):
        ask = local.expect(ASK)
        assert ask.fields == ["magic", "x = %px f(i)"]
        local.send(ANSWER, ask.seq, [0], [pack([None, True, [i, i], [], None])])
    assert local.result(seq).text == "[[0, 0], [1, 1]]"


@pytest.mark.parametrize("name, message, told", [
    ("ValueError", "bad row 3", "ValueError: bad row 3"),
    ("MagicError", "failed (exit status 1)", "MagicError: %px f(3): failed (exit status 1)")])
def test_a_magic_that_fails_raises_in_the_code(local, name, message, told):
    seq = local.task(EXECUTE, ["if 1:\n    %px f(3)", "<In 1>", 0])
    ask = local.expect(ASK)
    assert ask.fields == ["magic", "%px f(3)"]
    error = {"type": name, "message": message, "engine": None}
    local.send(ANSWER, ask.seq, [1], [pack([None, False, None, [], error])])
    result = local.result(seq)
    assert result.error["type"] == "tutti.error.RemoteError"
    assert (result.error["line"], result.error["message"]) == (2, told)


def test_the_local_engine_keeps_underscore_and_out(local):
    local.execute("6 * 7", file="<In 5>")
    assert local.execute("_, Out[5]", file="<In 6>").text == "(42, 42)"


# ---- check, complete, inspect

@pytest.mark.parametrize("code, state", [
    ("1 + 1", ["whole", 0]), ("for i in x:", ["more", 4]), ("for i in x:\n    f(i)", ["more", 4]),
    ("for i in x:\n    f(i)\n", ["whole", 0]), ("def f():\n    return 1", ["more", 0]),
    ("(1,", ["more", 0]), ("'''abc", ["more", 0]), ("x = 1 + \\", ["more", 0]),
    ("1 +", ["invalid", 0]), ("x y", ["invalid", 0]), ("", ["whole", 0]), ("# note", ["whole", 0]),
    ("await f()", ["whole", 0]), ("a = 1\nb = 2", ["whole", 0]), ("if a:\n    b\nelse:", ["more", 4]),
    ("class C:\n    def f(self):", ["more", 8]), ("@dec", ["more", 0]), ("return 1", ["whole", 0])])
def test_check_tells_whether_the_input_is_whole(engine, code, state):
    assert value(engine, CHECK, code) == state


def test_the_local_check_knows_magics(local):
    assert value(local, CHECK, "for i in range(3):\n    %px f(i)") == ["more", 4]
    assert value(local, CHECK, "for i in range(3):\n    %px f(i)\n") == ["whole", 0]


@pytest.mark.parametrize("code, state", [
    ("%%time", ["more", 0]), ("%%time\nx = 1", ["more", 0]), ("%%time\nx = 1\n", ["whole", 0]),
    ("%%timeit -n 3\nfor i in x:", ["more", 4]), ("%%time\nfor i in x:\n    %px i\n", ["whole", 0]),
    ("%%time\nx = (1,\n", ["more", 0]), ("%%time\nx y", ["invalid", 0]), ("%%px", ["whole", 0]),
    ("!ls 'it", ["whole", 0]), ("x = !ls (", ["whole", 0]), ("@0-3: f(", ["whole", 0]),
    ("%time f(", ["whole", 0]), ("!!ls", ["whole", 0]), ("if a:\n    !ls\n", ["whole", 0])])
def test_the_local_check_knows_cells_and_lines_of_magics(local, code, state):
    assert value(local, CHECK, code) == state


KEYS = """
import collections
d = {'alpha': 1, 'beta two': 2, 3: 4, 'it"s': 5, 'b\\n': 6}
class Own(dict):
    def __getitem__(self, key): raise SystemError
    def keys(self): raise SystemError
    __iter__ = keys
class ns: own = Own(gamma=1)
def f(value, array=1, *args, only=2, **more): pass
"""


@pytest.mark.parametrize("code, start, names", [
    ("d['al", 3, ["alpha']"]), ('x = d["', 7, ['alpha"]', 'beta two"]']),
    ("d['", 3, ["alpha']", "beta two']", "it\"s']"]), ("d['beta t", 3, ["beta two']"]),
    ("ns.own[ 'g", 9, ["gamma']"]), ("f(d['al", 5, ["alpha']"]), ("d[3]['", 6, []),
    ("nothing['", 9, []), ("f()['", 5, []), ("'ns.", 4, []), ("# it's\nd['al", 10, ["alpha']"]),
    ("f(ar", 2, ["array="]), ("f(1, on", 5, ["only="]), ("f(array=1, ar", 11, []),
    ("f(\n  only=2,\n  val", 15, ["value="]), ("f(array=val", 8, []), ("f(g(1), [2], arra", 13,
                                                                     ["array="]),
    ("[ar", 1, []), ("(arr", 1, []), ("f(1)(arr", 5, []), ("nothing(arr", 8, []),
    ("f(1 + arr", 6, []), ("x = collections.namedtuple(rena", 27, ["rename="])])
def test_complete_knows_keys_and_arguments(engine, code, start, names):
    assert engine.execute(KEYS).status == OK
    assert value(engine, COMPLETE, code, len(code)) == [start, names]


def test_a_string_that_is_closed_behind_is_not_closed_again(engine):
    engine.execute("d = {'alpha': 1}")
    assert value(engine, COMPLETE, "d['al']", 5) == [3, ["alpha"]]


def test_columns_and_fields_are_completed_where_there_are_some(engine):
    code = "import numpy\narray = numpy.zeros(3, [('height', 'f8')])"
    if engine.execute(code).status == OK:
        assert value(engine, COMPLETE, "array['h", 8) == [7, ["height']"]]
    if engine.execute("import pandas\ntable = pandas.DataFrame({'width': [1]})").status == OK:
        assert value(engine, COMPLETE, "table['w", 8) == [7, ["width']"]]


@pytest.mark.parametrize("code, start, name", [
    ("import o", 7, "os"), ("import json.de", 12, "decoder"), ("from os import getp", 15, "getpid"),
    ("hist", 0, "history"), ("x = hist", 4, "history"), ("obj.al", 4, "alpha"),
    ("f(obj.be", 6, "beta"), ("whi", 0, "while"), ("prin", 0, "print"), ("obj.inner.de", 10, "deep")])
def test_complete_finds_names(engine, code, start, name):
    engine.execute("history = 1\nclass obj:\n    alpha = beta = 1\n    class inner: deep = 1")
    found = value(engine, COMPLETE, code, len(code))
    assert found[0] == start and name in found[1]


@pytest.mark.parametrize("code", ["nothing.here", "1/0.", "f(x).at", "'", "import nowhere.x", "a..b",
                                  "bad.x", ""])
def test_complete_never_raises(engine, code):
    engine.execute("class Bad:\n    def __dir__(self): 1/0\n"
                   "    def __getattr__(self, name): raise SystemError\nbad = Bad()")
    assert isinstance(value(engine, COMPLETE, code, len(code))[1], list)
    assert isinstance(value(engine, COMPLETE, code, 10**6)[1], list)


def test_hidden_names_come_when_they_are_asked_for(engine):
    assert not any(n.startswith("_") for n in value(engine, COMPLETE, "str.", 4)[1])
    assert "__add__" in value(engine, COMPLETE, "str.__a", 7)[1]


def test_inspect_gives_signature_and_docstring(engine):
    engine.execute("def fit(n, crit='gini'):\n    '''Fits a model.'''\n    return n", file="<In 1>")
    assert value(engine, INSPECT, "fit", 0) == "fit(n, crit='gini')\n\nFits a model."
    assert "return n" in value(engine, INSPECT, "fit", 1)
    assert value(engine, INSPECT, "nothing", 0) is None
    assert "len(" in value(engine, INSPECT, "len", 0)


# ---- interrupts

def test_an_interrupt_ends_sleep_loop_and_subprocess_and_keeps_the_state(compiled):
    with compiled.start() as engine:
        engine.execute("kept = 1\nimport time, os, subprocess")
        for code in ("time.sleep(60)", "while True: pass", "os.system('sleep 60')",
                     "subprocess.run(['sleep', '60'])", "import threading; threading.Event().wait()"):
            seq = engine.task(EXECUTE, ["print('on', flush=True)\n" + code + "\nkept = 2", "<c>", 0])
            engine.output[0] = b""
            engine.wait_output(b"on\n")
            result = engine.interrupt_until_result(seq)
            assert result.seq == seq
            if "os.system" in code:  # system() itself ignores it: its child dies
                assert result.status in (INTERRUPTED, OK)
            else:
                assert result.status == INTERRUPTED
                assert result.error["type"] == "KeyboardInterrupt"
                assert result.error["line"] >= 1
            assert engine.execute("kept").text in ("1", "2")


def test_an_engine_that_was_started_with_interrupts_ignored_takes_them(compiled):
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *compiled.command]
    with harness.Runtime(command, env=compiled.env) as engine:
        seq = engine.task(EXECUTE, ["print('on', flush=True)\nwhile True: pass", "<c>", 0])
        engine.wait_output(b"on\n")
        assert engine.interrupt_until_result(seq).status == INTERRUPTED


def test_code_that_catches_the_interrupt_goes_on(compiled):
    with compiled.start() as engine:
        code = ("try:\n    print('on', flush=True)\n    while True: pass\n"
                "except KeyboardInterrupt:\n    print('caught')\n'went on'")
        seq = engine.task(EXECUTE, [code, "<c>", 0])
        engine.wait_output(b"on\n")
        assert engine.interrupt(seq)
        assert engine.result(seq).text == "'went on'"


def test_an_interrupt_during_repr_encoding_or_flush_is_met_by_its_task(compiled):
    with compiled.start() as engine:
        engine.execute("import sys\nclass Slow:\n    def __repr__(self):\n"
                       "        print('on', flush=True)\n        while True: pass\n"
                       "    def __reduce__(self): return repr(self)\n"
                       "class Out:\n    def write(self, t): return kept.write(t)\n"
                       "    def flush(self):\n        kept.write('on\\n'); kept.flush()\n"
                       "        while not quiet: pass\n"
                       "kept = sys.stdout\nquiet = False")
        for code, flags in (("Slow()", 0), ("Slow()", 3), ("sys.stdout = Out()", 0)):
            engine.output[0] = b""
            seq = engine.task(EXECUTE, [code, "<c>", flags])
            engine.wait_output(b"on\n")
            if "Out" in code:
                engine.output[0] = b""
                for _ in range(8):  # each attempt to flush is cut short
                    assert engine.interrupt(seq)
                    if _ < 7:
                        engine.wait_output(b"on\n")
                        engine.output[0] = b""
                assert engine.result(seq).status == INTERRUPTED
            else:
                assert engine.interrupt(seq)
                assert engine.result(seq).status == INTERRUPTED
        seq = engine.task(EXECUTE, ["quiet = True; sys.stdout = kept", "<c>", 0])
        assert engine.result(seq).status == OK


def test_a_stray_signal_between_tasks_meets_nobody(python):
    with python.start() as engine:
        for _ in range(200):
            os.kill(engine.process.pid, signal.SIGINT)
            assert engine.execute("1 + 1").status == OK


def test_without_a_page_a_sync_follows_the_interrupt(python):
    with python.start(page=False) as engine:
        engine.execute("kept = 5")
        seq = engine.task(EXECUTE, ["print('on', flush=True)\nwhile True: pass", "<c>", 0])
        engine.wait_output(b"on\n")
        os.killpg(engine.process.pid, signal.SIGINT)
        assert engine.result(seq).status == INTERRUPTED
        assert engine.result(engine.task(SYNC, [])).status == OK
        assert engine.execute("kept").text == "5"


def test_an_ask_can_be_interrupted_and_its_late_answer_is_ignored(local):
    set_name(local, "h", "handle", [], {"job": 4})
    seq = local.task(EXECUTE, ["h.get()", "<In 5>", 0])
    ask = local.expect(ASK)
    result = None
    until = time.monotonic() + 20
    while result is None:  # a signal between the question and the wait for its answer is kept
        assert time.monotonic() < until
        os.killpg(local.process.pid, signal.SIGINT)
        try:
            result = local.message(0.2)
        except TimeoutError:
            pass
    assert (result.seq, result.status) == (seq, INTERRUPTED)
    local.send(ANSWER, ask.seq, [0], [pack([None, True, 1, [], None])])
    local.result(local.task(SYNC, []))
    assert local.execute("1").text == "1"


def test_a_file_of_the_user_does_not_shadow_what_the_runtime_imports(python, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("ast", "tutti", "codeop", "random", "traceback"):
        (tmp_path / (name + ".py")).write_text("raise SystemError('mine')")
    with python.start() as engine:
        assert engine.execute("1/0").error["type"] == "ZeroDivisionError"
        assert engine.execute("1").text == "1"
