"""The session of the README, typed anew."""

import re

from .harness import ROOT
from .terminal import ENTER, Prompt
from .test_terminal_sessions import play

MARK = "<!-- typed anew by tests/e2e/test_readme.py -->"


def session():
    """(the command, the banner's lines, the transcript, the line of leaving)"""
    text = (ROOT / "README.md").read_text().partition(MARK)[2]
    lines = [line[4:] for line in text.split("\n\n")[1].split("\n")]
    first = next(n for n, line in enumerate(lines) if line.startswith("In ["))
    last = next(n for n, line in enumerate(lines) if line.endswith(": exit"))
    return lines[0], lines[1:first], lines[first:last], lines[last + 1]


def volatile(line):
    """Process ids, times and speed-ups as patterns. Notices of engines come when they come."""
    if line.startswith("In ["):
        return line
    if line.startswith("engine "):
        return "+ " + line
    for pattern in (r"\b\d{4,}\b", r"\b\d+(?:\.\d+)?(?= m?s\b)", r"\b\d+\.\d(?=x$)"):
        line = re.sub(pattern, lambda _: "{{[\\d.]+}}", line)
    return line


def test_the_session_of_the_readme(cluster):
    command, banner, transcript, question = session()
    assert command == "$ tutti -n 4"
    with Prompt(cluster, "-n", 4) as prompt:
        shown = " ".join(prompt.text()[:-1])
        for pattern in (r"\d+\.\d+\.\d+", r"/\S+(?=\))"):
            shown, banner = re.sub(pattern, "", shown), [re.sub(pattern, "", b) for b in banner]
        assert " ".join(banner) == shown.replace(" · %help", " %help")
        play(prompt, "\n".join(map(volatile, transcript)))
        prompt.send("exit" + ENTER)
        asked, _, answer = question.rpartition(" ")
        prompt.wait(lambda: "".join(prompt.text()[-2:]).endswith(asked))
        prompt.send(answer + ENTER)
        assert prompt.wait_end() == 0
    cluster.wait_gone()
