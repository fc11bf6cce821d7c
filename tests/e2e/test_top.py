"""The live view: `tutti top` and `%top`, and what both write without a terminal."""

import os
import re
import signal
import termios

import pytest

from .harness import Cluster, wait_until
from .terminal import CTRL_C, CTRL_Z, ENTER, ESC, Prompt, Shell, Terminal

MANY = 500
UNTIL = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)"


def run_until_go(cluster, *options, code=UNTIL):
    """Starts work that goes on until there is a file `go`, and waits until it runs."""
    process = cluster.popen("px", *options, code)
    wait_until(lambda: any(one["running"] for one in cluster.engines().values()), 10, "busy")
    return process


def view(cluster, *args, **more):
    return Terminal(cluster, [cluster.tutti, "top", *args], **more)


def shows(terminal, pattern, deadline=15):
    """Waits until the screen, and not what was before it, has a line that matches: the match."""
    def there():
        for row in range(terminal.screen.rows):
            match = re.fullmatch(pattern, terminal.screen.line(row))
            if match and terminal.screen.behind is not None:
                return match
        return None
    return terminal.wait(there, deadline, f"on the screen: {pattern!r}")


# ---- as text

@pytest.mark.sanitize
def test_one_look_tells_of_engines_machines_and_tasks(cluster):
    cluster.start(2)
    cluster.px("-t", "1", "1")
    process = run_until_go(cluster, "-t", "0")
    text = cluster.ok("top")
    cluster.file("go", "")
    process.wait()
    assert "\x1b" not in text and " \n" not in text
    assert re.search(r"^cluster 'default' · up .* s", text, re.M), text
    assert re.search(r"^engines 2: 1 busy, 1 idle$", text, re.M), text
    assert re.search(r"^tasks 1 running, 0 waiting, 1 done, 0/s", text, re.M), text
    assert re.search(r"^cpu \d+\.\d of \d+ cores? · memory \d+\.\dM, \S+ free of \S+$", text, re.M), text
    assert re.search(r"^\S+ +2 +1 +\d+\.\d of \d+ +\d+% +\d+\.\dM ", text, re.M), text
    assert re.search(r"^0 +busy +\d+% +\d+\.\dM +0 +0 +\d+s +import os, time…$", text, re.M), text
    assert re.search(r"^1 +ready +\d+% +\d+\.\dM +0 +1$", text, re.M), text


def test_what_an_engine_has_started_counts(cluster):
    cluster.start(1)
    process = run_until_go(cluster, code="import subprocess; subprocess.call(["
                           "'sh', '-c', 'while ! [ -e go ]; do :; done'])")
    uses = wait_until(lambda: (cluster.engines()[0]["cpu"] or 0) > 0.05, 15, "a busy child")
    cluster.file("go", "")
    process.wait()
    assert uses


def test_use_is_not_known_before_somebody_looks(cluster):
    cluster.start(1)
    assert cluster.engines()[0]["cpu"] is None and cluster.engines()[0]["rss_bytes"] is None
    wait_until(lambda: cluster.engines()[0]["cpu"] is not None, 10, "the engine's use")
    assert cluster.engines()[0]["rss_bytes"] > 1 << 20
    host = cluster.status()["hosts"][0]
    assert host["cores"] >= 1 and host["load"] >= 0 and host["spare_bytes"] < host["memory_bytes"]


def test_engines_that_are_missing_are_told_with_the_reason(cluster):
    cluster.start(3)
    os.kill(cluster.host_pid(), signal.SIGKILL)
    cluster.wait_state("lost")
    text = cluster.ok("top")
    assert "engines 3: 0 busy, 0 idle, 3 lost\n" in text
    assert re.search(r"^2 +lost .*(host|killed)", text, re.M), text


@pytest.mark.parametrize("args, code, said", [
    (["--every", "0"], 2, "--every takes a time above 0"),
    (["--every", "60"], 2, "--every takes 0.1 to 10 seconds, not 60"),
    (["now"], 2, "top takes options only"),
    ([], 3, "no cluster 'default' is running; tutti start makes one"),
])
def test_wrong_use_and_no_cluster(cluster, args, code, said):
    outcome = cluster.run("top", *args)
    assert outcome.code == code and said in outcome.stderr and not outcome.stdout


def test_the_magic_in_a_script(cluster):
    cluster.start(1)
    assert "engines 1: 0 busy, 1 idle\n" in cluster.lines("%top").stdout
    for line, said in ("%top --every 99", "--every takes 0.1 to 10 seconds, not '99'"), \
            ("%top --every soon", "not 'soon'"), ("%top 3", "takes options only"):
        assert said in cluster.lines(line, code=2).stderr


# ---- at a terminal

