"""display_outputs, stream_output and wait_interactive: exactly what they write. (ipyparallel.md 2)"""

import re
import sys
import time

import pytest

from e2e.harness import wait_until

BOTH = "import sys; print('o'); print('e', file=sys.stderr); a = 5\na"
DISPLAYS = "display('first'); display('second'); print('text')\n'value'"


@pytest.fixture
def two(rc):
    return rc[:2]


def executed(view, code):
    result = view.execute(code, silent=False)
    result.wait(20)
    return result


def numbers(text):
    """The same with N in the place of Out's number, which counts what was executed before."""
    return re.sub(r"(Out\[\d+:)\d+", r"\1N", text)


def test_by_type_is_the_default(two, capsys):
    executed(two, BOTH).display_outputs()
    got = capsys.readouterr()
    assert numbers(got.out) == "[stdout:0] \no\n[stdout:1] \no\nOut[0:N]: 5\nOut[1:N]: 5\n"
    assert got.err == "[stderr:0] \ne\n[stderr:1] \ne\n"


def test_displays_by_type_by_engine_and_in_order(two, capsys):
    result = executed(two, DISPLAYS)
    texts = {}
    for groupby in ("type", "engine", "order"):
        result.display_outputs(groupby)
        texts[groupby] = numbers(capsys.readouterr().out)
    assert texts["type"] == (
        "[stdout:0] \ntext\n[stdout:1] \ntext\n[output:0]\nfirst\nsecond\n[output:1]\nfirst\nsecond\n"
        "Out[0:N]: 'value'\nOut[1:N]: 'value'\n")
    assert texts["engine"] == (
        "[stdout:0] \ntext\n[output:0]\nfirst\nsecond\nOut[0:N]: 'value'\n"
        "[stdout:1] \ntext\n[output:1]\nfirst\nsecond\nOut[1:N]: 'value'\n")
    assert texts["order"] == (
        "[stdout:0] \ntext\n[stdout:1] \ntext\n[output:0]\nfirst\n[output:1]\nfirst\n"
        "[output:0]\nsecond\n[output:1]\nsecond\nOut[0:N]: 'value'\nOut[1:N]: 'value'\n")


def test_only_the_results(two, capsys):
    executed(two, DISPLAYS).display_outputs(result_only=True)
    assert numbers(capsys.readouterr().out) == "Out[0:N]: 'value'\nOut[1:N]: 'value'\n"


def test_another_grouping_is_refused(two):
    with pytest.raises(ValueError, match="groupby must be one of 'type', 'engine', 'order', not 'colour'"):
        executed(two, "1").display_outputs("colour")


def test_one_engine_has_no_prefix(rc, capsys):
    executed(rc[1], DISPLAYS).display_outputs()
    assert numbers(capsys.readouterr().out) == "text\nfirst\nsecond\nOut[1:N]: 'value'\n"


def test_a_value_of_several_lines_begins_below(rc, capsys):
    code = "class Two:\n    def __repr__(self):\n        return 'one\\ntwo'\nTwo()"
    executed(rc[0], code).display_outputs()
    assert numbers(capsys.readouterr().out) == "Out[0:N]: \none\ntwo\n"


def test_nothing_to_show(two, capsys):
    executed(two, "a = 1").display_outputs()
    executed(two, "a;").display_outputs()
    two.apply_async(int).display_outputs()
    assert tuple(capsys.readouterr()) == ("", "")


def test_a_text_without_newline_is_ended_where_it_stands(two, capsys):
    executed(two, "import sys; sys.stdout.write('a'); sys.stderr.write('b');").display_outputs()
    got = capsys.readouterr()
    assert (got.out, got.err) == ("[stdout:0] \na\n[stdout:1] \na\n", "[stderr:0] \nb\n[stderr:1] \nb\n")


def test_carriage_returns_are_folded(rc, capsys):
    executed(rc[0], r"print('10%\r50%\r100%'); print('next\r')").display_outputs()
    assert capsys.readouterr().out == "100%\nnext\n"


def test_what_failed_shows_what_it_wrote(two, capsys):
    result = executed(two, "print('before')\n1/0")
    result.display_outputs()
    assert capsys.readouterr().out == "[stdout:0] \nbefore\n[stdout:1] \nbefore\n"


# ---- stream_output

class Kept:
    """A stream that threads may write to while its text is looked at, which capsys' is not."""

    def __init__(self):
        self.texts = []

    def write(self, text):
        self.texts.append(text)

    def flush(self):
        pass

    def text(self):
        return "".join(self.texts)


def test_output_appears_while_it_comes(rc, monkeypatch, tmp_path):
    go, kept = tmp_path / "go", Kept()
    monkeypatch.setattr(sys, "stdout", kept)
    code = ("import os, time\nprint('begun', flush=True)\n"
            f"while not os.path.exists({str(go)!r}): time.sleep(0.01)\nprint('ended')")
    result = rc[0].execute(code)
    try:
        with result.stream_output():
            wait_until(lambda: kept.text() == "[stdout:0] \nbegun\n", 20)
            assert not result.ready()
            go.touch()
            result.wait(20)
    finally:
        go.touch()  # the engine is there for the next test
    assert kept.text() == "[stdout:0] \nbegun\nended\n"  # the prefix is not repeated


def test_streaming_loses_and_repeats_nothing(rc, capsys):
    result = rc[:].execute("for i in range(200): print(i, flush=True)")
    with result.stream_output():
        result.wait(20)
    got, at = {}, None
    for line in capsys.readouterr().out.splitlines():
        found = re.fullmatch(r"\[stdout:(\d)\] ", line)
        if found:
            at = int(found.group(1))
        else:
            got.setdefault(at, []).append(line)
    assert got == {engine: [str(i) for i in range(200)] for engine in range(4)}


def test_streaming_what_is_over(two, capsys):
    result = executed(two, "print('once')")
    with result.stream_output():
        pass
    assert capsys.readouterr().out == "[stdout:0] \nonce\n[stdout:1] \nonce\n"


# ---- wait_interactive

def test_progress_counts_items(rc, capsys, monkeypatch):
    pytest.importorskip("tqdm")
    result = rc[:].map_async(abs, range(40))
    result.wait_interactive()
    err = capsys.readouterr().err
    assert result.ready() and re.search(r"abs: 100%\|█+\| 40/40 \[\d\d:\d\d<\d\d:\d\d, +[\d.]+k?tasks/s\]", err), err


def test_progress_without_tqdm(rc, capsys, monkeypatch):
    import sys

    for name in ("tqdm", "tqdm.auto", "tqdm.notebook"):
        monkeypatch.setitem(sys.modules, name, None)
    rc[:].map_async(abs, range(40)).wait_interactive()
    assert capsys.readouterr().err.endswith("\rabs: 100% 40/40 tasks\n")


def test_a_wait_that_ends_before_the_work(rc):
    result = rc[0].apply_async(time.sleep, 30)
    result.wait_interactive(interval=0.01, timeout=0.05)
    assert not result.ready()
    result.cancel()
    assert result.wait(20)


def test_a_wait_for_the_first(rc):
    result = rc[:2].apply_async(time.sleep, 0)
    result.wait_interactive(return_when="FIRST_COMPLETED")
    assert any(one.ready() for one in result.split())
    with pytest.raises(ValueError, match="return_when"):
        result.wait_interactive(return_when="SOMETIMES")
