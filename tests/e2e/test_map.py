"""%map: functions and their globals travel, items come back in order, failures are kept apart."""

import re
import signal

import pytest

from .harness import wait_until

TIMING = re.compile(r"(\d+) items? · [\d.]+ m?s · serial [\d.]+ m?s"
                    r"( · speed-up [\d.]+x|: serial would have been faster)")


@pytest.mark.sanitize
def test_values_come_in_order_and_the_time_is_told(cluster):
    cluster.start(2)
    outcome = cluster.lines("k = 3", "def f(n): return n * k", "r = %map f range(100)",
                            "print(r == [3 * n for n in range(100)], r.get() == list(r))",
                            "print(r.elapsed > 0, r.serial_time > 0, r.errors, r.targets)")
    assert outcome.stdout == "True True\nTrue True {} None\n"
    assert TIMING.fullmatch(outcome.stderr.strip())[1] == "100"


def test_without_a_name_the_values_are_shown_and_kept_as_out(cluster):
    cluster.start(2)
    outcome = cluster.lines("%map (lambda x: x**2) range(5)", "_ + Out[1]")
    assert outcome.stdout == "Out[1]: [0, 1, 4, 9, 16]\nOut[2]: [0, 1, 4, 9, 16, 0, 1, 4, 9, 16]\n"


def test_both_engines_take_part(cluster):
    cluster.start(2)
    got = cluster.script("""
import os, time
def meet(n):
    open(f"here{n}", "w").close()
    while not all(os.path.exists(f"here{i}") for i in range(2)):
        time.sleep(0.01)
    return os.getpid()

pids = %map meet range(2)
print(len(set(pids)))
""").stdout
    assert got == "2\n"


def test_functions_of_the_script_with_globals_closures_and_recursion(cluster):
    cluster.start(2)
    got = cluster.script("""
import collections, math as m
TABLE = {"a": 1, "b": 2}
class Pair(collections.namedtuple("Pair", "a b")):
    def total(self):
        return self.a + self.b + helper(0)

def helper(x):
    return x + TABLE["b"]

def fact(n):
    return 1 if n < 2 else n * fact(n - 1)

def even(n):
    return n == 0 or odd(n - 1)

def odd(n):
    return n != 0 and even(n - 1)

def maker(n):
    count = [n]
    def inner(x, step=helper(1)):
        count[0] += step
        return x + count[0]
    return inner

def use(n):
    return fact(n), even(n), Pair(n, 1).total(), m.floor(n + 0.5), [helper(i) for i in range(n)]

a = %map use [3]
print(a[0])
b = %map maker(10) [0]
print(b)
c = %map Pair range(2) range(2)
print(c, type(c[0]) is Pair, c[1].total())
d = %map str.upper ["x", "y"]
print(d)
e = %map (lambda x, f=fact: f(x)) range(4)
print(e)
f = %map Pair(5, 6).__getitem__ range(2)
print(f)
""").stdout
    assert got.splitlines() == [
        "(6, False, 6, 3, [2, 3, 4])", "[13]",
        "[Pair(a=0, b=0), Pair(a=1, b=1)] True 4", "['X', 'Y']", "[1, 1, 2, 6]", "[5, 6]"]


def test_the_engines_own_names_come_first_and_a_renewed_function_travels_again(cluster):
    cluster.start(2)
    got = cluster.lines("k = 1", "def f(n): return n + k", "%map f [0]", "%px k = 100", "%map f [0]",
                        "%px del k", "k = 2", "%map f [0]", "def f(n): return 'new'", "%map f [0]",
                        "%px 'f' in globals()").stdout
    assert got.splitlines() == ["Out[3]: [1]", "Out[5]: [100]", "Out[8]: [2]", "Out[10]: ['new']",
                                "Out[0-1:11]: False"]


