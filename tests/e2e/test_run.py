"""The prompt's lines from arguments (-c), files and pipes (run): the grammar from end to end."""

import json
import re
import signal
import subprocess

import pytest


def test_lines_share_one_session_and_one_local_engine(cluster):
    cluster.start(2)
    outcome = cluster.lines("x = 3", "def f():\n    return x + 1", "%push x", "%px print(x)",
                            "print(f())", "f()")
    assert outcome.stdout == "[0-1] 3\n4\nOut[6]: 4\n"
    assert outcome.stderr == ""


@pytest.mark.sanitize
def test_a_file_with_cells_blank_lines_and_magics_in_code(cluster):
    cluster.start(2)
    outcome = cluster.script('''\
# a comment, then code that a blank line divides
def here(n):

    return n * 2

text = """
%px this is text
%%px
"""
here(1) if len(text.splitlines()) == 3 else 1/0
r = 2
values = [9
%r
]
print(here(values[0]))
%%px
def there(n):

    return n * 3

# the cell goes on behind blank lines
print(there(1))

there(2)
%%
print("here again")

for i in range(2):
    %px -t 0 print("loop")
    v = %px there(5)
    print(i, v)

if not v:
    %px never
else:
    w = %px -t 1 there(6)

def g():
    a, b = %px there(7)
    return a + b

print(w, g())
@1: there(8)
%px there(9)  # the comment is Python's, there
''')
    assert outcome.stdout.splitlines() == [
        "2", "[0-1] 3", "Out[0-1:2]: 6", "here again", "[0] loop", "0 [15, 15]", "[0] loop",
        "1 [15, 15]", "18 42", "Out[1:4]: 24", "Out[0-1:5]: 27"]
    assert outcome.stderr == ""


def test_a_cell_ends_at_the_end_of_the_file_and_before_another(cluster):
    cluster.start(2)
    assert cluster.script("%%px\nx = 1\n\n%%px -t 0\n\nx + 1").stdout == "Out[0:2]: 2\n"
    outcome = cluster.script("%%px\n1/0\n\n%%\nprint('no')\n", code=1)
    assert outcome.stdout == "" and "ZeroDivisionError" in outcome.stderr


def test_a_run_from_standard_input(cluster):
    cluster.start(2)
    got = cluster.ok("run", "-", input="x = 20\r\n%push x\r\n%px x + 1\r\n")
    assert got == "Out[0-1:3]: 21\n"


def test_assignments(cluster):
    cluster.start(3)
    got = cluster.lines(
        "x = %px 6*7", "print(x)", "y = %px -t -1 'last'", "print(y)", "A, B = %px -t 0-1 'ab'",
        "print(A, B)", "class Box: pass", "box = Box()", "box.value = %px -t 0 [1]", "print(box.value)",
        "z = @2: 5", "print(z)", "%px -t 0 q = 1", "x == [42] * 3").stdout
    assert got.splitlines() == ["[42, 42, 42]", "last", "ab ab", "[1]", "5", "Out[14]: True"]


def test_too_many_or_few_names(cluster):
    cluster.start(2)
    outcome = cluster.lines("a, b, c = %px 1", code=1)
    assert "2 values for 3 names" in outcome.stderr


@pytest.mark.sanitize
def test_background_jobs(cluster):
    cluster.start(2)
    outcome = cluster.lines(
        "%px import os, time",
        "def wait_for(name):\n    while not os.path.exists(name): time.sleep(0.01)\n    return name",
        "%push wait_for",
        "h = %px -t 0 wait_for('go') &",
        "print(h.ready(), h)",
        "k = %px --noblock -t 1 5",
        "%wait 6",
        "print(k.ready(), k.get(), 0 <= k.elapsed < 60, h.ready())",
        "%jobs",
        "try: h.get(0.05)\nexcept TimeoutError as e: print(e)",
        "open('go', 'w').close()",
        "print(h.get(), h.ready(), h.elapsed > 0, h.get_dict(), h.errors)",
        "%result 4", "%result 6", "%result")
    lines = outcome.stdout.splitlines()
    assert lines[0] == "False <Handle 4: pending>"
    assert lines[1] == "True 5 True False"
    jobs = [re.sub(r"\s+", " ", line) for line in lines[2:6]]
    assert [re.sub(r"[\d.]+ m?s", "T", line) for line in jobs] == [
        "[1] done 2/2 T import os, time", "[3] done 2/2 T %push wait_for",
        "[4] running 0/1 T wait_for('go')", "[6] done 1/1 T 5"]
    assert lines[6:] == ["job 4 has not ended after 0.05 s", "go True True {0: 'go'} {}",
                         "Out[4]: 'go'", "Out[6]: 5", "Out[6]: 5"]
    assert "[4] running" in outcome.stderr and "[4] done" in outcome.stderr


