"""Work that any engine may do: %submit, %retry, the ways of %map; typed at a terminal as well."""

import re

import pytest

from .harness import wait_until
from .terminal import Prompt

WRONG_USE = 2


def test_a_call_travels_with_its_arguments(shared_four):
    got = shared_four.lines(
        "base = 10", "def f(x, y=1): return x * base + y", "here = 4",
        "%submit f(here)", "v = %submit f(here, y=[2][0])", "v", "%submit f(*[1], **{'y': 3})",
        "import os.path", "%submit os.path.join('a', 'b')")
    assert got.stdout == "Out[4]: 41\nOut[6]: 42\nOut[7]: 13\nOut[9]: 'a/b'\n"


def test_what_is_more_than_a_call_is_code(shared_four):
    got = shared_four.lines("def f(x): return x + 1", "%push f", "%submit f(1)+f(2)",
                            "%submit f(1) * f(2)", "%submit (f)(3)")
    assert [line.partition(": ")[2] for line in got.stdout.splitlines()] == ["5", "6", "4"]


def test_arrays_travel_as_arguments(shared_four):
    pytest.importorskip("numpy")
    got = shared_four.lines("import numpy as np", "a = np.arange(5000.0)",
                            "def f(x, scale): return (x * scale).sum()", "%submit f(a, scale=a[2])")
    assert float(re.search(r"Out\[4\]: (?:np\.float64\()?([\d.]+)", got.stdout)[1]) == 2 * 12497500.0


def test_code_runs_on_one_engine(shared_four):
    got = shared_four.lines("%px x = 7", "%submit x * 6", "y = %submit x + 1", "y",
                            "%submit !echo from $((40 + 2))", "%submit -t 2 print('there')")
    lines = got.stdout.splitlines()
    assert re.fullmatch(r"Out\[[0-3]:2\]: 42", lines[0]) and lines[1] == "Out[4]: 8"
    assert re.fullmatch(r"\[[0-3]\] from 42", lines[2]) and lines[3] == "[2] there"


def test_a_call_that_fails_is_a_failure(shared_four):
    got = shared_four.lines("def f(x): return 1 / x", "%submit f(0)", code=1)
    assert re.search(r"^\[[0-3]:2\] ZeroDivisionError", got.stderr, re.M)
    got = shared_four.lines("%submit nosuch(1)", code=1)
    assert re.search(r"^\[[0-3]:1\] NameError", got.stderr, re.M)


# Until there is a file of that name, on an engine.
AWAIT = ("def until(name, value=None):\n    import os, time\n"
         "    while not os.path.exists(name): time.sleep(0.005)\n    return value")


def test_work_in_the_background_gives_a_handle(shared_four):
    got = shared_four.lines(AWAIT, "h = %submit until('go', 5) &", "print(h.ready())",
                            "open('go', 'w').close()", "print(h.get(), h.ready())",
                            "k = %submit --noblock until('go', 6)", "%wait", "print(k.get())").stdout
    assert got == "False\n5 True\n6\n"


def test_the_order_in_which_values_came(cluster):
    """Each item ends when its file is there, which comes when the one before has been told."""
    cluster.start(3)
    for option, order in ("--unordered", "['b', 'c', 'a']"), ("", "['a', 'b', 'c']"):
        names = [f"{letter}{option}" for letter in "abc"]
        running = cluster.popen("-c", AWAIT, "-c", f"%map {option} (lambda n: until(n, n[0])) {names}")
        left = 3
        for letter in "bca":
            wait_until(lambda: cluster.status()["controller"]["tasks"] == left)
            cluster.file(f"{letter}{option}", "")
            left -= 1
            wait_until(lambda: cluster.status()["controller"]["tasks"] == left)
        assert running.wait(20).stdout == f"Out[2]: {order}\n"


def test_failures_may_be_values(shared_four):
    got = shared_four.lines("r = %map --return-exceptions (lambda x: 6 / x) [2, 0, 3]",
                            "print(r[0], type(r[1]).__name__, r[2], list(r.errors))")
    assert got.stdout == "3.0 RemoteError 2.0 [1]\n" and "Traceback" not in got.stderr
    assert "2 done, 1 failed · %retry 1" in got.stderr


def test_so_many_are_under_way_at_most(shared_four):
    got = shared_four.lines("x = %map --max-outstanding 1 (lambda x: __import__('os').getpid()) "
                            "range(8)", "%map --max-outstanding 2 len ['a', 'bb', 'ccc']")
    assert got.stdout == "Out[2]: [1, 2, 3]\n"


