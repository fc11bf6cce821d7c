"""Magics that Python does by itself: what of them needs no session."""

import math
import pickle

import pytest

from tutti import cells, errors, magics, shell


@pytest.mark.parametrize("seconds, text", [
    (0.0, "0 ns"), (1.5e-9, "1.5 ns"), (1.234e-6, "1.23 µs"), (0.0125, "12.5 ms"), (1.0, "1 s"),
    (59.94, "59.9 s"), (3e-12, "0.003 ns"), (61.0, "1min 1s"), (90061.0, "1d 1h 1min 1s")])
def test_times_are_written_with_three_digits(seconds, text):
    assert magics._span(seconds) == text


@pytest.mark.parametrize("status, text", [(1, "exit 1"), (130, "killed by SIGINT"),
                                          (139, "killed by SIGSEGV"), (255, "exit 255"),
                                          (128, "exit 128")])
def test_a_status_is_told_in_words(status, text):
    assert shell.describe(status) == text


def test_lines_travel_as_a_list():
    lines = shell.Lines(["a", "b c"])
    assert (lines.l, lines.n, lines.nlstr, lines.s, lines.spstr) == (
        ["a", "b c"], "a\nb c", "a\nb c", "a b c", "a b c")
    assert type(pickle.loads(pickle.dumps(lines))) is list


def test_an_exit_status_can_be_pickled():
    error = pickle.loads(pickle.dumps(errors.ExitStatus("exit 3", 3)))
    assert (type(error), str(error), error.status) == (errors.ExitStatus, "exit 3", 3)


@pytest.mark.parametrize("line, found", [
    ("%time f()", (False, "%time f()")), ("x = !ls", (True, "!ls")), ("!!ls", (False, "!!ls")),
    ("a, b.c = %px f()", (True, "%px f()")), ("v = @web[01-40]: f()", (True, "@web[01-40]: f()"))])
def test_a_line_is_split_into_name_and_magic(line, found):
    assert cells.split(line) == found


@pytest.mark.parametrize("text, name, rest", [
    ("%time f()", "%time", "f()"), ("!ls -l", "!", "ls -l"), ("!!ls", "!!", "ls"),
    ("! ls", "!", "ls"), ("%pwd", "%pwd", ""), ("%timeit -n 3 f()", "%timeit", "-n 3 f()")])
def test_the_table_finds_magics(text, name, rest):
    _, call = magics.find(text, None, False, None)
    assert (call.name, call.text) == (name, rest)


@pytest.mark.parametrize("text", ["%px f()", "%timer", "@0: x", "%%px"])
def test_what_is_not_in_the_table_is_the_prompts(text):
    assert magics.find(text, None, False, None) is None


@pytest.mark.parametrize("kind", sorted(magics.TABLE))
def test_every_magic_has_usage_and_help(kind):
    function, usage, text = magics.TABLE[kind]
    assert callable(function) and usage.startswith(kind if kind[0] == "!" else "%" + kind)
    assert text and "\n" not in text


def test_an_interrupt_loses_nothing_of_a_wait():
    with shell._Interrupts() as interrupts:
        assert interrupts.wait(lambda: interrupts.note(2, None)) is None
        assert interrupts.since and 0.0 <= interrupts.left() <= shell.GRACE_S
        interrupts.note(2, None)  # nobody waits: it is noted, not raised
        assert interrupts.wait(math.sqrt, 4.0) == 2.0


@pytest.mark.parametrize("text, open_at, quote", [
    ("f(a, [b", [1, 5], ""), ("f(a)", [], ""), ("d['a(", [1], "'"), ("'''a\n(", [], "'''"),
    ("x = '(' # (", [], ""), ("f(\n  g(", [1, 6], ""), (")(", [1], "")])
def test_the_scanner_knows_what_is_open(text, open_at, quote):
    scanner = cells.Scanner()
    *lines, last = text.split("\n")
    for line in lines:
        scanner.feed(line)
        scanner.end_line(line)
    scanner.feed(last)
    assert (scanner.open, scanner.quote) == (open_at, quote)