def test_handles_and_results_have_the_names_of_async_results(cluster):
    cluster.start(3)
    outcome = cluster.lines(
        "%px import os, time",
        "def work(name):\n    print('at it')\n    while not os.path.exists(name): time.sleep(0.01)\n"
        "    return 6 // (3 - int(name[-1]))",
        "%push work",
        "h = %px --noblock work('go2')",
        "h.add_done_callback(lambda h: print('called', h))",
        "print(h.done(), h.progress, h.wait(0.01), h.status, h.engine_id)",
        "try: h.successful()\nexcept RuntimeError as e: print(e)",
        "open('go2', 'w').close()",
        "print(h.wait(), h.successful(), h.exception(), h.r, h.result_dict, h.progress)",
        "print(h.stdout, h.stderr, h.engine_id, sorted(h.metadata[0]))",
        "print(h.timedelta(h.submitted, h.received) > 0, all(h.metadata[1].values()) is False)",
        "h.display_outputs()",
        "async def later(h): return await h",
        "import asyncio",
        "k = %px --noblock 5",
        "print(asyncio.run(later(k)))",
        "open('go3', 'w').close()",
        "m = %map work ['go2', 'go3'] &",
        "print(m.wait(), m.successful(), type(m.exception()).__name__, m.status, m.error[0], m.error[1].ename)",
        "s = %px --noblock -t 1 time.sleep(100)",
        "print(s.cancel(), s.wait(20), s.status, s.cancel(), type(s.engine_id))",
        "try: s.abort()\nexcept RuntimeError as e: print(e)",
        "y = %px print('now') or 7",
        "print(y.ready(), y.done(), y.wait(), y.successful(), y.status, y.stdout, y.engine_id, y.r, y.cancel())",
        "try: y.nonsense\nexcept AttributeError as e: print(e)",
        "y.job = 12345",
        "try: y.metadata\nexcept RuntimeError as e: print(e)",
        code=None)
    lines = outcome.stdout.splitlines()
    assert lines == [
        "False 0 False [None, None, None] [0, 1, 2]", "Result is not ready.", "[0-2] at it",
        "called <Handle 4: done>",
        "True True None [6, 6, 6] {0: 6, 1: 6, 2: 6} 3",
        "['at it\\n', 'at it\\n', 'at it\\n'] ['', '', ''] [0, 1, 2] ['completed', 'engine_id', "
        "'error', 'received', 'started', 'status', 'stderr', 'stdout', 'submitted']",
        "True True", "[0-2] at it", "Out[4]: [6, 6, 6]", "[5, 5, 5]", "[items 0-1] at it",
        "True False RemoteError ['ok', 'error'] None ZeroDivisionError",
        "True True error False <class 'int'>", "Can't abort, I am already done!", "[0-2] now",
        "True True True True ['ok', 'ok', 'ok'] ['now\\n', 'now\\n', 'now\\n'] [0, 1, 2] [7, 7, 7] False",
        "'Result' object has no attribute 'nonsense'", "12345: the prompt has forgotten that job"], outcome


def test_background_output_is_shown_when_it_is_done(cluster):
    cluster.start(1)
    outcome = cluster.lines("%px print('from behind') &", "%px 1", "2")
    assert sorted(outcome.stdout.splitlines()[:2]) == ["Out[0:2]: 1", "[0] from behind"]
    assert outcome.stdout.endswith("Out[3]: 2\n")


def test_the_end_of_the_script_waits_for_background_jobs(cluster):
    cluster.start(1)
    assert cluster.lines("%px import time; time.sleep(0.1); print('late') &").stdout == "[0] late\n"
    assert cluster.lines("%px 1/0 &", code=1).stderr.count("ZeroDivisionError") >= 1


