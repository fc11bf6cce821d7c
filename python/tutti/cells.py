"""Magics inside Python code of the prompt: `%px f(i)` in a loop becomes a call of Python.

A magic begins at the start of a statement, optionally after `NAME =`. Lines within strings,
brackets and continuations are not starts. One line becomes one line, so line numbers stay.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

_TARGET = r"[^\W\d][\w.]*"
_MAGIC = re.compile(
    r"(?P<indent>\s*)(?P<names>(?:%s\s*,\s*)*%s\s*=(?!=)\s*)?"
    r"(?P<magic>%%{1,2}[^\W\d]|!|@[^\s()]+:\s)" % (_TARGET, _TARGET))
CELL = re.compile(r"(?P<before>\s*)%%(?P<name>time|timeit)\b(?P<line>[^\n]*)(?:\n|$)")
_OPEN, _CLOSE = "([{", ")]}"


class Scanner:
    """Follows strings, brackets and continuations from line to line: feed(), then end_line()."""

    def __init__(self) -> None:
        self.quote = ""  # of the string that the text ends in, which begins at quote_at
        self.quote_at = 0
        self.open: List[int] = []  # where the brackets are that are open
        self.joined = False
        self.fed = 0     # characters before this line

    def at_start(self) -> bool:
        return not self.quote and not self.open and not self.joined

    def feed(self, text: str) -> None:
        at = 0
        while at < len(text):
            at = self.string(text, at) if self.quote else self.code(text, at)
        self.joined = text.endswith("\\")

    def end_line(self, text: str) -> None:
        self.fed += len(text) + 1
        if len(self.quote) == 1 and not self.joined:
            self.quote = ""  # an error of the user's, told by Python

    def string(self, text: str, at: int) -> int:
        if text[at] == "\\":
            return at + 2
        if text.startswith(self.quote, at):
            at += len(self.quote)
            self.quote = ""
            return at
        return at + 1

    def code(self, text: str, at: int) -> int:
        char = text[at]
        if char == "#":
            return len(text)
        if char in "\"'":
            self.quote = char * 3 if text.startswith(char * 3, at) else char
            self.quote_at = self.fed + at
            return at + len(self.quote)
        if char in _OPEN:
            self.open.append(self.fed + at)
        elif char in _CLOSE:
            del self.open[-1:]
        return at + 1


def split(line: str) -> Tuple[bool, str]:
    """(whether a `NAME =` stands before it, the magic) of a line that `transform` took as one."""
    found = _MAGIC.match(line)
    return (bool(found.group("names")), line[found.start("magic"):]) if found else (False, line)


def transform(code: str) -> str:
    """transform(code) -> the code with its magics as calls of `__tutti_magic__(line)`; the line is
    given as it was typed, with its `NAME =`."""
    if not any(mark in code for mark in "%!@"):
        return code
    scanner = Scanner()
    lines = code.split("\n")
    for i, line in enumerate(lines):
        found = _MAGIC.match(line) if scanner.at_start() else None
        if found:
            call = "__tutti_magic__(%r)" % line.strip()
            lines[i] = found.group("indent") + (found.group("names") or "") + call
        else:
            scanner.feed(line)
            scanner.end_line(line)
    return "\n".join(lines)