def test_the_view_shows_what_runs_and_gives_the_terminal_back(cluster):
    cluster.start(2)
    with Shell(cluster, columns=80) as shell:
        before = shell.modes()
        shell.send(f"{cluster.tutti} top" + ENTER)
        shows(shell, r"engines 2: 0 busy, 2 idle")
        process = run_until_go(cluster)
        shows(shell, r"0 +busy .*import.*")
        cluster.file("go", "")
        process.wait()
        shows(shell, r"0 +ready .*")
        shell.send("q")
        shell.wait_shell()
        assert shell.screen.behind is None and shell.text()[0].endswith("tutti top")
        assert shell.modes() == before
        assert shell.command("echo $?") == ["0"]
        assert b"\x1b[?25h" in shell.raw and not shell.screen.unknown


@pytest.mark.parametrize("key", ["q", CTRL_C, ESC])
def test_keys_that_leave(cluster, key):
    cluster.start(1)
    with view(cluster) as terminal:
        shows(terminal, r"engines 1: .*")
        terminal.send(key)
        assert terminal.wait_end() == 0 and terminal.screen.behind is None


def test_keys_that_change_the_view(cluster):
    cluster.start(2)
    with view(cluster, columns=100) as terminal:
        shows(terminal, r"engines 2: .*")
        shows(terminal, r"q leaves · s order: state · g rows: as it fits · p pauses · \? help")
        terminal.send("s")
        shows(terminal, r".* order: engine .*")
        terminal.send("<<")
        shows(terminal, r".* order: time .*")
        terminal.send("ggg")
        shows(terminal, r"ENGINES +COUNT +STATE .*")
        shows(terminal, r"0-1 +2 +ready .*")
        terminal.send("?")
        shows(terminal, r"  PgDn, f +a page down")
        terminal.send("?\x1b[Bp")
        shows(terminal, r"cluster .* · paused")
        terminal.send("p")
        shows(terminal, r"cluster 'default' · up [^·]*")
        terminal.send("q")
        assert terminal.wait_end() == 0


def test_another_size_is_another_frame(cluster):
    cluster.start(12, "--lang", "mock")
    with view(cluster, rows=30, columns=100) as terminal:
        shows(terminal, r"11 +ready .*")
        terminal.resize(10, 40)
        shows(terminal, r"0-11 .*ready.*")
        assert len(terminal.screen.lines) == 10
        terminal.send("gj")
        shows(terminal, r"2-5 of 12 .*")
        terminal.send("\x1b[F")
        shows(terminal, r"11 +ready.*")
        terminal.resize(40, 120)
        shows(terminal, r"0 +ready .*")
        terminal.send("q")
        assert terminal.wait_end() == 0


def test_it_stops_and_goes_on(cluster):
    cluster.start(1)
    with Shell(cluster, columns=80) as shell:
        before = shell.modes()
        shell.command("set -m")
        shell.send(f"{cluster.tutti} top" + ENTER)
        shows(shell, r"engines 1: .*")
        shell.send(CTRL_Z)
        shell.wait_shell()
        assert shell.screen.behind is None and shell.modes() == before
        shell.send("fg" + ENTER)
        shows(shell, r"engines 1: .*")
        shell.send("q")
        shell.wait_shell()
        assert shell.modes() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_that_end_it_give_the_terminal_back(cluster, number):
    cluster.start(1)
    with view(cluster) as terminal:
        shows(terminal, r"engines 1: .*")
        assert not terminal.modes()[3] & termios.ICANON
        os.kill(terminal.pid, number)
        code = terminal.wait_end()
        assert code == (0 if number == signal.SIGINT else 128 + number)
        assert terminal.screen.behind is None and terminal.modes()[3] & termios.ICANON


def test_a_controller_that_dies_ends_the_view_with_3(cluster):
    cluster.start(1)
    with view(cluster) as terminal:
        shows(terminal, r"engines 1: .*")
        os.kill(cluster.controller_pid(), signal.SIGKILL)
        assert terminal.wait_end() == 3
        assert terminal.screen.behind is None
        terminal.wait_line(r"tutti: the controller is gone.*")
    cluster.stop()


def test_a_controller_that_is_late_is_told(cluster):
    cluster.start(1)
    controller = cluster.controller_pid()
    with view(cluster) as terminal:
        shows(terminal, r"engines 1: .*")
        os.kill(controller, signal.SIGSTOP)
        try:
            shows(terminal, r"cluster .* · no answer for \d+ s")
        finally:
            os.kill(controller, signal.SIGCONT)
        shows(terminal, r"cluster 'default' · up [^·]*")
        terminal.send("q")
        assert terminal.wait_end() == 0


def test_colour_is_not_for_everybody(cluster):
    cluster.start(1)
    for env, coloured in ({}, True), ({"NO_COLOR": "1"}, False):
        with view(cluster, env=env) as terminal:
            shows(terminal, r"0 +ready .*")
            terminal.send("q")
            terminal.wait_end()
            assert (b"\x1b[7m" in terminal.raw) == coloured


def test_a_terminal_without_utf8_is_sent_none(cluster):
    cluster.start(1)
    with view(cluster, env={"LC_ALL": "C"}) as terminal:
        shows(terminal, r"cluster 'default' - up .*")
        shows(terminal, r"0 +ready .*")
        terminal.send("q")
        terminal.wait_end()
        assert max(terminal.raw) < 128 and b"\x1b[7m" in terminal.raw