def test_wait_with_a_timeout(cluster):
    cluster.start(1)
    outcome = cluster.lines("h = %px import time; time.sleep(600) &", "%wait --timeout 0.1", code=1)
    assert "%wait: job 1 still runs" in outcome.stderr
    cluster.lines("%interrupt", "%px 1")


def test_cancel_ends_what_runs_and_what_waits(cluster):
    cluster.start(1)
    outcome = cluster.lines(
        "a = %px open('runs', 'w').close(); import time; time.sleep(600) &",
        "b = %px open('never', 'w').close() &",
        "import os, time\nwhile not os.path.exists('runs'): time.sleep(0.01)",
        "%cancel 2 1",
        "try: a.get()\nexcept Exception as e: print(e.type)",
        "try: b.get()\nexcept Exception as e: print(e.type)",
        "%jobs")
    kinds = outcome.stdout.splitlines()[:2]
    assert kinds == ["KeyboardInterrupt", "cancelled"]
    assert not cluster.file("never").exists()
    assert [line.split()[1] for line in outcome.stdout.splitlines()[2:]] == ["failed", "failed"]


def test_interrupt_ends_what_runs_only(cluster):
    cluster.start(2)
    outcome = cluster.lines(
        "%px import os, time",
        "a = %px open(f'runs{os.getpid()}', 'w').close(); time.sleep(600) &",
        "b = %px 'after' &",
        "import glob, time\nwhile len(glob.glob('runs*')) < 2: time.sleep(0.01)",
        "%interrupt 0", "%interrupt 1", "%wait 3", "print(b.get())", code=None)
    assert outcome.stdout == "['after', 'after']\n"


def test_restart_gives_fresh_engines_with_the_same_ids(cluster):
    cluster.start(3)
    cluster.ok("px", "x = 1")
    before = cluster.engine_pids()
    cluster.lines("%restart 1")
    after = cluster.engine_pids()
    assert (after[0], after[2]) == (before[0], before[2]) and after[1] != before[1]
    assert cluster.lines("%px -t 0,2 x", "%px -t 1 'x' in globals()").stdout == (
        "Out[0,2:1]: 1\nOut[1:2]: False\n")
    cluster.lines("%restart")
    assert not set(cluster.engine_pids().values()) & set(after.values())
    assert cluster.ok("px", "'x' in globals()") == "Out[0-2:1]: False\n"


def test_restart_ends_a_task_that_ignores_interrupts(cluster):
    cluster.start(1)
    outcome = cluster.lines(
        "h = %px import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32)); "
        "open('runs', 'w').close(); [0 for _ in iter(int, 1)] &",
        "import os, time\nwhile not os.path.exists('runs'): time.sleep(0.01)",
        "%restart 0", "%px 'fresh'", code=None)
    assert "Out[0:4]: 'fresh'" in outcome.stdout
    assert "restarted" in outcome.stderr


def test_targets_hold_for_all_magics_until_changed(cluster):
    cluster.start(4)
    got = cluster.lines(
        "%targets", "%targets 1-2", "%targets", "%px 'a'", "%px -t 0 'b'", "x = 5", "%push x",
        "@3: 'x' in globals()", "%targets -x 0,3", "%px x", "%px -t all -x 1 'c'", "%targets all",
        "%px 'd'", "%targets 0:4:2", "%targets").stdout
    host = cluster.status()["hosts"][0]["host"]
    assert got.splitlines() == [
        f"all: 0-3 (python on {host})", f"1-2: 1-2 (python on {host})", "Out[1-2:4]: 'a'",
        "Out[0:5]: 'b'", "Out[3:8]: False", "Out[1-2:10]: 5", "Out[0,2-3:11]: 'c'",
        "Out[0-3:13]: 'd'", f"0:4:2: 0,2 (python on {host})"]


