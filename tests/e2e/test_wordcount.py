"""examples/wordcount.tutti, the main job: right with 1, 2 and 4 engines, against a count made here
in another way; and what it takes for text."""

import collections
import gzip
import os
import pathlib
import re
import zlib

import pytest

from .harness import ROOT

EXAMPLE = ROOT / "examples" / "wordcount.tutti"
ROOTS = "/usr/share/doc", "/usr/share/common-licenses"
WORD = re.compile(rb"[a-z\x80-\xff]+")


def text_of(path):
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error):
        return b""
    return b"" if b"\0" in data else data


def files_below(folder):
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(entry.path)
        elif entry.is_file():
            yield pathlib.Path(entry.path).resolve()


@pytest.fixture(scope="session")
def expected():
    """Another way to the same counts: by a regular expression, file by file, in no parts."""
    counts = collections.Counter()
    for path in {path for root in ROOTS for path in files_below(root)}:
        counts.update(WORD.findall(text_of(path).lower()))
    return {word.decode(errors="replace"): count for word, count in counts.items()}


def counts_of(stdout):
    """[(word, count)] as printed."""
    pairs = [line.split(" ") for line in stdout.splitlines()]
    assert all(len(pair) == 2 for pair in pairs), stdout
    return [(word, int(count)) for word, count in pairs]


@pytest.mark.deadline(240)
@pytest.mark.parametrize("engines", [1, 2, 4])
def test_the_ten_most_common_words_are_right(cluster, expected, engines):
    outcome = cluster.run("run", "-n", engines, EXAMPLE, timeout=200)
    assert outcome.code == 0, outcome
    found = counts_of(outcome.stdout)
    assert [count for _, count in found] == sorted(expected.values(), reverse=True)[:10]
    assert found == [(word, expected[word]) for word, _ in found]
    parts = int(re.search(r"in (\d+) parts", outcome.stderr)[1])
    assert parts >= max(10, 4 * engines)
    assert re.search(r"elapsed [\d.]+ s · serial [\d.]+ s .*· speed-up [\d.]+x", outcome.stderr)


def script_on(folder, *changes):
    """The example's text with other roots, and with further (old, new) texts replaced."""
    text = EXAMPLE.read_text()
    roots = 'ROOTS = "%s", "%s"' % ROOTS, f"ROOTS = [{folder!r}]"
    for old, new in (roots, *changes):
        assert text.count(old) == 1, f"the example has not '{old}' once"
        text = text.replace(old, new)
    return text


@pytest.fixture
def tree(cluster):
    """A small tree with everything that may be met: plain and packed text, links, no text."""
    top = cluster.file("doc")
    (top / "a" / "b").mkdir(parents=True)
    (top / "plain").write_text("One two, TWO three-three 3three\n")
    (top / "a" / "packed.gz").write_bytes(gzip.compress("two «naïve» naïve\n".encode()))
    (top / "a" / "b" / "latin1").write_bytes(b"caf\xe9 caf\xe9 one\n")
    (top / "binary").write_bytes(b"\x7fELF\0two two")
    (top / "packed binary.gz").write_bytes(gzip.compress(b"two\0two"))
    (top / "cut.gz").write_bytes(gzip.compress(b"two " * 100)[:-12])
    (top / "broken.gz").write_bytes(b"\x1f\x8b and no more of it")
    (top / "empty").write_bytes(b"")
    (top / "again").symlink_to("plain")
    (top / "a" / "up").symlink_to("..")
    (top / "dangling").symlink_to("nothing")
    return top


def test_packed_text_links_and_what_is_no_text(cluster, tree):
    outcome = cluster.script(script_on(str(tree)), "-n", 2)
    assert "3 texts of" in outcome.stderr
    assert dict(counts_of(outcome.stdout)) == {
        "three": 3, "two": 3, "one": 2, "caf\ufffd": 2, "naïve": 1, "«naïve»": 1}


def test_a_wrong_count_of_the_engines_is_exit_code_1(cluster, tree):
    text = script_on(str(tree), ("%map count_words parts", "%map count_words parts[1:]"))
    outcome = cluster.script(text, "-n", 2, code=1)
    assert "the engines counted otherwise" in outcome.stderr
