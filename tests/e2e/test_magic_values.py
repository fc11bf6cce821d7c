"""%push, %pull, %scatter, %gather: expressions, names, parts; in Python and in the shell."""

import pytest

WRONG_USE = 2


def test_push_takes_expressions(shared_four):
    got = shared_four.lines("n = 2", "%push n m=n*3, t=(1, 2) u='a b'", "%px n, m, t, u",
                            "%push k=n + 1", "%px k", "k = 'here'")
    assert got.stdout == "Out[0-3:3]: (2, 6, (1, 2), 'a b')\nOut[0-3:5]: 3\n"


def test_pull_takes_expressions(shared_four):
    got = shared_four.lines("%px import os", "%px n = 5", "%pull n * 2 as double, n", "double, n",
                            "%pull -t 1 n + 1 as one", "one", "a, b = %pull n, n * n", "a, b")
    fives = [5] * 4
    assert got.stdout == (f"Out[4]: ({[10] * 4}, {fives})\nOut[6]: 6\n"
                          f"Out[8]: ({fives}, {[25] * 4})\n")


def test_a_sequence_is_dealt_out_and_joined(shared_four):
    got = shared_four.lines("%scatter range(10) as x", "%px x", "%gather x", "x", "y = %gather x", "y",
                            "%gather -t 1,2 x as middle", "middle").stdout.splitlines()
    assert got[:4] == ["Out[0:2]: [0, 1, 2]", "Out[1:2]: [3, 4, 5]", "Out[2:2]: [6, 7]",
                       "Out[3:2]: [8, 9]"]
    whole = list(range(10))
    assert got[4:] == [f"Out[4]: {whole}", f"Out[6]: {whole}", "Out[8]: [3, 4, 5, 6, 7]"]


@pytest.mark.parametrize("sequence, parts, joined", [
    ("[1, 2]", "[[1], [2], [], []]", "[1, 2]"),
    ("'abcde'", "['ab', 'c', 'd', 'e']", "'abcde'"),
    ("(1, 2, 3, 4)", "[(1,), (2,), (3,), (4,)]", "(1, 2, 3, 4)"),
    ("iter('ab')", "[['a'], ['b'], [], []]", "['a', 'b']"),
    ("{1: 2, 3: 4}", "[[1], [3], [], []]", "[1, 3]"),
    ("bytes(3)", "[b'\\x00', b'\\x00', b'\\x00', b'']", "b'\\x00\\x00\\x00'"),
])
def test_sequences_of_any_kind(shared_four, sequence, parts, joined):
    got = shared_four.lines(f"%scatter {sequence} as x", "v = %px x", "list(v)", "%gather x", "x")
    assert got.stdout == f"Out[3]: {parts}\nOut[5]: {joined}\n"


def test_arrays_are_cut_and_joined_along_their_first_axis(shared_four):
    pytest.importorskip("numpy")
    got = shared_four.lines("import numpy as np", "a = np.arange(12.0).reshape(6, 2)",
                            "%scatter a as x", "%px x.shape", "%gather x as b",
                            "type(b).__name__, (a == b).all(), b.shape")
    assert got.stdout == ("Out[0-1:4]: (2, 2)\nOut[2-3:4]: (1, 2)\n"
                          "Out[6]: ('ndarray', True, (6, 2))\n")


def test_parts_of_one_value_may_be_that_value(shared_four):
    got = shared_four.lines("%scatter --flatten 'wxyz' as c", "v = %px c", "list(v)", "%gather c", "c",
                            "%scatter --flatten [7, 8, 9, 10] as n", "%gather n", "n")
    assert got.stdout == "Out[3]: ['w', 'x', 'y', 'z']\nOut[5]: 'wxyz'\nOut[8]: [7, 8, 9, 10]\n"


def test_what_failed_is_marked_in_what_was_gathered(shared_four):
    got = shared_four.lines("%px -t 0-2 z = [1]", "%gather z", code=1)
    assert "[3:2] NameError" in got.stderr


def test_words_of_a_shell_are_dealt_out(cluster):
    cluster.start(2, "--lang", "sh")
    for name in "abc":
        cluster.file(f"{name}.csv", "")
    got = cluster.run("--lang", "sh", "-c", "%scatter *.csv as files", "-c",
                      "%px echo ${#files[@]} ${files[0]}", "-c", "%gather files as all",
                      "-c", "echo ${#all[@]} ${all[2]}")
    assert got.code == 0, got.stderr
    assert got.stdout.splitlines() == ["[0] 2 a.csv", "[1] 1 c.csv", "3 c.csv"]


@pytest.mark.parametrize("line, message", [
    ("%push", "%push: takes names, as in %push x y, or x=EXPR"),
    ("x = %push y", "%push: takes names"),
    ("%push x=(1", "%push: ')' is missing at the end"),
    ("%pull", "%pull: takes names, as in %pull x y"),
    ("a, b = %pull x", "%pull: takes names"),
    ("%scatter [1, 2]", "%scatter: takes a sequence and a name, as in %scatter range(32) as x"),
    ("%gather x &", "%gather: joins what it waits for: no trailing &"),
    ("%gather", "%gather: takes names"),
])
def test_wrong_use(shared_four, line, message):
    assert message in shared_four.lines(line, code=WRONG_USE).stderr


def test_jobs_have_names(shared_four):
    got = shared_four.lines("%px --name first 5", "%map --name squares (lambda x: x**2) range(3)",
                            "%jobs", "%result squares", "%timing first", "%wait first")
    jobs = [line for line in got.stdout.splitlines() if line.startswith("[")]
    assert jobs[0].endswith("first: 5") and "squares: %map --name squares" in jobs[1]
    assert got.stdout.count("[0, 1, 4]") == 2 and "[1] done · " in got.stdout
    assert "no job 'second'; %jobs lists them" in shared_four.lines(
        "%px 1", "%result second", code=WRONG_USE).stderr