def test_options_end_and_the_rest_is_verbatim(cluster):
    cluster.start(1)
    got = cluster.lines("x = 'local'", "%px -- -1 + 2", "%px -1", "%px '{x} $x %d' % 5",
                        "%px 'a' # 'b' &'", "%px 5 & 6", code=None)
    assert got.stdout.splitlines() == ["Out[0:2]: 1", "Out[0:3]: -1", "Out[0:4]: '{x} $x 5'",
                                       "Out[0:5]: 'a'", "Out[0:6]: 4"]


def test_shell_lines_and_help(cluster):
    cluster.start(1)
    outcome = cluster.lines("!echo here", "%px?", "len?", "%help map",
                            "!exit 3", code=1)
    assert outcome.stdout.startswith("here\n%px [-t SET]")
    assert "Return the number of items in a container" in outcome.stdout
    assert "calls a function for each item" in outcome.stdout
    assert outcome.stderr == "exit 3\n"


def test_help_lists_every_magic(cluster):
    cluster.start(1)
    listed = cluster.lines("%help").stdout
    for name in ("px map push pull targets jobs status result wait cancel interrupt restart why "
                 "help").split():
        assert re.search(rf"^  %{name} +\S", listed, re.M), name


@pytest.mark.parametrize("text, line, words", [
    ("x = 1\n\n1/0\nprint('no')\n", 3, "ZeroDivisionError"),
    ("x = 1\n%px 1/0\nprint('no')\n", 2, "ZeroDivisionError"),
    ("x = 1\n\n%%px\n\n1/0\n%%\nprint('no')\n", 3, "ZeroDivisionError"),
    ("\n%push nope\nprint('no')\n", 2, "NameError"),
    ("\n\n%pull nope\nprint('no')\n", 3, "NameError"),
    ("%map int ['a']\nprint('no')\n", 1, "ValueError"),
    ("if True:\n    x = 1\n    %px 1/0\nprint('no')\n", 3, "ZeroDivisionError"),
    ("def f():\n    return 1 +\n", 2, "SyntaxError"),
], ids=["local", "px", "cell", "push", "pull", "map", "inside", "syntax"])
def test_a_run_stops_at_the_first_error_naming_file_and_line(shared_four, text, line, words):
    outcome = shared_four.script(text, name="wrong.tutti", code=1)
    assert outcome.stdout == ""
    assert words in outcome.stderr
    assert re.search(rf'wrong.tutti(:|", line ){line}\b', outcome.stderr), outcome.stderr


def test_a_magic_within_code_fails_as_the_line_that_was_typed(shared_four):
    outcome = shared_four.lines("for i in range(2):\n    x = 1\n    v = %px 1/0", code=1)
    assert '  File "In [1]", line 3, in <module>\n    v = %px 1/0\n' in outcome.stderr
    assert "__tutti" not in outcome.stderr


def test_wrong_lines_of_a_file_are_named_too(shared_four):
    outcome = shared_four.script("x = 1\n\n%frobnicate\nprint('no')\n", name="wrong.tutti", code=2)
    path = shared_four.file("wrong.tutti")
    assert outcome.stderr == f"{path}:3: no magic '%frobnicate'; %help lists them\n"
    outcome = shared_four.script("%px -t 9 1\n", name="wrong.tutti", code=2)
    assert outcome.stderr == f"{path}:1: no engine 9: there are 0-3\n"


@pytest.mark.parametrize("code, status", [
    ("exit(3)", 3), ("import sys\nsys.exit(4)", 4), ("exit()", 0), ("quit()", 0),
    ("raise SystemExit", 0), ("import sys; sys.exit('words')", 1)])
def test_exit_leaves_with_its_status(shared_four, code, status):
    outcome = shared_four.script(f"print('yes')\n{code}\nprint('no')\n", code=status)
    assert outcome.stdout == "yes\n"
    outcome = shared_four.lines("print('yes')", code, "print('no')", code=status)
    assert outcome.stdout == "yes\n"


def test_output_is_in_the_order_of_the_script(cluster):
    """stdout of the local engine, of its children, of engines and of tutti, in a pipe."""
    cluster.start(1)
    outcome = cluster.script("""
import os, sys
print("1")
%px print("2")
os.system("echo 3")
sys.stdout.write("4\\n");
!echo 5
%px 6
7
%targets
print("9")
""")
    told = f"all: 0 (python on {cluster.status()['hosts'][0]['host']})"
    assert outcome.stdout.splitlines() == ["1", "[0] 2", "3", "4", "5", "Out[0:5]: 6",
                                           "Out[6]: 7", told, "9"]


