"""%why job N: what a job is waiting for."""

import re

from .terminal import Prompt

WRONG_USE = 2
NAP = "import os, time\n%px import os, time\n"
UNTIL = "[time.sleep(0.01) for _ in iter(lambda: os.path.exists('go'), True)]"  # the file is there


def whys(cluster, text):
    """The lines that %why tells, of a script at whose end everything ends."""
    outcome = cluster.script(NAP + text + "open('go', 'w').close()\n%wait\n")
    return [line for line in outcome.stdout.splitlines() if not line.startswith("Out[")]


def test_of_engines_that_are_at_it_and_one_that_is_busy(cluster):
    cluster.start(3)
    lines = whys(cluster, f"""%px -t 0-1 --name one open('at%d' % os.getpid(), 'w').close(); {UNTIL}; None &
while len([n for n in os.listdir() if n.startswith('at')]) < 2: time.sleep(0.01)
x = %px -t 1-2 --name two 5 &
y = %px -t 2 6
%why job one
%why job two
""")
    assert lines[0].startswith("[3] running · ") and lines[0].endswith(" · 0 of 2 done"), lines
    assert lines[1].startswith("engines 0-1: at it for ")
    assert lines[2].endswith(" · 1 of 2 done")
    assert lines[3].startswith("engine 1: busy for ") and " with open('at%d' % os.getp" in lines[3]
    assert len(lines) == 4


def test_of_work_that_comes_after_other_work_and_of_items_that_wait(cluster):
    cluster.start(1)
    lines = whys(cluster, f"""def slow(x): open('at', 'w').close(); {UNTIL}; return x
a = %submit --name first slow(1) &
b = %submit --after first --name second slow(2) &
m = %map --max-outstanding 2 --name third abs [1, 2, 3] &
while not os.path.exists('at'): time.sleep(0.01)
%why job second
%why job third
""")
    assert lines[0].endswith(" · 0 of 1 done") and lines[1].startswith("comes after job ")
    assert lines[2].endswith(" · 0 of 3 done") and lines[3] == "2 items wait for an engine"
    assert lines[4] == "1 are not handed over yet: at most 2 at once"
    assert lines[5].startswith("engine 0: busy for ") and " with a = %submit --name first" in lines[5]


def test_of_jobs_that_have_ended_and_of_none(shared_four):
    with Prompt(shared_four) as prompt:
        prompt.run("%px 1")
        assert re.fullmatch(r"\[1\] has ended · \S+ s · 4 of 4 done", prompt.run("%why job 1")[0])
        prompt.run("%px 1/0")
        assert re.fullmatch(r"\[3\] has ended · \S+ s · 4 of 4 failed: %result 3", prompt.run("%why job 3")[0])
        prompt.leave()
    assert "%why: no job '9'; %jobs lists them" in shared_four.lines("%why job 9", code=WRONG_USE).stderr
    assert "%why: there is no job yet" in shared_four.lines("%why job ", code=None).stderr


def test_of_an_engine_that_is_stopped(cluster):
    cluster.start(1)
    pid = cluster.engine_pids()[0]
    lines = whys(cluster, f"""import signal
os.kill({pid}, signal.SIGSTOP)
while 'T' not in open('/proc/{pid}/stat').read().split(')')[-1].split()[0]: time.sleep(0.01)
time.sleep(0.2)
x = %px --name one 2 &
%why job one
os.kill({pid}, signal.SIGCONT)
""")
    assert lines[-1].startswith("engine 0: stopped"), lines
