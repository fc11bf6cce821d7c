"""What engines lack that were restarted or came later: told, left out by balanced work, replayed."""

import os

from .terminal import CTRL_C, Prompt


def test_an_engine_that_is_back_is_left_out_until_it_has_everything(cluster):
    cluster.start(2)
    outcome = cluster.script("""
%px import os; a = 1
b = [2]
%push b c=b+b
ids = %px os.getpid()
%restart 0
def who(n): import os; return os.getpid(), b
first = %map who range(40)
print(set(pid for pid, _ in first) == {ids[1]})
%replay
again = %px (a, b, c)
print(again)
second = %map who range(200)
print(len(set(pid for pid, _ in second)))
%replay 0-1
""")
    assert outcome.stdout.splitlines() == ["True", "[(1, [2], [2, 2]), (1, [2], [2, 2])]", "2"]
    told = [line for line in outcome.stderr.splitlines() if "items ·" not in line]
    assert told == ["0 is left out: what was sent before is missing there; %replay 0, or --any",
                    "0: 2 %px lines, 2 pushed names", "nothing is missing there"]


def test_any_takes_all(cluster):
    cluster.start(2)
    outcome = cluster.script("""
%px a = 1
%restart 0
x = %map --any (lambda n: __import__("os").getpid()) range(200)
print(len(set(x)))
""")
    assert outcome.stdout == "2\n" and "left out" not in outcome.stderr


def test_when_all_lack_something_all_do_it(cluster):
    cluster.start(2)
    outcome = cluster.script("""
%px a = 1
%restart
x = %map (lambda n: __import__("os").getpid()) range(200)
print(len(set(x)))
""")
    assert outcome.stdout == "2\n"
    assert "what was sent before is missing on 0-1; %replay 0-1" in outcome.stderr


def test_a_retry_never_goes_to_an_engine_that_lacks_a_pushed_name(cluster):
    """Each item kills its engine the first time: one is left to do it again, until that dies."""
    cluster.start(2)
    outcome = cluster.script("""
import os
b = 5
%push b
def f(n):
    import os, signal
    if not os.path.exists(f"ran{n}"):
        open(f"ran{n}", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return b
x = %submit --retries 9 f(0)
print(x)
%submit --retries 9 f(1)
""", code=1)
    assert outcome.stdout == "5\n"
    assert "no engine is left that has what was sent before" in outcome.stderr
    assert sorted(path.name for path in cluster.work_dir.glob("ran*")) == ["ran0", "ran1"]


def test_retry_goes_to_engines_that_have_been_replayed(cluster):
    with Prompt(cluster, "-n", 1) as prompt:
        prompt.run("import os")
        prompt.run("die = lambda: (open('ran', 'w').close(), os.kill(os.getpid(), 9))")
        prompt.run("f = lambda n: die() if n == 0 and not os.path.exists('ran') else b + n")
        prompt.run("b = 5")
        prompt.run("%push b")
        prompt.run("x = %map f range(3)")
        cluster.wait_state("ready")
        prompt.run("%replay")
        prompt.run("%retry")
        assert prompt.value("list(x)") == "[5, 6, 7]"
        assert "left out" not in "\n".join(prompt.text())
        prompt.leave("s")


def test_what_was_for_some_is_missing_on_these_only(cluster):
    cluster.start(3)
    outcome = cluster.script("""
%px -t 1 a = 1
%restart 0
%replay
%restart 1
%replay
%px -t 1 a
""")
    assert outcome.stderr == "nothing is missing there\n1: 1 %px line\n"
    assert outcome.stdout == "Out[1:6]: 1\n"


def test_commands_and_what_failed_everywhere_are_not_replayed(cluster):
    cluster.start(1)
    outcome = cluster.script("""
%px !echo hello
%sh echo hello
x = 1
for _ in range(1):
    try:
        %px 1/0
    except Exception:
        pass
%restart
%replay
""", code=None)
    assert outcome.stderr.splitlines()[-1] == "nothing is missing there"


def test_what_fails_in_a_replay_is_shown_and_the_rest_is_done(cluster):
    cluster.start(1)
    outcome = cluster.run("run", str(cluster.file("y.tutti", """
%px import os; open("twice", "x").close()
%px a = 7
%restart
%replay
""")))
    assert outcome.code == 1
    assert "FileExistsError" in outcome.stderr
    assert "0: 2 %px lines, of which 1 failed" in outcome.stderr


def test_a_name_that_is_gone_here_stays_missing_there(cluster):
    with Prompt(cluster, "-n", 2) as prompt:
        prompt.run("a = b = 1")
        prompt.run("%push a b")
        prompt.run("del b")
        prompt.run("%restart 0")
        assert prompt.run("%replay")[-1] == "0: 2 pushed names, of which 1 failed"
        assert all(line.startswith("[2] done ") for line in prompt.run("%jobs"))  # a replay is none
        prompt.run("%px -t 0 a")
        assert "0 is left out" in "\n".join(prompt.run("x = %map abs range(4)"))
        prompt.run("b = 2")
        assert prompt.run("%replay")[-1] == "0: 1 pushed name"
        assert prompt.run("%px -t 0 a + b") == [f"Out[0:{prompt.number - 1}]: 3"]
        assert "left out" not in "\n".join(prompt.run("x = %map abs range(4)"))
        prompt.leave("s")


def test_a_replay_that_is_interrupted_goes_on_where_it_was(cluster):
    """The second line waits for a file that comes later; the first one may run twice only."""
    with Prompt(cluster, "-n", 1) as prompt:
        prompt.run("%px import os, time; open('first', 'a').write('x')")
        cluster.file("go", "")
        prompt.run("%px while not os.path.exists('go'): open('waits', 'w').close(); time.sleep(0.01)")
        prompt.run("%restart")
        os.remove(cluster.file("go"))
        prompt.enter("%replay")
        cluster.wait_file("waits")
        prompt.send(CTRL_C)
        prompt.wait_prompt(prompt.number + 1)
        assert "stopped: what is left is still missing" in "\n".join(prompt.text())
        cluster.file("go", "")
        assert prompt.run("%replay")[-1] == "0: 1 %px line"
        assert cluster.file("first").read_text() == "xx"
        prompt.leave("s")


def test_the_prompt_tells_what_an_engine_lacks(cluster):
    with Prompt(cluster, "-n", 2) as prompt:
        prompt.run("%px a = 1")
        prompt.run("b = 2")
        prompt.run("%push b")
        prompt.run("%px -t 1 import os; os.kill(os.getpid(), 9)")
        prompt.wait(lambda: "engine 1: killed by SIGKILL; back, names are gone; lacks 1 %px line, 1 pushed"
                            " name: %replay 1" in " ".join(prompt.text()), 10, "notice")
        prompt.run("%replay 1")
        assert prompt.text()[-2] == "1: 1 %px line, 1 pushed name"
        assert prompt.run("%px a, b") == ["Out[0-1:6]: (1, 2)"]
        prompt.leave("s")
