"""Code on engines: what is kept, what is captured and whose it is, folding, errors, interrupts."""

import re
import signal

import pytest

from .harness import wait_until

SPIN = "while True: pass"


def by_engine(results):
    return {result["engine"]: result for result in results}


@pytest.mark.sanitize
def test_names_are_kept_between_lines_on_each_engine(cluster):
    cluster.start(2)
    cluster.ok("px", "import os; mine = os.getpid()")
    cluster.ok("px", "mine += 1")
    got = by_engine(cluster.json("px", "--json", "mine"))
    pids = cluster.engine_pids()
    assert {i: got[i]["repr"] for i in got} == {i: str(pid + 1) for i, pid in pids.items()}


def test_a_definition_of_one_engine_is_not_on_another(cluster):
    cluster.start(2)
    cluster.ok("px", "-t", "0", "here = 1")
    outcome = cluster.px("here")
    assert outcome.code == 1
    assert outcome.stdout == "Out[0:1]: 1\n"
    assert outcome.stderr.startswith("[1:1] NameError: name 'here' is not defined\n")


@pytest.mark.parametrize("stream, number", [("stdout", 1), ("stderr", 2)])
def test_output_below_python_is_captured_for_its_engine(cluster, stream, number):
    cluster.start(2)
    got = by_engine(cluster.json("px", "--json", f"""
import ctypes, os, subprocess, sys
libc, me = ctypes.CDLL(None), str(os.getpid()).encode()
print("python", me.decode(), file=sys.{stream}); sys.{stream}.flush()
os.write({number}, b"os.write " + me + b"\\n")
libc.write({number}, b"libc " + me + b"\\n", 6 + len(me))
subprocess.run(f"echo child {{me.decode()}} >&{number}", shell=True);"""))
    for engine, pid in cluster.engine_pids().items():
        assert got[engine][stream] == (f"python {pid}\nos.write {pid}\nlibc {pid}\n"
                                       f"child {pid}\n")
        assert got[engine]["stdout" if number == 2 else "stderr"] == ""


def test_unflushed_c_output_is_not_lost(cluster):
    cluster.start(1)
    got = cluster.ok("px", "import ctypes\nctypes.CDLL(None).puts(b'buffered by C');")
    assert got == "[0] buffered by C\n"


def test_output_without_newline_and_of_odd_bytes(cluster):
    cluster.start(1)
    got, = cluster.json("px", "--json", r"import os; os.write(1, b'a\xff\x00\x1b[31mz');")
    assert got["stdout"] == "a\ufffd\x00\x1b[31mz"
    assert cluster.px("print('no end', end='')").stdout == "[0] no end\n"


def test_much_output_arrives_whole_and_in_order(cluster):
    cluster.start(2)
    got = cluster.json("px", "--json", "for i in range(200000): print(i)")
    expected = "".join(f"{i}\n" for i in range(200000))
    assert [len(one["stdout"]) + one["dropped_bytes"] for one in got] == [len(expected)] * 2
    for one in got:
        assert expected.startswith(one["stdout"]) or expected.endswith(one["stdout"])
    assert len(got[0]["stdout"]) >= 1 << 20 or got[0]["dropped_bytes"] == 0


def test_a_threads_output_between_tasks_is_not_the_next_tasks(cluster):
    cluster.start(1)
    cluster.ok("px", """
import os, threading
def write():
    go.wait()
    os.write(1, b"late words\\n")
    open("written", "w").close()
go = threading.Event()
threading.Thread(target=write).start()
def later():
    threading.Timer(0.1, go.set).start()
""", cwd=cluster.work_dir)
    assert cluster.ok("px", "later()") == ""
    cluster.wait_file("written")
    got, = cluster.json("px", "--json", "print('mine')")
    assert got["stdout"] == "mine\n"


def test_output_of_a_subprocess_that_goes_on_is_not_the_next_tasks(cluster):
    cluster.start(1)
    cluster.ok("px", "import subprocess\n"
               "p = subprocess.Popen('read x; echo late', shell=True, stdin=subprocess.PIPE);")
    got, = cluster.json("px", "--json", "print('first')")
    assert got["stdout"] == "first\n"
    got, = cluster.json("px", "--json", "p.communicate(b'go\\n'); print('second')")
    assert got["stdout"] == "late\nsecond\n"