# ---- at the prompt

@pytest.mark.sanitize
def test_the_prompt_goes_on_behind_it(cluster):
    cluster.start(2)
    with Prompt(cluster, columns=100) as prompt:
        before = prompt.modes()
        prompt.run("x = 5")
        prompt.send("%top" + ENTER)
        shows(prompt, r"engines 2: 0 busy, 2 idle")
        prompt.send("q")
        prompt.wait_prompt(3)
        assert prompt.screen.behind is None and prompt.modes() == before
        assert prompt.value("x") == "5"
        prompt.send("%px x\x01\x0b1+1" + ENTER)  # line editing as before
        prompt.wait_line(r"Out\[4\]: 2")
        prompt.wait_prompt(5)
        prompt.leave()
        assert prompt.wait_end() == 0


@pytest.mark.sanitize
def test_what_comes_meanwhile_is_told_afterwards(cluster):
    cluster.start(2)
    with Prompt(cluster, columns=100) as prompt:
        prompt.run(f"%px import os, time; any(iter(lambda: time.sleep(0.01) or os.path.exists('go'), None)); 7 &")
        prompt.send("%top" + ENTER)
        shows(prompt, r"engines 2: 2 busy, 0 idle")
        cluster.file("go", "")
        shows(prompt, r"engines 2: 0 busy, 2 idle")
        os.kill(cluster.engine_pids()[1], signal.SIGKILL)
        wait_until(lambda: cluster.engines()[1]["state"] == "ready" and
                   cluster.engines()[1]["since_s"] > 0.5, 15, "it is back")
        shows(prompt, r"1 +ready .*")
        assert b"7\r\n" not in prompt.raw[-200:] and "Out[0-1:1]: 7" not in prompt.text()
        prompt.send("q")
        prompt.wait_prompt(3)
        prompt.wait_line(r"Out\[0-1:1\]: 7")
        prompt.wait_line(r"engine 1: killed by SIGKILL; .*back, names are gone.*|engine 1: back.*")
        prompt.leave()


def test_a_controller_that_dies_meanwhile_leaves_the_prompt(cluster):
    cluster.start(1)
    with Prompt(cluster, columns=100) as prompt:
        prompt.send("%top" + ENTER)
        shows(prompt, r"engines 1: .*")
        os.kill(cluster.controller_pid(), signal.SIGKILL)
        prompt.wait_prompt(2)
        prompt.wait_line(r"%top: the controller is gone.*")
        assert prompt.screen.behind is None and prompt.value("1+1") == "2"
        prompt.leave()
    cluster.stop()


def test_a_window_that_is_closed_ends_it(cluster):
    cluster.start(1)
    terminal = view(cluster)
    with terminal:
        shows(terminal, r"engines 1: .*")
    assert terminal.popen.returncode in (0, 128 + signal.SIGHUP)


def test_code_of_the_local_engine_may_show_it(cluster):
    """The terminal, which the engine has while its code runs, is lent for the view."""
    cluster.start(1)
    with Prompt(cluster, columns=100) as prompt:
        prompt.more("for n in range(2):")
        prompt.more("%top")
        prompt.send(ENTER)
        for n in range(2):  # the second one may open before the first is seen to be gone
            prompt.wait(lambda: prompt.raw.count(b"\x1b[?1049h") == n + 1)
            shows(prompt, r"engines 1: .*")
            prompt.send("q")
            prompt.wait(lambda: prompt.raw.count(b"\x1b[?1049l") == n + 1)
        prompt.wait_prompt(2)
        assert prompt.value("n") == "1"
        prompt.leave()


# ---- five hundred

@pytest.fixture(scope="module")
def many():
    cluster = Cluster()
    try:
        cluster.start(MANY, "--lang", "mock", timeout=120)
        yield cluster
    finally:
        cluster.finish()


def test_five_hundred_engines_fit_24_lines(many):
    with view(many, rows=24, columns=80) as terminal:
        shows(terminal, r"engines 500: 0 busy, 500 idle", deadline=30)
        shows(terminal, r"0-499 +500 +ready .*")
        shows(terminal, r"\S+ +500 +0 +\S+ of \d+ .*")
        process = many.popen("px", "-t", "7,100-102", "sleep 100")
        shows(terminal, r"engines 500: 4 busy, 496 idle")
        shows(terminal, r"7,100-102 +4 +busy .*")
        shows(terminal, r"0-6,8-99,10.* 496 +ready .*")
        terminal.send("g")
        shows(terminal, r"7 +busy .*")
        terminal.send("\x1b[F")
        shows(terminal, r"499 +ready .*")
        process.press()
        shows(terminal, r"engines 500: 0 busy, 500 idle")
        terminal.send("q")
        assert terminal.wait_end() == 0
        process.wait()


def test_five_hundred_engines_are_few_lines_of_text(many):
    text = many.ok("top", "--once")
    assert re.search(r"^0-499 +500 +ready ", text, re.M) and text.count("\n") < 15
