"""A cluster that lives on another machine: started there, left, and come back to."""

import json
import re
import signal

import pytest

from e2e.harness import wait_until
from e2e.terminal import ENTER, Prompt, Terminal

from .test_add import web  # noqa: F401


def there(cluster, *words, **more):
    return cluster.ok("--ssh", "web1", *words, timeout=40, **more)


def test_started_there_and_used_from_here(cluster, web, machines):  # noqa: F811
    assert cluster.ok("start", "--on", "web1", "-n", 2, timeout=60).startswith(
        "cluster 'default' is up: 2 Python engines (3.")
    assert not cluster.processes(), "nothing of it is here"
    assert there(cluster, "px", "import os; os.getuid()") == f"Out[0-1:1]: {web.uid}\n"
    there(cluster, "px", "x = 5")
    assert there(cluster, "px", "-t", "1", "x") == "Out[1:1]: 5\n"
    assert there(cluster, "-c", "y = %px x + 1", "-c", "print(list(y))") == "[6, 6]\n"
    assert "2 engines" in there(cluster, "status")
    assert there(cluster, "why") == "no engine has been lost, restarted or failed to start\n"
    assert "ZeroDivisionError" in cluster.run("--ssh", "web1", "px", "1/0").stderr
    assert there(cluster, "stop") == "cluster 'default' is stopped\n"
    machines.wait_nobody(deadline=2, sshd=False)
    outcome = cluster.run("--ssh", "web1", "px", "1")
    assert outcome.code == 3
    assert outcome.stderr == ("tutti: cannot reach 'web1': no cluster 'default' is running there; "
                              "tutti start --on web1 makes one\n")


def test_the_live_view_from_here(cluster, web):  # noqa: F811
    """The view is here, on our terminal; what it tells comes over the link."""
    cluster.ok("start", "--on", "web1", "-n", 2, timeout=60)
    text = there(cluster, "top")
    assert "engines 2: 0 busy, 2 idle\n" in text and re.search(r"^1 +ready +\d+% +\d+\.\dM ", text, re.M), text
    with Terminal(cluster, [cluster.tutti, "--ssh", "web1", "top"]) as terminal:
        terminal.wait(lambda: any(line.startswith("1       ready ") for line in terminal.text()), 30)
        terminal.send("q")
        assert terminal.wait_end() == 0
    there(cluster, "stop")


def test_the_second_start_says_that_it_runs(cluster, web):  # noqa: F811
    cluster.ok("start", "--on", "web1", "-n", 1, timeout=60)
    assert "is running already" in cluster.ok("start", "--on", "web1", "-n", 1, timeout=60)
    there(cluster, "stop")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_jobs_go_on_while_nobody_is_there(cluster, web, number):  # noqa: F811
    """The terminal is closed: results and output wait for who comes back by the same line."""
    cluster.ok("start", "--on", "web1", "-n", 2, timeout=60)
    with Prompt(cluster, "--ssh", "web1") as prompt:
        assert "cluster 'default' on web1 · 2 Python engines" in prompt.text()[0]
        prompt.run("%px import os, time")
        prompt.run("%px print('begun'); open(f'begun{os.getpid()}', 'w').close(); "
                   "[time.sleep(0.01) for _ in iter(lambda: os.path.exists('go'), True)]; 6*7 &")
        wait_until(lambda: len(list(web.home.glob("begun*"))) == 2)
        prompt.popen.send_signal(number)
        wait_until(lambda: prompt.popen.poll() is not None)
    with Prompt(cluster, "--ssh", "web1", ready=False) as prompt:
        prompt.wait_prompt(3, deadline=30)
        assert any(re.fullmatch(r"an earlier session has left: \[2\] running 0/2 .*", line)
                   for line in prompt.text()), prompt.text()
        web.put("go", "")
        prompt.wait_line(r"\[0-1\] begun")
        prompt.wait_line(r"Out\[0-1:2\]: 42")
        prompt.wait_line(r"\[2\] done · .*")
        prompt.wait_prompt()
        prompt.send("exit" + ENTER)
        assert prompt.wait_end() == 0
    there(cluster, "stop")