def test_several_sequences_end_with_the_shortest(cluster):
    cluster.start(2)
    got = cluster.lines('%map pow [2, 3, 4] (1, 2)', '%map (lambda *a: a) "ab" range(9) {5: 6, 7: 8}',
                        "n = 3", "%map max range(n) [i*i for i in range(n)]",
                        "%map len (x * 'a b' for x in range(3))").stdout
    assert got.splitlines() == ["Out[1]: [2, 9]", "Out[2]: [('a', 0, 5), ('b', 1, 7)]",
                                "Out[4]: [0, 1, 4]", "Out[5]: [0, 3, 6]"]


def test_no_items(cluster):
    cluster.start(1)
    outcome = cluster.lines("r = %map abs []", "r, r.errors", "%map abs [] &", "%wait")
    assert outcome.stdout.splitlines() == ["Out[2]: ([], {})", "Out[3]: []"]


def test_many_items_and_large_ones(cluster):
    cluster.start(2)
    got = cluster.lines("n = 10000", "r = %map (lambda x: x + 1) range(n)",
                        "print(r == list(range(1, n + 1)))",
                        "b = %map len [bytes(100000 + i) for i in range(20)]",
                        "print(b == [100000 + i for i in range(20)])",
                        "c = %map bytes range(100000, 100020)",
                        "print([len(x) for x in c] == list(range(100000, 100020)))").stdout
    assert got == "True\nTrue\nTrue\n"


def test_arrays_as_items(cluster):
    pytest.importorskip("numpy")
    cluster.start(2)
    got = cluster.lines("import numpy as np", "a = np.arange(40000.0).reshape(4, 10000)",
                        "s = %map np.sum a", "print(np.array_equal(s, a.sum(axis=1)))",
                        "t = %map (lambda row: row * 2) a", "print(np.array_equal(t, a * 2))").stdout
    assert got == "True\nTrue\n"


@pytest.mark.sanitize
def test_failing_items_are_marked_and_the_others_kept(cluster):
    cluster.start(2)
    outcome = cluster.lines(
        "def clean(row):\n    if row % 3 == 0: raise ValueError(f'bad row {row}')\n    return row",
        "r = %map clean range(10)", code=1)
    first, second, third = outcome.stderr.splitlines()
    assert first.startswith("[items 0,3,6,9] ValueError at clean:2, 4 messages, first 3: "
                            "bad row 0 · bad row 3 · bad row 6")
    assert re.fullmatch(r"6 done, 4 failed · %retry \d+", second)
    assert TIMING.fullmatch(third)


def test_the_name_of_a_failing_map_is_bound_with_the_failures_marked(cluster):
    cluster.start(2)
    got = cluster.lines("def f(x): return 6 // x", "r = %map f [1, 0, 2] &",
                        "h = r.result()",
                        "print([x if isinstance(x, int) else (type(x).__name__, x.type, x.engine in (0, 1))"
                        " for x in h])", "print(list(h.errors), h.statuses)",
                        "try: r.get()\nexcept Exception as e: print('raised', e.type, e.message)",
                        "print(r.get_dict()[2], len(r), r)", code=None)
    assert got.stdout.splitlines() == [
        "[6, ('RemoteError', 'ZeroDivisionError', True), 3]", "[1] [0, 1, 0]",
        "raised ZeroDivisionError integer division or modulo by zero",
        "3 3 <Handle 2: 1 failed of 3>"]


def test_equal_errors_of_many_items_are_one_entry_with_a_traceback(cluster):
    cluster.start(2)
    outcome = cluster.lines("def f(x):\n    return {}[0]", "%map f range(30)", code=1)
    lines = outcome.stderr.splitlines()
    assert re.fullmatch(r"\[items 0-29\] KeyError: 0 · engines? [01](-1)?", lines[0])
    assert outcome.stderr.count("Traceback") == 1
    assert "    return {}[0]" in lines
    assert any(line.startswith("0 done, 30 failed · %retry ") for line in lines)