@pytest.mark.sanitize
def test_equal_output_is_shown_once_and_a_different_line_apart(cluster):
    cluster.start(4)
    cluster.lines("for i in range(4):\n    %px -t 0-3 me = -1",
                  *(f"%px -t {i} me = {i}" for i in range(4)))
    assert cluster.ok("px", "print('same')") == "[0-3] same\n"
    assert cluster.ok("px", "print('odd' if me == 2 else 'same')") == "[0-1,3] same\n[2] odd\n"
    assert cluster.ok("px", "6*7") == "Out[0-3:1]: 42\n"
    assert cluster.ok("px", "me // 3") == "Out[0-2:1]: 0\nOut[3:1]: 1\n"


def test_stdout_and_stderr_differ_without_colour(cluster):
    cluster.start(2)
    outcome = cluster.px("import sys; print('out'); print('err', file=sys.stderr)")
    assert outcome.stdout == "[0-1] out\n"
    assert outcome.stderr == "[0-1 err] err\n"
    assert outcome.code == 0


@pytest.mark.sanitize
def test_an_error_of_all_is_one_traceback(cluster):
    cluster.start(4)
    assert cluster.px("1/0").stderr == "[0-3:1] ZeroDivisionError: division by zero\n"
    outcome = cluster.px("x = 3\n1/0")
    assert outcome.code == 1
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("[0-3:1] ZeroDivisionError: division by zero\n")
    assert outcome.stderr.count("Traceback") == 1
    assert "    1/0\n" in outcome.stderr


def test_a_traceback_shows_the_lines_of_the_user_only(cluster):
    cluster.start(1)
    text = cluster.px("-", input="def outer():\n    inner()\n\ndef inner():\n    [][1]\n\nouter()\n")
    assert text.code == 1
    assert [line.strip() for line in text.stderr.splitlines() if "File" in line] == [
        'File "In [1]", line 7, in <module>', 'File "In [1]", line 2, in outer',
        'File "In [1]", line 5, in inner']
    assert "[][1]" in text.stderr and "tutti" not in text.stderr


def test_a_syntax_error_is_told_with_its_place(cluster):
    cluster.start(2)
    outcome = cluster.px("a = = 1")
    assert outcome.code == 1
    assert "[0-1:1] SyntaxError: invalid syntax" in outcome.stderr
    assert "a = = 1" in outcome.stderr


def test_the_last_expression_is_the_value_unless_a_semicolon_ends_it(cluster):
    cluster.start(1)
    assert cluster.ok("px", "x = 5\nx") == "Out[0:1]: 5\n"
    assert cluster.ok("px", "x;") == ""
    assert cluster.ok("px", "None") == ""
    assert cluster.ok("px", "'a\\nb'") == "Out[0:1]: 'a\\nb'\n"
    assert cluster.ok("px", "import asyncio\nawait asyncio.sleep(0, 'awaited')") == (
        "Out[0:1]: 'awaited'\n")


@pytest.mark.parametrize("code", [
    pytest.param(SPIN, marks=pytest.mark.sanitize), "import time; time.sleep(600)", "import subprocess; subprocess.run(['sleep', '600'])",
    "import threading; threading.Event().wait()"], ids=["loop", "sleep", "subprocess", "wait"])
def test_an_interrupt_ends_what_it_waits_for_and_keeps_names(cluster, code):
    cluster.start(2)
    cluster.ok("px", "kept = 'kept'")
    pids = cluster.engine_pids()
    command = cluster.popen("px", f"open(str(__import__('os').getpid()), 'w').close()\n{code}")
    wait_until(lambda: all(cluster.file(str(pid)).exists() for pid in pids.values()))
    command.send(signal.SIGINT)
    outcome = command.wait(10)
    assert outcome.code == 1
    place = re.compile(r"\[(0|1|0-1)\] interrupted at In \[1\]:[12]")  # one may be a line behind
    assert all(map(place.fullmatch, outcome.stderr.splitlines())), outcome
    assert cluster.ok("px", "kept") == "Out[0-1:1]: 'kept'\n"
    assert cluster.engine_pids() == pids, "the engines are the same processes"


