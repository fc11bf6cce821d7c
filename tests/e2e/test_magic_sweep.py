"""%sweep: a call for each combination, and its table; typed at a terminal as well."""

import csv
import json
import re

import pytest

from .terminal import Prompt

WRONG_USE = 2
FIT = ("def fit(n, crit, lr):\n"
       "    if n == 20 and crit == 'gini': raise ValueError('no')\n"
       "    return {'score': n * lr, 'kind': crit.upper()}")


def plain(lines):
    """Lines of tables without the seconds and the engine of each row."""
    return [re.sub(r" +(s  engine| *\d+\.\d{3} +\d+)(?=  \S|$)", "", re.sub(r" s=\S+ engine=\d+$", "", line))
            .rstrip() for line in lines]


def test_every_combination_is_a_row(shared_four):
    got = shared_four.lines("k = 2", "%sweep n=10..20:10 crit=b,'a c' (n * k, crit)[0]",
                            "%sweep --sort -value x=1..3 x ** 2",
                            "%sweep --best -value x=3,1,2 {'value': x, 'odd': bool(x % 2)}").stdout
    assert plain(got.splitlines()) == (" n  crit  value\n10  b        20\n10  a c      20\n20  b        40\n20  a c      40\n"
                   "x  value\n3      9\n2      4\n1      1\n"
                   "x  value  odd\n3      3  true\n1      1  true\n2      2  false\n"
                   "best: x=1 value=1 odd=true").split("\n")


def test_rows_that_failed_stay_and_files_have_all(shared_four):
    got = shared_four.lines(FIT, "%sweep --csv t.csv --json t.json n=10..20:10 crit=gini,entropy "
                            "lr=log(1e-3,1e-1,3) fit(n, crit, lr)", code=1)
    lines = plain(got.stdout.splitlines())
    assert lines[0] == " n  crit        lr  score  kind  error" and len(lines) == 13
    assert lines[7] == "20  gini     0.001  ValueError: no"
    assert "9 done, 3 failed · %retry 2" in got.stderr and got.stderr.count("Traceback") == 1
    rows = list(csv.reader((shared_four.work_dir / "t.csv").read_text().splitlines()))
    assert rows[0] == ["n", "crit", "lr", "score", "kind", "s", "engine", "error"] and len(rows) == 13
    rows = json.loads((shared_four.work_dir / "t.json").read_text())
    assert all(row.pop("s") >= 0 and row.pop("engine") in range(4) for row in rows)
    assert rows[2] == {"n": 10, "crit": "gini", "lr": 0.1, "score": 1.0, "kind": "GINI"}
    assert rows[6] == {"n": 20, "crit": "gini", "lr": 0.001, "error": "ValueError: no"}


def test_values_are_bound_and_the_table_is_shown_but_of_what_runs_behind(shared_four):
    got = shared_four.lines("r = %sweep x=1..3 {'y': x}", "r", "h = %sweep x=1..2 x &", "h.get()")
    assert plain(got.stdout.splitlines()) == [
        "x  y", "1  1", "2  2", "3  3", "Out[2]: [{'y': 1}, {'y': 2}, {'y': 3}]", "Out[4]: [1, 2]"]
    got = shared_four.lines("h = %sweep x=1..2 x &", "%result 1")
    assert plain(got.stdout.splitlines()) == ["x  value", "1      1", "2      2"]
    got = shared_four.lines("h = %sweep x=1..2 x", "%result 1")
    assert plain(got.stdout.splitlines()) == ["x  value", "1      1", "2      2"] * 2


def test_options_stand_between_the_parameters_too(shared_four):
    got = shared_four.lines("%sweep x=1..2 --sort -x y=3 --csv o.csv x * y", "%sweep x=1..2 -x", "%sweep x=1 --no x",
                            code=WRONG_USE)
    assert plain(got.stdout.splitlines()) == [
        "x  y  value", "2  3      6", "1  3      3", "x  value", "1     -1", "2     -2"]
    assert shared_four.file("o.csv").read_text().startswith("x,y,value,s,engine\n2,3,6,")
    assert "\n%sweep has no option '--no'; it has -t" in got.stderr, got.stderr


def test_columns_of_the_values_are_theirs(shared_four):
    got = shared_four.lines("%sweep x=1 {'s': 5, 'engine': 'V8'}").stdout
    assert got == "x  s  engine\n1  5  V8\n"


def test_numbers_of_numpy_are_columns(shared_four):
    pytest.importorskip("numpy")
    got = shared_four.lines("import numpy as np", "%sweep x=1..2 {'m': np.float64(x) / 4, 'n': np.int64(x)}")
    assert plain(got.stdout.splitlines()) == ["x     m  n", "1  0.25  1", "2   0.5  2"]


def test_commands_of_the_shell(cluster):
    cluster.start(2, "--lang", "sh")
    got = cluster.run("--lang", "sh", "-c", "%sweep a=1,2 b=x,y echo {a}{b}",
                      "-c", "%sweep a=0,3 (exit {a})")
    assert plain(got.stdout.splitlines())[:5] == ["a  b  value", "1  x  1x", "1  y  1y", "2  x  2x", "2  y  2y"]
    assert "exit 3" in got.stdout and got.code == 1
    got = cluster.lines("%sweep a=1,2 !echo $(({a} * 2)); echo second")
    assert plain(got.stdout.splitlines())[0] == "a  value"


@pytest.mark.parametrize("line, message", [
    ("%sweep", "%sweep: takes parameters and a call, as in %sweep n=10..60:10 crit=gini,entropy"),
    ("%sweep f(1)", "%sweep: takes parameters and a call"),
    ("%sweep x=1..3", "%sweep: takes parameters and a call"),
    ("%sweep x=3..1 x", "%sweep: '3..1' has no values"),
    ("%sweep x=1..2000 y=1..2000 x", "%sweep: that makes more than 1000000 rows"),
    ("%sweep --retries x y=1 y", "%sweep: --retries takes 0 to 10, not 'x'"),
])
def test_wrong_use(shared_four, line, message):
    assert message in shared_four.lines(line, code=WRONG_USE).stderr


def test_a_column_that_is_not_there_is_told_and_the_table_is_shown(shared_four):
    got = shared_four.lines("%sweep --sort y x=1,2 x")
    assert plain(got.stdout.splitlines()) == ["x  value", "1      1", "2      2"]
    assert "%sweep: --sort: no column 'y'; there are x, value, s, engine" in got.stderr


def test_typed_interrupted_and_tried_again(cluster):
    cluster.start(2)
    with Prompt(cluster) as prompt:
        prompt.run("import time")
        prompt.run("slow = lambda x: (time.sleep(0 if go else 600 * (x > 2)), x * 2)[1]")
        prompt.run("go = False")
        prompt.send("%sweep x=1..9 slow(x)\r")
        prompt.wait_line(r".*2/9.*")
        prompt.send("\x03")
        prompt.wait_line(r"2 done, 2 stopped, 5 not started · %retry 4")
        prompt.wait_prompt(5)
        prompt.run("go = True")
        got = prompt.run("%retry")
        assert plain(got)[:2] == ["x  value", "1      2"] and "9     18" in plain(got), got
