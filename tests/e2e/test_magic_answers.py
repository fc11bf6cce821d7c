"""How answers are shown: %diff, %targets --odd and --answered, --stream, --no-fold, %result into
files and commands."""

import re

import pytest

from .harness import wait_until

WRONG_USE = 2


def test_diff_tells_who_differs_and_how(shared_four):
    got = shared_four.lines(
        "%scatter --flatten ['3.11', '3.9', '3.11', '3.11'] as v", "%diff v", "%targets --odd",
        "%targets", "%targets all",
        "%diff print('one\\ntwo\\n' + v + '\\nfour' * (v > '3.11')); 5").stdout.splitlines()
    assert got == ["[0,2-3] '3.11'", "[1] - '3.11'", "[1] + '3.9'", "1: 1 (python on " +
                   re.search(r" on (\S+)\)", got[3])[1] + ")",
                   "[0,2-3] one", "[0,2-3] two", "[0,2-3] 3.11", "[0,2-3] 5",
                   "[1] - 3.11", "[1] + 3.9", "[1] + four"]


def test_diff_of_errors_exit_statuses_and_nothing(shared_four):
    got = shared_four.lines("%scatter --flatten range(4) as n", "%diff 1 // n", code=1).stdout
    assert got.splitlines() == ["[2-3] 0", "[0] - 0", "[0] + ZeroDivisionError: integer division "
                                "or modulo by zero", "[1] - 0", "[1] + 1"]
    assert shared_four.lines("%diff !true").stdout == "[0-3] (nothing)\n"
    got = shared_four.lines("%px import os; os.environ['N'] = str(n)", "%diff !exit $((N / 3))",
                            code=1).stdout
    assert got == "[0-2] (nothing)\n[3] + exit 1\n"


def test_diff_of_the_last_job(shared_four):
    got = shared_four.lines("%scatter --flatten [1, 1, 1, 2] as n", "%px n", "%diff")
    assert got.stdout.endswith("[0-2] 1\n[3] - 1\n[3] + 2\n")
    got = shared_four.lines("%px 6*7", "%diff")
    assert got.stdout == "Out[0-3:1]: 42\n[0-3] 42\n"


def test_diff_of_long_texts_is_bounded(shared_four):
    got = shared_four.lines("%scatter --flatten range(4) as n",
                            "%diff print('\\n'.join(f'{i} {n == 2}' for i in range(3000)))").stdout
    lines = got.splitlines()
    assert len(lines) == 3000 + 41 and lines[-1] == "[2] … 5960 more lines differ"


def test_targets_that_answered(shared_four):
    got = shared_four.lines("%scatter --flatten ['ab', 'bc', 'cd', 'bc'] as n", "%px print(n)",
                            "%targets --answered b", "%px 1", "%targets --answered 1",
                            "%targets -x 0 --odd", code=WRONG_USE)
    assert "Out[0-1,3:4]: 1" in got.stdout and "%targets: all answered the same in job 4" in got.stderr
    assert "%targets: nobody answered that in job 1" in shared_four.lines(
        "%px 1", "%targets --answered 2", code=WRONG_USE).stderr


def test_answers_may_stand_apart(shared_four):
    apart = "".join(f"[{i}] hi\nOut[{i}:1]: 7\n" for i in range(4))
    assert shared_four.lines("%px --no-fold print('hi'); 7").stdout == apart
    assert shared_four.lines("%px --group-outputs=engine print('hi'); 7").stdout == apart
    folded = "[0-3] hi\nOut[0-3:1]: 7\n"
    assert shared_four.lines("%px --group-outputs=type print('hi'); 7").stdout == folded
    got = shared_four.lines("%pxconfig --no-fold --no-stream", "%px --fold print('hi'); 7", "%px 1",
                            "%pxconfig").stdout
    assert got.startswith(folded.replace(":1]", ":2]") + "Out[0:3]: 1\nOut[1:3]: 1\n")
    assert " --no-fold --no-stream " in got


def test_output_streams_where_nobody_looks_on(shared_four):
    code = "print('one', flush=True); import time; time.sleep(600); print('two')"
    running = shared_four.popen("-c", f"%px --stream {code}")
    wait_until(lambda: "[0-3] one\n" in running.stdout)
    running.press()
    assert running.wait(20).stdout == "[0-3] one\n"


@pytest.mark.parametrize("line, message", [
    ("%px --progress-after soon 1", "--progress-after takes seconds, or -1, not 'soon'"),
    ("%diff", "%diff: takes code, as in %diff !pip freeze"),
    ("%targets --odd 0", "%targets: takes --odd or a set, not both"),
    ("%result 1 > ", "%result: takes a file or a command behind '>'"),
    ("%result 9 > x", "%result: no job '9'"),
])
def test_wrong_use(shared_four, line, message):
    assert message in shared_four.lines(line, code=WRONG_USE).stderr


def test_answers_go_to_files_and_commands(shared_four):
    got = shared_four.lines("%px print('a\\nb')", "%px 6*7", "%result 1 2 > out.txt",
                            "%result 1 | sort -r | head -1", "%result >> out.txt",
                            "print(open('out.txt').read(), end='')")
    both = "[0-3] a\n[0-3] b\nOut[0-3:2]: 42\n"
    assert got.stdout == f"{both}[0-3] b\n{both}Out[0-3:2]: 42\n"


def test_errors_go_there_too(shared_four):
    got = shared_four.lines("%px 1/0 &", "%result 1 > e.txt",
                            "print('ZeroDivisionError' in open('e.txt').read())", code=None)
    assert "True" in got.stdout


def test_logs_and_versions(cluster):
    cluster.start(2)
    got = cluster.lines("%version").stdout.splitlines()
    assert got[0].startswith("tutti 0.") and got[1].startswith("here: python 3.")
    assert got[2].startswith("engines: 2 Python engines (3.")
    cluster.lines("%kill 1")
    wait_until(lambda: "engine 1 " in cluster.ok("logs"))
    wait_until(lambda: "engine 1 " in cluster.lines("%logs 1").stdout)
    got = cluster.lines("%logs 1").stdout
    assert "engine 0" not in got and "is up" not in got
    assert "cluster 'default' is up" in cluster.lines("%logs").stdout
    assert cluster.lines("%logs 0").stdout == ""


def test_letters_of_ipyparallel(shared_four):
    got = shared_four.lines("%px -e 5", "%pxresult -r", "%result -e 1", "%pxresult", "%px --no-fold -r 6",
                            "%result --group-outputs engine 5 | wc -l")
    apart = "".join(f"Out[{n}:1]: 5\n" for n in range(4))
    assert got.stdout == apart + "Out[0-3:1]: 5\n" + apart * 2 + "Out[0-3:5]: 6\n4\n", got
    assert "--group-outputs takes type, order or engine, not 'x'" in shared_four.lines(
        "%px 1", "%result --group-outputs x", code=2).stderr
