"""Every magic of the table, typed at a real terminal, with what the screen shows then."""

import re

import pytest

from .pictures import PNG
from .terminal import Prompt


def endless(name):
    """Starts what an interrupt ends at any moment, and waits until it runs."""
    return [(f"%px -t 0 open('{name}', 'w').close(); exec('while 1: pass') &",
             r"\[\d+\] running on 0"),
            (f"any(iter(lambda: __import__('os').path.exists('{name}'), None))", r"Out.*: True")]


# what goes on until there is a file
UNTIL = "any(iter(lambda: time.sleep(0.005) or os.path.exists('go'), None))"

# a class of a picture, in one line
DOT = "type('Dot', (), {'_repr_png_': lambda self: __import__('base64').b64decode('%s')})()" % PNG

# name: [(line, a pattern of one line that is shown; None: nothing is), ...], typed in this order
TYPED = {
    "px": [("%px 6*7", r"Out\[0-1:\d+\]: 42"), ("v = %px 1", None), ("v", r"Out\[\d+\]: \[1, 1\]")],
    "map": [("%map abs range(-2, 1)", r"Out\[\d+\]: \[2, 1, 0\]")],
    "push": [("%push w=3*3", None), ("%px w", r"Out\[0-1:\d+\]: 9")],
    "pull": [("%px p = 4", None), ("%pull p+1 as five", None), ("five", r"Out\[\d+\]: \[5, 5\]")],
    "targets": [("%targets 1", None), ("%targets", r"1: 1 \(python on .*\)"), ("%targets all", None)],
    "jobs": [("%px --name early 1", r"Out.*"), ("%jobs", r"\[\d+\] done +2/2 .* early: 1")],
    "status": [("%status", r".*python.*")],
    "help": [("%help retry", r"%retry \[N\]")],
    "scale": [("%scale +1", r"engine 2: new; lacks .*"), ("%scale 2", r"2 ends; what runs there is done first")],
    "replay": [("%replay", r"nothing is missing there")],
    "sh": [("%sh echo $((40+2))", r"\[0-1\] 42")],
    "submit": [("%submit abs(-5)", r"Out\[[01]:\d+\]: 5")],
    "sweep": [("%sweep x=1..2 x*10", r"2     20 .*")],
    "scatter": [("%scatter [1,2,3] as part", None), ("%px part", r"Out\[0:\d+\]: \[1, 2\]")],
    "gather": [("%scatter 'abc' as letters", None), ("%gather letters", None),
               ("letters", r"Out\[\d+\]: 'abc'")],
    "upload": [("%upload here.txt --to there", r".*here.txt")],
    "download": [("%upload here.txt --to there", r".*"), ("%download there/here.txt got/", r".*here.txt"),
                 ("open('got/here.txt').read()", r"Out\[\d+\]: 'text'")],
    "diff": [("%scatter --flatten [1, 2] as d", None), ("%diff d", r"\[1\] \+ 2")],
    "autopx": [("%autopx", "%autopx enabled"), ("1+1", r"Out\[0-1:\d+\]: 2"),
               ("%autopx", "%autopx disabled")],
    "pxconfig": [("%pxconfig", r"%pxconfig --targets all --block .*")],
    "result": [("%px 8", r"Out.*"), ("%result", r"Out\[0-1:\d+\]: 8")],
    "pxresult": [("%px 9", r"Out.*"), ("%pxresult", r"Out\[0-1:\d+\]: 9")],
    "wait": [(f"%px import os, time; {UNTIL}; 10 &", r"\[\d+\] running on 0-1"),
             ("open('go', 'w').close()", None), ("%wait", r"Out\[0-1:\d+\]: 10")],
    "timing": [("%px 1", r"Out.*"), ("%timing", r"ran .*in user code")],
    "timeline": [("%px 1", r"Out.*"), ("%timeline", r"1 .* \d+ % . 1")],
    "show": [("%px " + DOT, r"\[0-1\] figure 1x1 · .*\.png"), ("%show", r"\[0-1\] figure 1x1 · .*-0\.png")],
    "retry": [("bad = %map (lambda x: 1/x) [0]", r".*0 done, 1 failed · %retry \d+"),
              ("%retry", r".*0 done, 1 failed · %retry \d+")],
    "cancel": [*endless("cancelled"), ("%cancel {before}", None), ("%wait", r"\[0.*\] interrupted.*")],
    "save": [("%save typed.tutti", r"typed.tutti: \d+ entries"), ("'%map' in open('typed.tutti').read()", r"Out.*: True")],
    "history": [("3+4", r"Out.*: 7"), ("%history {last}", r"3\+4")],
    "top": [("%top --once", r"engines \d+: .*")],
    "interrupt": [*endless("interrupted"), ("%interrupt", None), ("%wait", r"\[0.*\] interrupted.*")],
    "restart": [("%px gone = 1", None), ("%restart 0", None),
                ("%px 'gone' in globals()", r"Out\[0:\d+\]: False")],
    "logs": [("%logs", r".* is up")],
    "lang": [("%lang", r"here: python 3\..*"), ("%lang sh", r"here: sh .*"), ("echo in $((40+2))", "in 42"),
             ("%lang python", r"here: python 3\..*")],
    "version": [("%version", r"tutti \d.*")],
    "why": [("%why", r".*"), ("%px 1", r"Out.*"), ("%why job", r"\[\d+\] has ended · .*")],
    "time": [("%time 5", r"Wall time.*")],
    "timeit": [("%timeit -n 2 -r 2 1", r".*loop.*")],
    "run": [("%run code.py 7", r"ran with 7")],
    "cd": [("%cd sub", r".*/sub"), ("%cd -", r".*")],
    "pwd": [("%pwd", r"Out\[\d+\]: '.*/w'")],
    "env": [("%env COLOUR=blue", r".*blue.*"), ("%px %env COLOUR=red", r".*red.*")],
    "who": [("named_here = 1", None), ("%who", r".*named_here.*")],
    "whos": [("named_here = 1", None), ("%whos", r"named_here .*int.*1")],
    "reset": [("doomed = 1", None), ("%reset -f", None), ("'doomed' in globals()", r"Out.*: False"),
              ("import os; before = os.getpid()", None), ("%reset --hard", None),
              ("'before' in globals()", r"Out.*: False")],
    "kill": [("%kill 1", None)],  # the last one: what is told of it comes when it comes
}