def test_targets_of_a_map(cluster):
    cluster.start(3)
    cluster.lines(*(f"%px -t {i} me = {i}" for i in range(3)))
    got = cluster.lines("def who(_): return me", "a = %map -t 1 who range(20)", "print(set(a))",
                        "b = %map -x 0-1 who range(20)", "print(set(b))", "%targets 0",
                        "c = %map who range(20)", "print(set(c))").stdout
    assert got == "{1}\n{2}\n{0}\n"
    outcome = cluster.lines("%map -t 7 abs [1]", code=2)
    assert outcome.stderr == "no engine 7: there are 0-2\n"


KILLS_ONCE = """
import os
def f(x):
    if x == 3 and not os.path.exists("died"):
        open("died", "w").close()
        os.kill(os.getpid(), 9)
    return x

"""


def test_an_item_lost_with_its_engine_is_not_tried_again_unasked(cluster):
    cluster.start(2)
    outcome = cluster.script(KILLS_ONCE + "r = %map f range(8)\n", code=1)
    assert re.search(r"^\[item 3\] lost: engine [01] was killed by SIGKILL", outcome.stderr, re.M)
    assert "7 done, 1 failed" in outcome.stderr


def test_with_retries_it_is(cluster):
    cluster.start(2)
    outcome = cluster.script(KILLS_ONCE + "r = %map --retries 2 f range(8)\nprint(r)\n")
    assert outcome.stdout == "[0, 1, 2, 3, 4, 5, 6, 7]\n"
    assert cluster.file("died").exists()
    outcome = cluster.lines("import os", "def die(x): os.kill(os.getpid(), 9)",
                            "%map --retries 1 die [0]", code=1)
    assert "lost" in outcome.stderr and "1 failed" in outcome.stderr


def test_a_timeout_ends_each_item_that_takes_longer(cluster):
    cluster.start(2)
    outcome = cluster.script("""
def f(x):
    while x == 1: pass
    return x

%map --timeout 0.5 f range(4)
""", code=1)
    assert re.search(r"^\[item 1\] timeout", outcome.stderr, re.M)
    assert "3 done, 1 stopped" in outcome.stderr


@pytest.mark.sanitize
def test_ctrl_c_keeps_what_is_finished(cluster):
    cluster.start(2)
    command = cluster.popen("run", cluster.file("s.tutti", """
import time
def f(x):
    if x < 6:
        return x
    open(f"running{x}", "w").close()
    time.sleep(600)

r = %map f range(50)
"""))
    wait_until(lambda: len(list(cluster.work_dir.glob("running*"))) == 2, what="both are busy")
    command.send(signal.SIGINT)
    outcome = command.wait(10)
    assert "6 done, 2 stopped, 42 not started" in outcome.stderr
    assert outcome.code == 1
    assert len(list(cluster.work_dir.glob("running*"))) == 2, "nothing began after Ctrl-C"
    assert cluster.ok("px", "1") == "Out[0-1:1]: 1\n"


def test_ctrl_c_binds_the_name_with_what_is_finished(cluster):
    cluster.start(1)
    command = cluster.popen("-c", "def f(x):\n    import time\n    if x == 2:\n"
                            "        open('runs', 'w').close(); time.sleep(600)\n    return x",
                            "-c", "r = %map f range(5)", "-c", "never")
    cluster.wait_file("runs")
    command.send(signal.SIGINT)
    outcome = command.wait(10)
    assert "2 done, 1 stopped, 2 not started" in outcome.stderr
    assert outcome.code == 1 and "never" not in outcome.stderr