def test_a_lid_that_is_closed_over_a_prompt_costs_nothing(cluster, machines):
    """Nothing passes any more and nobody says so: the pipe there ends by itself, so the job is kept
    and the next one takes it over, though the old prompt still believes in its link."""
    machine = machines.add("inner")
    link = machines.relay(machine)
    machines.alias("web1", to=link)
    machines.alias("again", to=machine)
    cluster.env["TUTTI_SSH"] = machines.ssh
    cluster.ok("start", "--on", "web1", "-n", 1, timeout=60)
    with Prompt(cluster, "--ssh", "web1") as prompt:
        prompt.run("%px import os, time; open('begun', 'w').close(); [time.sleep(0.01) for _ in "
                   "iter(lambda: os.path.exists('go'), True)]; 6*7 &")
        wait_until((machine.home / "begun").exists)
        link.drop()
        wait_until(lambda: "1 job of an earlier session waits" in
                   cluster.ok("--ssh", "again", "status", timeout=40), 60)
        machine.put("go", "")
        with Prompt(cluster, "--ssh", "again", ready=False) as second:
            second.wait_prompt(2, deadline=30)
            assert second.run("%result 1", deadline=20)[0] == "Out[0:1]: 42"
            second.send("exit" + ENTER)
            assert second.wait_end() == 0
        prompt.popen.kill()
    cluster.ok("--ssh", "again", "stop", timeout=40)


def test_what_was_answered_into_a_dead_link_is_there_for_the_next(cluster, machines):
    """The lid closes, and the jobs end before anybody has noticed."""
    machine = machines.add("inner")
    link = machines.relay(machine)
    machines.alias("web1", to=link)
    machines.alias("again", to=machine)
    cluster.env["TUTTI_SSH"] = machines.ssh
    cluster.ok("start", "--on", "web1", "-n", 2, timeout=60)
    with Prompt(cluster, "--ssh", "web1") as prompt:
        prompt.run("%px import os, time; open(f'on{os.getpid()}', 'w').close(); "
                   "[time.sleep(0.01) for _ in iter(lambda: os.path.exists('go'), True)]; 6*7 &")
        wait_until(lambda: len(list(machine.home.glob("on*"))) == 2)
        link.drop()
        machine.put("go", "")
        wait_until(lambda: "1 job of an earlier session waits" in
                   cluster.ok("--ssh", "again", "status", timeout=40), 60)
        with Prompt(cluster, "--ssh", "again", ready=False) as second:
            second.wait_prompt(2, deadline=30)
            assert second.run("%result 1", deadline=20)[0] == "Out[0-1:1]: 42"
            second.send("exit" + ENTER)
            assert second.wait_end() == 0
        prompt.popen.kill()
    cluster.ok("--ssh", "again", "stop", timeout=40)


def test_a_set_up_script_for_a_cluster_there(cluster, web):  # noqa: F811
    cluster.file("setup.sh", "export MOOD=fine\n")
    cluster.ok("start", "--on", "web1", "-n", 1, "--setup", "setup.sh", timeout=60)
    assert there(cluster, "px", "import os; os.environ['MOOD']") == "Out[0:1]: 'fine'\n"
    there(cluster, "stop")
    assert cluster.run("start", "-n", 1, "--setup", "setup.sh").stderr == (
        "tutti: --setup goes with --on HOST\n")


def test_a_machine_that_is_not_reached_is_status_3(cluster, machines):
    machines.alias("web1", to=machines.add("inner"), key="wrong")
    cluster.env["TUTTI_SSH"] = machines.ssh
    for words in ["start", "--on", "web1"], ["--ssh", "web1", "status"], ["--ssh", "web1", "px", "1"]:
        outcome = cluster.run(*words, timeout=30)
        assert outcome.code == 3, outcome
        assert outcome.stderr.startswith("tutti: cannot reach 'web1': permission denied (publickey)")