def test_only_what_failed_is_tried_again_into_the_same_result(shared_four):
    """With the function as it is now, and what went well is not done twice."""
    got = shared_four.script("""
import time
%px calls = []
def f(x):
    calls.append(x)
    if x % 3 == 0 and broken: raise ValueError(x)
    return x * 10
broken = True
r = %map f range(8) &
while not r.ready(): time.sleep(0.01)
failed = sorted(r.errors)
def f(x):
    calls.append(x)
    return x * 100
%retry
print(failed, r, r.errors)
all = %px calls
print(sorted(sum(all, [])))
""")
    assert got.stdout.splitlines() == ["[0, 3, 6] [0, 10, 20, 300, 40, 50, 600, 70] {}",
                                       "[0, 0, 1, 2, 3, 3, 4, 5, 6, 6, 7]"]
    assert "5 done, 3 failed" in got.stderr and "%retry 4" in got.stderr


@pytest.mark.parametrize("line, message", [
    ("%submit", "%submit: takes a call or code, as in %submit fit(10)"),
    ("%submit --retries 11 1", "%submit: --retries takes 0 to 10, not '11'"),
    ("%map --max-outstanding 0 len 'a'", "%map: --max-outstanding takes 1 to 1000000, not '0'"),
    ("%retry", "%retry: no job has anything left to do"),
    ("%retry 9", "%retry: no job '9'"),
])
def test_wrong_use(shared_four, line, message):
    assert message in shared_four.lines(line, code=WRONG_USE).stderr


def test_what_cannot_be_tried_again_says_why(shared_four):
    for lines, why in [(["%px 1", "%retry 1"], "job 1 is no %map, %submit or %sweep"),
                       (["%map len ['a']", "%retry 1"], "job 1 has nothing left to do"),
                       ([AWAIT, "%submit until('later') &", "%retry 2"], "job 2 still runs")]:
        assert why in shared_four.lines(*lines, code=WRONG_USE).stderr
    shared_four.file("later", "")


def test_interrupted_at_the_prompt_and_tried_again(cluster):
    cluster.start(2)
    with Prompt(cluster) as prompt:
        prompt.run("%px import time")
        prompt.run("slow = lambda x: (time.sleep(0.05 if go else 600 * (x > 1)), x)[1]")
        prompt.run("go = False")
        prompt.run("import time")
        prompt.send("r = %map slow range(40)\r")
        prompt.wait_line(r".*2/40.*")
        prompt.send("\x03")
        line = prompt.wait_line(r"2 done, 2 stopped, 36 not started · %retry 5")
        assert line is not None
        prompt.wait_prompt(6)
        prompt.run("go = True")
        prompt.run("%retry 5")
        assert prompt.run("r == list(range(40)), r.errors") == ["Out[8]: (True, {})"]
        assert prompt.run("%submit slow(7)") == ["Out[9]: 7"]


def test_when_engines_worked_is_drawn(shared_four):
    got = shared_four.lines("%map --direct (lambda s: __import__('time').sleep(s / 10)) range(8)",
                            "%timeline", "%timeline 1 t.svg", "%timeline w.svg",
                            env={"LC_ALL": "C"}).stdout.splitlines()
    rows = [line for line in got if re.fullmatch(r"[0-3]  .* \d+ % - 2", line)]
    assert len(rows) == 4 and "##" in rows[3] and got[-1].startswith("   0 s ")
    for name in "t.svg", "w.svg":
        text = (shared_four.work_dir / name).read_text()
        assert text.startswith("<svg ") and text.count("<rect ") == 8 and text.endswith("</svg>\n")
    for line, why in [("%timeline", "there is no job yet"), ("%timeline 3", "no job '3'"),
                      ("%timeline x.svg", "there is no job yet")]:
        assert why in shared_four.lines(line, code=WRONG_USE).stderr
    assert "nothing of job 2 has been done on an engine" in shared_four.lines(
        AWAIT, "%submit until('drawn') &", "%timeline", code=WRONG_USE).stderr
    shared_four.file("drawn", "")
    assert "cannot write '/nowhere/t.svg'" in shared_four.lines(
        "%px 1", "%timeline 1 /nowhere/t.svg", code=WRONG_USE).stderr


def test_a_loop_may_wait_for_a_handle(shared_four):
    got = shared_four.script(AWAIT + """
h = %submit until('looped', 5) &
print(h.ready())
turns = 0
while not h.ready():
    turns += 1
    open('looped', 'w').close()
print(turns > 0, h.get())
""")
    assert got.stdout == "False\nTrue 5\n"