def test_ctrl_c_at_the_whole_process_group_is_the_same(cluster):
    cluster.start(1)
    pid = cluster.engine_pids()[0]
    command = cluster.popen("px", f"open('runs', 'w').close()\n{SPIN}")
    cluster.wait_file("runs")
    command.press(signal.SIGINT)
    assert command.wait(10).code == 1
    assert cluster.engine_pids()[0] == pid


def test_an_interrupted_subprocess_is_gone(cluster):
    cluster.start(1)
    command = cluster.popen("px", "import subprocess\np = subprocess.Popen(['sleep', '600'])\n"
                            "open('pid', 'w').write(str(p.pid))\np.wait()")
    wait_until(lambda: cluster.file("pid").exists() and cluster.file("pid").read_text())
    command.send(signal.SIGINT)
    assert command.wait(10).code == 1


def test_code_may_catch_the_interrupt(cluster):
    cluster.start(1)
    command = cluster.popen("px", "import time\ntry:\n    open('runs', 'w').close()\n"
                            "    time.sleep(600)\nexcept KeyboardInterrupt:\n    print('caught')\n"
                            "'went on'")
    cluster.wait_file("runs")
    command.send(signal.SIGINT)
    outcome = command.wait(10)
    assert "[0] caught" in outcome.stdout


def test_only_the_targets_are_interrupted(cluster):
    cluster.start(2)
    other = cluster.popen("px", "-t", "1", "import time\nopen('one', 'w').close()\n"
                          "while not __import__('os').path.exists('go'): time.sleep(0.01)\n'whole'")
    command = cluster.popen("px", "-t", "0", f"open('zero', 'w').close()\n{SPIN}")
    cluster.wait_file("one")
    cluster.wait_file("zero")
    command.send(signal.SIGINT)
    assert command.wait(10).code == 1
    cluster.file("go", "")
    assert other.wait(10) == ("Out[1:1]: 'whole'\n", "", 0)


def test_an_interrupt_takes_back_what_only_waits(cluster):
    cluster.start(1)
    first = cluster.popen("px", "import os, time\nopen('first', 'w').close()\n"
                          "while not os.path.exists('go'): time.sleep(0.01)\n'first'")
    cluster.wait_file("first")
    second = cluster.popen("px", "open('second', 'w').close()")
    wait_until(lambda: cluster.engines()[0]["queue"] > 0, what="the second waits")
    second.send(signal.SIGINT)
    outcome = second.wait(10)
    assert outcome.code == 1
    assert "cancelled" in outcome.stderr
    cluster.file("go", "")
    assert first.wait(10) == ("Out[0:1]: 'first'\n", "", 0)
    assert not cluster.file("second").exists()


def test_a_timeout_interrupts_and_says_so(cluster):
    cluster.start(2)
    cluster.ok("px", "kept = 1")
    outcome = cluster.px("--timeout", "0.3", SPIN)
    assert outcome.code == 1
    assert "[0-1] timeout" in outcome.stderr
    assert cluster.ok("px", "--timeout", "30", "kept") == "Out[0-1:1]: 1\n"
    outcome = cluster.lines("%px --timeout 0.3 import time; time.sleep(600)", code=1)
    assert "timeout" in outcome.stderr


def test_exit_ends_that_engine_only_and_it_comes_back(cluster):
    cluster.start(2)
    cluster.ok("px", "kept = 1")
    outcome = cluster.px("-t", "0", "exit(3)")
    assert outcome.code == 1
    assert outcome.stderr.startswith("[0")
    assert "3" in outcome.stderr
    cluster.wait_state("ready")
    outcome = cluster.px("kept")
    assert outcome.stdout == "Out[1:1]: 1\n" and outcome.code == 1


def test_input_on_an_engine_fails_at_once(cluster):
    cluster.start(1)
    outcome = cluster.px("input('? ')")
    assert outcome.code == 1
    assert "EOFError: input() on an engine has no terminal" in outcome.stderr
    assert cluster.ok("px", "import sys; sys.stdin.read()") == "Out[0:1]: ''\n"