def test_a_link_that_is_cut_is_told_at_the_prompt(cluster, machines):
    machine = machines.add("inner")
    link = machines.relay(machine)
    machines.alias("web1", to=link)
    cluster.env["TUTTI_SSH"] = machines.ssh
    cluster.ok("start", "--on", "web1", "-n", 1, timeout=60)
    with Prompt(cluster, "--ssh", "web1") as prompt:
        prompt.run("%px x = 7")
        prompt.send("%px import time; time.sleep(2); print('slept')" + ENTER)
        prompt.wait_line(r"0/1 engine.*")
        link.cut()
        prompt.wait_line(r".*the link to 'web1' ended: .*", 20)
    assert there(cluster, "px", "x") == "Out[0:1]: 7\n"
    there(cluster, "stop")


def test_the_controller_there_adds_machines_itself(cluster, web, machines):  # noqa: F811
    """It sends the bundle on, whose archive it has kept."""
    other = machines.add("web2")
    cluster.ok("start", "--on", "web1", "-n", 1, timeout=60)
    web.put("key", machines.key.read_text(), 0o600)
    web.put(".ssh/config", "Host *\nStrictHostKeyChecking no\nIdentityFile ~/key\n", 0o600)
    got = there(cluster, "add", "-n", 1, "--as", "web2", f"{other.user}@127.0.0.1:{other.port}")
    assert got.startswith("web2: sent tutti (")
    got = there(cluster, "px", "import os; os.getuid()")
    assert re.fullmatch(rf"Out\[[\w.-]+:1\]: {web.uid}\nOut\[web2:1\]: {other.uid}\n", got), got
    there(cluster, "stop")


def test_signals_end_the_session_and_not_the_cluster(cluster, web):  # noqa: F811
    cluster.ok("start", "--on", "web1", "-n", 1, timeout=60)
    waiting = cluster.popen("--ssh", "web1", "px", "open('/tmp/on', 'w').close(); "
                            "import time; time.sleep(100)")
    wait_until((web.tmp / "on").exists)
    waiting.press(signal.SIGINT)
    outcome = waiting.wait(5)
    assert outcome.code == 1 and "interrupted" in outcome.stdout + outcome.stderr
    assert there(cluster, "px", "6*7") == "Out[0:1]: 42\n"
    there(cluster, "stop")


SETTINGS = """start
    engines = 2
    env = FLAVOUR=sour
    nice = 3
    setup = setup.sh
status
    json = yes
add
    identity = /no/such/key
"""


def test_settings_are_those_of_here(cluster, web):  # noqa: F811
    """What runs there gets those of here, but for files, and reads none."""
    web.put(".config/tutti/tutti.zpl", "this is wrong\n")
    path = cluster.directory / "c" / "tutti" / "tutti.zpl"
    path.parent.mkdir(parents=True)
    path.write_text(SETTINGS)
    path.chmod(0o600)
    cluster.file("setup.sh", "export SETUP=done\n")
    code = "import os; [os.environ.get(n) for n in ('FLAVOUR', 'SETUP')] + [os.nice(0)]"
    for words in (["start", "--on", "web1"], ["--ssh", "web1", "start"]):
        assert "2 Python engines" in cluster.ok(*words, timeout=60)
        assert there(cluster, "px", code) == "Out[0-1:1]: ['sour', 'done', 3]\n"
        assert len(json.loads(there(cluster, "status"))["engines"]) == 2
        there(cluster, "stop")
    assert "1 Python engine " in cluster.ok("start", "--on", "web1", "-n", 1, timeout=60)
    there(cluster, "stop")
    outcome = cluster.run("--ssh", "web1", "status", "--profile", "hpc")
    assert (outcome.code, outcome.stderr) == (
        2, f"tutti: {path}: no profile 'hpc'; there are none\n")
    outcome = cluster.run("--ssh", "web1", "--no-settings", "status", timeout=40)
    assert outcome.stderr == "tutti: no cluster 'default' is running; tutti start makes one\n"
    outcome = cluster.run("--ssh", "web1", "add", "web9", timeout=40)
    assert "/no/such/key" not in outcome.stderr
    there(cluster, "stop")
