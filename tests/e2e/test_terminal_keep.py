"""Jobs that outlive the prompt they were typed at."""

import os
import re
import signal

import pytest

from .harness import alive, wait_until
from .terminal import CTRL_D, ENTER, Pipe, Prompt, Shell


def next_prompt(cluster, number):
    """The prompt that comes after the one that is gone; its numbers go on."""
    prompt = Prompt(cluster, ready=False)
    prompt.wait_prompt(number, deadline=30)
    return prompt


@pytest.mark.sanitize
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_the_next_prompt_shows_what_came_meanwhile(cluster, number):
    cluster.start(2)
    with Prompt(cluster) as prompt, Pipe(cluster) as pipe:
        prompt.run("%px import os, time; at = os.open('at', os.O_WRONLY)")
        prompt.run("%px print('begun', flush=True); os.write(at, b'x\\n'); "
                   "[time.sleep(0.01) for _ in iter(lambda: os.path.exists('go'), True)]; "
                   "print('ended'); 6*7 &")
        pipe.wait(prompt, ["x", "x"])
        prompt.popen.send_signal(number)
        wait_until(lambda: prompt.popen.poll() is not None)
    with next_prompt(cluster, 3) as prompt:
        assert any(re.fullmatch(r"an earlier session has left: \[2\] running 0/2 .*", line)
                   for line in prompt.text()), prompt.text()
        assert any(line.startswith("[2] running") for line in prompt.run("%jobs"))
        cluster.file("go", "")
        prompt.wait_line(r"Out\[0-1:2\]: 42")
        prompt.wait_line(r"\[2\] done · .*")
        prompt.wait_prompt(4)
        assert prompt.run("%result 2")[:3] == ["[0-1] begun", "[0-1] ended", "Out[0-1:2]: 42"]
        prompt.leave()
        assert prompt.wait_end() == 0
    with Prompt(cluster) as prompt:  # it was seen: nothing is left
        assert not any("earlier session" in line for line in prompt.text())


@pytest.mark.sanitize
def test_what_was_on_its_way_to_a_killed_prompt_is_there(cluster):
    """The answers go out to a prompt that takes nothing any more, and then is killed."""
    cluster.start(2)
    with Prompt(cluster) as prompt, Pipe(cluster) as pipe:
        prompt.run("%px import os, time; at = os.open('at', os.O_WRONLY)")
        prompt.run("%px print('begun', flush=True); os.write(at, b'x\\n'); "
                   "[time.sleep(0.01) for _ in iter(lambda: os.path.exists('go'), True)]; "
                   "print('ended'); 6*7 &")
        pipe.wait(prompt, ["x", "x"])
        prompt.popen.send_signal(signal.SIGSTOP)
        cluster.file("go", "")
        wait_until(lambda: cluster.status()["controller"]["tasks"] == 0)
        prompt.popen.kill()
        wait_until(lambda: prompt.popen.poll() is not None)
    with next_prompt(cluster, 3) as prompt:
        shown = prompt.run("%result 2")
        assert "[0-1] ended" in shown and "Out[0-1:2]: 42" in shown, shown


def test_what_ended_meanwhile_waits_to_be_asked_for(cluster):
    cluster.start(2)
    with Prompt(cluster) as prompt:
        prompt.run("1")
        prompt.run("%px -t 0 print('said'); 5 &")
        prompt.run("%map (lambda i: __import__('time').sleep(0.2) or i * i) range(6) &")
        prompt.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: prompt.popen.poll() is not None)
    wait_until(lambda: "of an earlier session" in cluster.ok("status"))
    wait_until(lambda: cluster.status()["controller"]["tasks"] == 0)
    with next_prompt(cluster, 4) as prompt:
        assert any("[3] done" in line for line in prompt.text())
        assert prompt.run("%result 3")[0] == "Out[3]: [0, 1, 4, 9, 16, 25]"


def test_keep_leaves_cluster_and_jobs_running(cluster):
    with Prompt(cluster, "-n", 1) as prompt:
        prompt.run("%px import os, time")
        prompt.run("%px [time.sleep(0.01) for _ in iter(lambda: os.path.exists('go'), True)]; 7 &")
        prompt.send(CTRL_D)
        prompt.wait(lambda: "".join(prompt.text()[-3:]).endswith("stay:"))
        prompt.send("k" + ENTER)
        assert prompt.wait_end() == 0
    cluster.file("go", "")
    with next_prompt(cluster, 3) as prompt:
        prompt.send("%result 2" + ENTER)
        prompt.wait_line(r"Out\[0:2\]: 7")


def test_a_window_closed_below_a_shell_leaves_the_jobs_running(cluster):
    """The prompt may read the end of its terminal before the shell has passed SIGHUP on."""
    cluster.start(1)
    with Shell(cluster) as shell:
        shell.tutti()
        shell.run("%px import os, time")
        shell.run("%px [time.sleep(0.01) for _ in iter(lambda: os.path.exists('go'), True)]; 7 &")
        tutti = shell.tutti_pid()
        shell.close()
        wait_until(lambda: not alive(tutti))
    with next_prompt(cluster, 3) as prompt:
        assert any("[2] running 0/1" in line for line in prompt.text()), prompt.text()
        cluster.file("go", "")
        prompt.send("%result 2" + ENTER)
        prompt.wait_line(r"Out\[0:2\]: 7")


def test_further_signals_do_not_end_a_prompt_that_is_leaving(cluster):
    """The shell passes SIGHUP on when the prompt has seen the end of its terminal already, and waits
    for the controller to have all that was submitted."""
    cluster.start(1)
    with Prompt(cluster) as prompt:
        prompt.run("%px import os, time")
        prompt.run("%px [time.sleep(0.01) for _ in iter(lambda: os.path.exists('go'), True)]; 7 &")
        controller = cluster.controller_pid()
        os.kill(controller, signal.SIGSTOP)
        try:
            wait_until(lambda: prompt.popen.send_signal(signal.SIGHUP) or prompt.popen.poll(), 20)
        finally:
            os.kill(controller, signal.SIGCONT)
        assert prompt.popen.returncode == 128 + signal.SIGHUP
    cluster.file("go", "")
    with next_prompt(cluster, 3) as prompt:
        prompt.send("%result 2" + ENTER)
        prompt.wait_line(r"Out\[0:2\]: 7")