def test_a_small_result_does_not_wait_behind_a_long_task_elsewhere(cluster):
    cluster.start(2)
    outcome = cluster.lines(
        "%px -t 0 import os, time",
        "slow = %px -t 0 [time.sleep(0.01) for i in iter(lambda: os.path.exists('go'), True)] &",
        "quick = %px -t 1 6*7",
        "print(quick, slow.ready())",
        "open('go', 'w').close()",
        "print(type(slow.get()), slow.ready())")
    assert outcome.stdout.splitlines()[-2:] == ["42 False", "<class 'list'> True"]


def test_a_small_result_comes_before_a_long_broadcasts(cluster):
    """One command on both engines: the quick one's answer is there while the other still runs."""
    cluster.start(2)
    cluster.lines("%px -t 0 me = 0", "%px -t 1 me = 1")
    long = cluster.popen("px", "import os, time\nopen(f'ran{me}', 'w').close()\n"
                         "while me == 0 and not os.path.exists('go'): time.sleep(0.01)")
    cluster.wait_file("ran0")
    cluster.wait_file("ran1")
    assert cluster.ok("px", "-t", "1", "me") == "Out[1:1]: 1\n"
    assert long.running()
    cluster.file("go", "")
    assert long.wait().code == 0


def test_a_small_result_does_not_wait_for_the_long_task_behind_it(cluster):
    """Both are sent to one engine at once; the first one's result is there while the second runs."""
    cluster.start(1)
    outcome = cluster.lines(
        "%px import os, time",
        "quick = %px 6*7 &",
        "slow = %px [time.sleep(0.01) for i in iter(lambda: os.path.exists('go'), True)] &",
        "print(quick.get(), slow.ready())",
        "open('go', 'w').close()",
        "print(len(slow.get()), slow.ready())")
    assert outcome.stdout.splitlines()[0] == "[42] False"
    assert outcome.stdout.splitlines()[-1] == "1 True"


def test_tasks_of_one_engine_run_in_the_order_they_were_sent(cluster):
    cluster.start(1)
    outcome = cluster.lines("%px seen = []", *(f"h{i} = %px seen.append({i}) &" for i in range(20)),
                            "%wait", "%px seen")
    assert outcome.stdout == f"Out[0:23]: {list(range(20))}\n"


def test_code_from_standard_input_and_from_a_file(cluster):
    cluster.start(2)
    text = "def f():\n\n    return 'from here'\n\nf()\n"
    assert cluster.ok("px", "-", input=text) == "Out[0-1:1]: 'from here'\n"
    assert cluster.ok("px", "-f", cluster.file("code.py", text)) == "Out[0-1:1]: 'from here'\n"
    assert cluster.ok("px", "--", "-5 + 1") == "Out[0-1:1]: -4\n"


@pytest.mark.parametrize("targets, ids", [
    (["-t", "0"], [0]), (["-t", "1-2"], [1, 2]), (["-t", "0,3"], [0, 3]), (["-t", "-1"], [3]),
    (["-t", "0:4:2"], [0, 2]), (["-t", "all", "-x", "1-2"], [0, 3]), (["-x", "3"], [0, 1, 2]),
    (["-t", "@python"], [0, 1, 2, 3])])
def test_target_sets(shared_four, targets, ids):
    got = shared_four.json("px", "--json", *targets, "1")
    assert [one["engine"] for one in got] == ids


JSON_KEYS = ("schema job engine host source status repr value stdout stderr dropped_bytes displays "
             "exit_status cause note error timing").split()


def test_json_of_px_has_all_keys(shared_four):
    for one in shared_four.json("px", "--json", "print('hé'); 6*7"):
        assert list(one) == JSON_KEYS
        assert (one["status"], one["repr"], one["stdout"]) == ("ok", "42", "hé\n")
        assert set(one["timing"]) == {"queue", "run", "elapsed"}
        assert one["timing"]["elapsed"] >= one["timing"]["run"] >= 0


def test_json_of_an_error(shared_four):
    got = shared_four.json("px", "--json", "-t", "0", "x = 1\n1/0", code=1)
    assert list(got[0]) == JSON_KEYS
    error = got[0]["error"]
    assert (error["type"], error["line"], error["source"]) == ("ZeroDivisionError", 2, "1/0")
    assert error["traceback"].startswith("Traceback (most recent call last):\n")
    assert got[0]["status"] == "error"