def test_a_second_ctrl_c_leaves_the_job_alone(cluster):
    """Code that does not end on an interrupt: the second Ctrl-C stops waiting."""
    cluster.start(1)
    command = cluster.popen("px", """
import time
done = False
open("runs", "w").close()
while not done:
    try:
        while True: time.sleep(0.01)
    except KeyboardInterrupt:
        open("caught", "w").close()
        import os
        done = os.path.exists("go")
""")
    cluster.wait_file("runs")
    command.send(signal.SIGINT)
    cluster.wait_file("caught")
    assert command.running()
    command.send(signal.SIGINT)
    outcome = command.wait(10)
    assert "goes on in the background" in outcome.stderr
    cluster.file("go", "")
    cluster.lines("%interrupt")
    wait_until(lambda: cluster.engines()[0]["running"] is None)


@pytest.mark.parametrize("line, words", [
    ("%map", "%map takes a function and items"), ("%map abs", "%map takes a function and items"),
    ("%map lambda x: x [1]", "%map (lambda x: x**2) range(32)"),
    ("%map abs [1", "%map: ']' is missing at the end"), ("%map --retries x abs [1]", "--retries takes 0 to 10, not 'x'"),
    ("%map --retries 11 abs [1]", "--retries takes 0 to 10, not '11'"),
    ("%map --what abs [1]", "--retries"), ("%map --timeout x abs [1]", "--timeout takes seconds")])
def test_wrong_use_is_told_in_one_line(shared_four, line, words):
    outcome = shared_four.lines(line, code=2)
    assert len(outcome.stderr.splitlines()) == 1
    assert words.replace("%map takes", "takes") in outcome.stderr
    assert outcome.stdout == ""


@pytest.mark.parametrize("line, error", [
    ("%map nope [1]", "NameError: name 'nope' is not defined; there are: k, other"),
    ("%map 5 [1]", "TypeError: 5 is not callable: it is of type int"),
    ("%map abs 5", "TypeError: 'int' object is not iterable"),
    ("%map abs nope", "NameError: name 'nope' is not defined; there are: k, other")])
def test_wrong_functions_and_items_are_told_in_one_line(shared_four, line, error):
    outcome = shared_four.lines("k = 1; other = 2", line, code=1)
    assert outcome.stderr == error + "\n"


def test_items_that_fail_while_they_are_made(shared_four):
    outcome = shared_four.lines("def gen():\n    yield 1\n    raise KeyError('gone')",
                                "%map abs gen()", code=1)
    assert "KeyError: 'gone'" in outcome.stderr
    assert "raise KeyError('gone')" in outcome.stderr


def test_json_of_a_map_has_items(shared_four):
    got = shared_four.json("run", "--json", "-", input="%map (lambda x: x * 1.5) range(3)\n")
    assert [(one["item"], one["value"], one["status"]) for one in got] == [
        (0, 0.0, "ok"), (1, 1.5, "ok"), (2, 3.0, "ok")]


def test_a_long_item_holds_up_no_other(cluster):
    """The long one ends when it has seen all others done, those of its own engine too."""
    cluster.start(2)
    got = cluster.script("""
import os, time
def f(x):
    if x != 20:
        return open(f"done{x}", "w").close()
    until = time.monotonic() + 10
    while time.monotonic() < until:
        done = len([name for name in os.listdir() if name.startswith("done")])
        if done == 40:
            break
        time.sleep(0.01)
    return done

r = %map f range(41)
print(r[20])
""").stdout
    assert got == "40\n"


def test_what_was_sent_ahead_moves_to_an_engine_that_idles(cluster):
    """The last two items wait for each other; many tiny ones before them let much be sent ahead."""
    cluster.start(2)
    script = cluster.file("meet.tutti", """
import os, time
def f(x):
    if x < 400:
        return x
    open(f"here{x}", "w").close()
    until = time.monotonic() + 3
    while not all(os.path.exists(f"here{i}") for i in (400, 401)):
        if time.monotonic() > until:
            raise TimeoutError("alone")
        time.sleep(0.005)
    return "met"

for i in range(8):
    r = %map f range(402)
    os.remove("here400"), os.remove("here401")

""")
    assert cluster.run("run", script, timeout=40).code == 0
