"""With two hundred engines, or ten thousand failures, what is shown still fits a screen."""

import re

import pytest

from .harness import Cluster

MANY = 200


@pytest.fixture(scope="module")
def many():
    cluster = Cluster()
    try:
        cluster.start(MANY, "--lang", "mock")
        yield cluster
    finally:
        cluster.finish()


def test_answers_fold_into_a_line(many):
    assert many.lines("%px value 5").stdout == "Out[0-199:1]: 5\n"
    assert many.px("print hello").stdout == "[0-199] hello\n"


def test_one_that_differs_is_found(many):
    got = many.lines("%diff is 17", "%targets --odd", "%px value 3")
    assert got.stdout == "[0-16,18-199] 0\n[17] - 0\n[17] + 1\nOut[17:3]: 3\n"


def test_the_status_groups_engines_that_are_alike(many):
    lines = many.ok("status").splitlines()
    assert len(lines) < 8 and any(re.match(r"0-199 +200 +\S+ +mock 1 +ready ", line) for line in lines)


def test_names_are_told_in_a_few_lines(many):
    got = many.lines("common = 1", "odd = 1", "%push common odd", "odd = 2", "%push -t 17 odd", "%px %who")
    assert [line.rstrip() for line in got.stdout.splitlines()] == [
        "name    engines  type   size  value", "common  all      value        the same",
        "odd     all      value        2 different"]


def test_ten_thousand_failures_of_ten_thousand_messages(shared_four):
    got = shared_four.lines("def clean(row):\n    raise ValueError('bad row %d' % row)",
                            "r = %map clean range(10000)", code=1, timeout=60)
    first, second, *rest = got.stderr.splitlines()
    assert first.startswith("[items 0-9999] ValueError at clean:2, 10000 messages, first 3: bad row 0 · "
                            "bad row 1 · bad row 2"), first
    assert second.startswith("0 done, 10000 failed · %retry 2") and len(rest) == 1