def test_a_reader_that_goes_away_ends_it(cluster):
    cluster.start(1)
    path = cluster.file("long.tutti", "for i in range(100000):\n    print(i)\n\n%px 1\n")
    got = subprocess.run(f"{cluster.tutti} run {path} | head -1", shell=True, env=cluster.env,
                         cwd=cluster.work_dir, capture_output=True, text=True, timeout=20)
    assert got.stdout == "0\n" and got.stderr.count("Traceback") <= 1
    assert cluster.ok("px", "2") == "Out[0:1]: 2\n"


def test_the_local_engines_death_is_told(cluster):
    cluster.start(1)
    outcome = cluster.lines("import os; os.kill(os.getpid(), 9)", "print('no')", code=1)
    assert "killed by SIGKILL" in outcome.stderr and outcome.stdout == ""


def test_ctrl_c_ends_local_code_and_the_run(cluster):
    cluster.start(1)
    process = cluster.popen("run", cluster.file("loop.tutti", "x = 1\nopen('runs', 'w').close()\n"
                                                "while True: pass\nprint('no')\n"))
    cluster.wait_file("runs")
    process.press(signal.SIGINT)
    outcome = process.wait(10)
    assert outcome.code == 1
    assert "KeyboardInterrupt" in outcome.stderr and outcome.stdout == ""


@pytest.mark.sanitize
def test_a_run_without_a_cluster_starts_one_and_leaves_nothing(cluster):
    outcome = cluster.script("%px 6*7\n", "-n", "2")
    assert outcome.stdout == "Out[0-1:1]: 42\n"
    assert "started cluster 'default' for this run: 2 Python engines" in outcome.stderr
    assert cluster.processes() == {}
    outcome = cluster.lines("%px 'ok'")
    assert re.fullmatch(r"Out\[0(-\d+)?:1\]: 'ok'\n", outcome.stdout)
    assert "started cluster" in outcome.stderr
    assert cluster.processes() == {}


@pytest.mark.parametrize("text, status", [("1/0\n", 1), ("%frob\n", 2), ("exit(3)\n", 3),
                                          ("%px import os; os._exit(5)\n", 1)])
def test_a_cluster_of_its_own_ends_with_a_failing_run_too(cluster, text, status):
    cluster.script(text, "-n", "1", code=status)
    cluster.wait_gone()


def test_ctrl_c_during_a_run_with_a_cluster_of_its_own(cluster):
    process = cluster.popen("run", "-n", "1", cluster.file(
        "loop.tutti", "%px open('runs', 'w').close()\n%px while True: pass\n"))
    cluster.wait_file("runs")
    process.press(signal.SIGINT)
    assert process.wait(15).code == 1
    cluster.wait_gone()


def test_json_lines_of_a_run(cluster):
    cluster.start(2)
    outcome = cluster.script("x = 1\n%px 6*7\n%px -t 0 print('a')\n%px 1/0\n", "--json", code=1)
    got = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert [(one["job"], one["engine"], one["status"]) for one in got] == [
        (2, 0, "ok"), (2, 1, "ok"), (3, 0, "ok"), (4, 0, "error"), (4, 1, "error")]


def test_a_missing_file(cluster):
    outcome = cluster.run("run", "no-such-file.tutti")
    assert outcome.code == 2
    assert outcome.stderr == "tutti: cannot read 'no-such-file.tutti': No such file or directory\n"
    assert cluster.processes() == {}


@pytest.mark.parametrize("code, rest", [
    (1, "time.sleep(0.2)"), (1, "while not r.ready(): time.sleep(0.01)"), (1, "%wait"), (1, ""),
    (1, "try: r.get()\nexcept Exception: pass"),
    (0, "while not r.ready(): time.sleep(0.01)\nf = abs\n%retry")])
def test_the_status_tells_of_jobs_of_the_background_that_failed_and_were_not_tried_again(shared_four, code, rest):
    shared_four.script("import time\nf = lambda x: 1 / (x - 1)\nr = %map f [1, 2] &\n" + rest + "\n1\n", code=code)