def test_every_magic_is_here(shared_four):
    names = re.findall(r"^  %(\w+) ", shared_four.lines("%help").stdout, re.M)
    assert sorted(names) == sorted(TYPED)


def is_unasked(shown, later):
    """Whether a line comes by itself, so maybe now: news of engines that were started or ended; what
    `%wait`, the last of these lines, waits for, and how long that took."""
    patterns = [r"engines? \S+: .*"]
    if later and later[-1][0] == "%wait":
        patterns += [later[-1][1], r"\[\d+\] (done|stopped) · .*"]
    return any(re.fullmatch(pattern, shown) for pattern in patterns)


@pytest.mark.deadline(120)
def test_every_magic_typed(cluster):
    cluster.start(2)
    cluster.file("here.txt", "text")
    cluster.file("code.py", "import sys\nprint('ran with', sys.argv[1])\n")
    (cluster.work_dir / "sub").mkdir()
    with Prompt(cluster, columns=120, rows=40) as prompt:
        for name, lines in TYPED.items():
            early = []  # what a job of the background told before it was waited for
            for at, (line, pattern) in enumerate(lines):
                mark = prompt.mark()
                typed = (line.replace("{last}", str(prompt.number - 1))
                         .replace("{before}", str(prompt.number - 2)))
                prompt.run(typed)
                shown = [one for one in prompt.since(mark)[:-1] if not one.endswith(typed)]
                if pattern is None:
                    early += [one for one in shown if is_unasked(one, lines[at + 1:])]
                    assert [one for one in shown if one not in early] == [], (name, line, shown)
                else:
                    assert any(re.fullmatch(pattern, one) for one in early + shown), (name, line, shown)
                    early = []
