"""tutti add: engines on machines that have nothing but sshd and python3."""

import json
import os
import re
import signal

import pytest

from e2e.harness import alive, wait_until


@pytest.fixture
def web(cluster, machines):
    """One bare machine that the cluster's commands reach as web1."""
    machine = machines.add("web1")
    cluster.env["TUTTI_SSH"] = machines.ssh
    return machine


def add(cluster, *words, code=0, timeout=60, **more):
    outcome = cluster.run("add", *words, timeout=timeout, **more)
    assert code is None or outcome.code == code, f"{words}: {outcome}\n{cluster.logs()}"
    return outcome


def test_a_bare_machine_gets_tutti_and_answers(cluster, web):
    outcome = add(cluster, "-n", 2, "web1")
    first, second = outcome.stdout.splitlines()
    assert first == "cluster 'default' is up"
    assert re.fullmatch(r"web1: sent tutti \(\d+\.\d MB\) · 2 Python engines \(3\.\S+, \S+\) · "
                        r"ids 0-1", second), outcome
    got = cluster.ok("px", "import os; print(os.getuid(), os.environ['HOME'], os.getcwd())")
    assert got == f"[0-1] {web.uid} /home/far /home/far\n"
    assert list(web.home.glob(".cache/tutti/*/bin/tutti"))
    cluster.ok("stop")
    outcome = add(cluster, "-n", 2, "web1")
    assert "sent" not in outcome.stdout and "2 Python engines" in outcome.stdout
    assert cluster.ok("px", "6*7") == "Out[0-1:1]: 42\n"


def test_what_ends_leaves_nothing_there(cluster, web, machines):
    add(cluster, "-n", 2, "web1")
    cluster.ok("px", "import subprocess; p = subprocess.Popen(['sleep', '1000'])")
    cluster.ok("stop")
    machines.wait_nobody(deadline=2, sshd=False)
    assert not list(web.tmp.iterdir())


# ---- what a machine may be like

def test_a_login_that_prints_is_passed_over(cluster, machines):
    machines.add("web1", rc="echo welcome to the machine; seq 2000")
    cluster.env["TUTTI_SSH"] = machines.ssh
    add(cluster, "-n", 1, "web1")
    assert cluster.ok("px", "6*7") == "Out[0:1]: 42\n"


def test_a_login_that_never_stops_printing_is_told(cluster, machines):
    machines.add("web1", rc="yes")
    cluster.env["TUTTI_SSH"] = machines.ssh
    outcome = add(cluster, "-n", 1, "web1", code=4)
    assert outcome.stderr == ("web1: its login writes more than 64 KiB before it lets a command "
                              "run\n")


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/dash"])
def test_other_login_shells(cluster, machines, shell):
    machines.add("web1", shell=shell)
    cluster.env["TUTTI_SSH"] = machines.ssh
    add(cluster, "-n", 1, "web1")
    assert cluster.ok("px", "6*7") == "Out[0:1]: 42\n"


def test_a_python_without_cloudpickle_gets_functions_all_the_same(cluster, web):
    assert web.run("/usr/bin/python3 -m venv --without-pip v", timeout=60).code == 0
    add(cluster, "-n", 2, "--python", "/home/far/v/bin/python", "web1")
    got = cluster.lines("k = 3", "x = %map (lambda n: n * k) range(5)", "print(list(x))",
                        "%px import sys; sys.prefix")
    assert got.stdout == "[0, 3, 6, 9, 12]\nOut[0-1:4]: '/home/far/v'\n"


def test_an_older_python_runs_the_plain_runtime(cluster, web):
    add(cluster, "-n", 2, "--env", "TUTTI_PURE=1", "web1")
    got = cluster.lines("x = %map (lambda n: n + 1) range(3)", "print(list(x))",
                        "%px import sys; 'tutti._runtime' in sys.modules")
    assert got.stdout == "[1, 2, 3]\nOut[0-1:3]: False\n"


def test_through_a_jump_host(cluster, machines):
    inner, gate = machines.add("inner"), machines.add("gate")
    machines.alias("web1", to=inner, jump="gate")
    cluster.env["TUTTI_SSH"] = machines.ssh
    add(cluster, "-n", 1, "web1")
    assert cluster.ok("px", "import os; os.getuid()") == f"Out[0:1]: {inner.uid}\n"
    assert "forwarding to" in gate.log() or gate.connections()


def test_engines_of_a_shell_and_mixed_ones(cluster, web):
    add(cluster, "-n", 1, "web1")
    add(cluster, "--lang", "sh", "-n", 2, "web1")
    assert cluster.ok("px", "-t", "@sh", "echo $HOME") == "[1-2] /home/far\n"
    assert len(web.processes(sshd=False)) >= 5


def test_one_engine_for_each_core_and_environment(cluster, web):
    outcome = add(cluster, "--env", "FLAVOUR=a b", "--workdir", "/tmp", "web1")
    cores = len(os.sched_getaffinity(0))
    assert f"{cores} Python engine" in outcome.stdout
    got = cluster.ok("px", "import os; print(os.environ['FLAVOUR'], os.environ['OMP_NUM_THREADS'],"
                     " os.getcwd())")
    assert got.endswith("] a b 1 /tmp\n")


def test_what_is_there_is_not_started_twice(cluster, web):
    add(cluster, "-n", 2, "web1")
    assert add(cluster, "-n", 2, "web1").stdout.endswith("ids 0-1\n")
    assert add(cluster, "-n", 3, "web1").stdout.endswith("ids 0-2\n")
    assert len(cluster.engines()) == 3


def test_engines_are_called_by_their_hosts_only_while_each_has_its_own(cluster, machines):
    web1 = machines.add("web1")
    machines.alias("web2", to=web1)
    cluster.env["TUTTI_SSH"] = machines.ssh
    add(cluster, "-n", 1, "web[1-2]")
    assert cluster.ok("sh", "echo hi") == "[web1-web2] hi\n"
    add(cluster, "--lang", "sh", "-n", 1, "web[1-2]")
    assert cluster.ok("sh", "echo hi") == "[0-3] hi\n"
    assert cluster.ok("sh", "-t", "web2", "echo hi") == "[1,3] hi\n"


def test_a_machine_is_removed_with_its_engines(cluster, machines):
    web1, web2 = machines.add("web1"), machines.add("web2")
    cluster.env["TUTTI_SSH"] = machines.ssh
    add(cluster, "-n", 2, "web[1-2]")
    assert cluster.ok("remove", "web1") == "web1 is removed\n"
    assert {e["host"] for e in cluster.engines().values()} == {"web2"}
    wait_until(lambda: not web1.processes(sshd=False), 3, "nothing is left there")
    assert cluster.ok("px", "6*7") == "Out[2-3:1]: 42\n"
    assert "web1" not in cluster.ok("status")
    outcome = cluster.run("remove", "web1")
    assert (outcome.code, outcome.stderr) == (
        3, "tutti: no machine 'web1' was added; tutti status lists them\n")
    add(cluster, "-n", 1, "web1")
    assert sorted(cluster.engines()) == [2, 3, 4]
    assert cluster.ok("remove", "web[1-2]") == "web1 is removed\nweb2 is removed\n"
    assert cluster.engines() == {}
    assert web2.port


# ---- the set-up script

def test_what_a_set_up_script_exports_the_engines_have(cluster, web):
    cluster.file("setup.sh", "echo preparing\ncd /\nexport MOOD='very good'\n")
    outcome = add(cluster, "-n", 1, "--setup", "setup.sh", "web1")
    assert re.search(r"· setup\.sh ok in \d+\.\d s · 1 Python engine ", outcome.stdout), outcome
    got = cluster.ok("px", "import os; print(os.environ['MOOD'], os.getcwd())")
    assert got == "[0] very good /home/far\n"


@pytest.mark.parametrize("text", ["echo no room >&2\nexit 3\n",
                                  "#!/usr/bin/python3\nimport sys; sys.exit('no room') or 3\n"],
                         ids=["sourced", "run"])
def test_a_set_up_script_that_fails_is_told_with_its_last_line(cluster, web, machines, text):
    cluster.file("setup.sh", text)
    outcome = add(cluster, "-n", 1, "--setup", "setup.sh", "web1", code=4)
    assert re.fullmatch(r"web1: setup\.sh ended with status [13]: no room\n", outcome.stderr)
    assert cluster.engines() == {}
    machines.wait_nobody(sshd=False)


def test_a_set_up_script_may_use_whatever_names_it_likes(cluster, web):
    web.put("data", "precious")
    cluster.file("setup.sh", "for f in $HOME/data; do :; done\nd=/x t=/y h=z l=1 s=2 r=3 n=4\n")
    add(cluster, "-n", 1, "--setup", "setup.sh", "web1")
    assert (web.home / "data").read_text() == "precious"
    assert cluster.ok("px", "6*7") == "Out[0:1]: 42\n"


def test_a_set_up_script_that_ends_the_shell_is_told(cluster, web):
    cluster.file("setup.sh", "exit 0\n")
    outcome = add(cluster, "-n", 1, "--setup", "setup.sh", "web1", code=4)
    assert outcome.stderr == "web1: the set-up script ends the shell: take its exit out\n"


# ---- what may be wrong: each a line, with the command that mends it

def refused(cluster, host, *options):
    outcome = add(cluster, "-n", 1, *options, host, code=4)
    assert cluster.engines() == {}
    why = cluster.ok("why", host)
    assert outcome.stderr.startswith(f"{host}: ") and outcome.stderr.count("\n") == 1
    told = outcome.stderr[len(host) + 2:].strip()
    assert told in why
    return told


def test_a_key_that_is_not_welcome(cluster, machines):
    machines.alias("x", to=machines.add("web1"), key="wrong")
    cluster.env["TUTTI_SSH"] = machines.ssh
    assert refused(cluster, "x") == \
        f"permission denied (publickey); try: {machines.ssh} x"


def test_a_host_key_that_is_not_known(cluster, machines):
    web1 = machines.add("web1")
    machines.alias("x", to=web1, host_key="unknown")
    machines.alias("y", to=web1, host_key="changed")
    cluster.env["TUTTI_SSH"] = machines.ssh
    assert refused(cluster, "x") == \
        f"its host key is not known yet; look at it once: {machines.ssh} x"
    assert refused(cluster, "y").startswith("its host key has changed; if that is right: ssh-keygen")


def test_a_host_that_wants_a_password(cluster, machines):
    machines.add("web1", authorize=False, password=True)
    cluster.env["TUTTI_SSH"] = machines.ssh
    assert refused(cluster, "web1") == ("it asks for a password, and nobody can type one here; "
                                        "give it your key: ssh-copy-id web1")


def test_a_host_that_runs_no_command(cluster, machines):
    machines.add("web1", force_command="echo This account is closed.")
    cluster.env["TUTTI_SSH"] = machines.ssh
    assert refused(cluster, "web1") == \
        "it runs no command of ours; it answered: This account is closed."


def test_a_host_that_is_not_there(cluster, machines):
    web1 = machines.add("web1")
    web1.stop()
    cluster.env["TUTTI_SSH"] = machines.ssh
    assert "Connection refused" in refused(cluster, "web1")


def test_no_room_for_tutti_there(cluster, web):
    web.home.chmod(0o500)
    assert "cannot write in /home/far/.cache/tutti: mkdir" in refused(cluster, "web1")
    web.home.chmod(0o700)


def test_a_python_that_is_not_there(cluster, web):
    outcome = add(cluster, "-n", 2, "--python", "/no/such/python", "web1", code=4)
    assert outcome.stderr == "web1: cannot run '/no/such/python': No such file or directory\n"
    outcome = add(cluster, "-n", 2, "web1")
    assert "2 Python engines" in outcome.stdout and len(cluster.engines()) == 2


def test_a_machine_that_is_late_is_told_with_what_it_does(cluster, web):
    cluster.file("setup.sh", "while ! test -e ~/go; do sleep 0.1; done\n")
    outcome = add(cluster, "-n", 1, "--setup", "setup.sh", "--timeout", "4", "web1", code=4)
    assert outcome.stderr == "web1: not there yet: running setup.sh; tutti status tells of it\n"
    web.put("go", "")
    cluster.wait_state("ready", [0], deadline=20)


def test_what_is_wrong_here_is_told_before_anything_starts(cluster, web):
    key = cluster.file("k.pem", "not a key")
    key.chmod(0o644)
    told = [("k.pem is readable by others: chmod 400 k.pem", ["-i", "k.pem", "web1"]),
            ("cannot read the key 'none.pem': No such file or directory", ["-i", "none.pem", "a"]),
            ("cannot read the set-up script 'none.sh': No such file or directory",
             ["--setup", "none.sh", "a"]),
            ("'-oProxyCommand=x' is not [USER@]HOST[:PORT]", ["--", "-oProxyCommand=x"]),
            ("'web1:99999' is not [USER@]HOST[:PORT]", ["web1:99999"]),
            ("'web1' is named twice", ["web1", "web1"]),
            ("'a.x.com' and 'a.y.com' would both be called a; add them one by one and name them "
             "(--as)", ["a.x.com", "a.y.com"]),
            ("-n takes a number above 0 or 'auto', not '0'", ["-n", "0", "web1"]),
            ("'web[2-1]': range 2-1 is backwards", ["web[2-1]"]),
            ("add takes hosts: tutti add [USER@]HOST...", [])]
    for text, words in told:
        assert add(cluster, *words, code=2).stderr == f"tutti: {text}\n"
    assert not cluster.processes()


def test_some_machines_come_and_one_does_not(cluster, machines):
    web1 = machines.add("web1")
    machines.alias("web2", to=web1, key="wrong")
    machines.alias("web3", to=web1)
    cluster.env["TUTTI_SSH"] = machines.ssh
    outcome = add(cluster, "-n", 1, "web[1-3]", code=4)
    assert [line[:5] for line in outcome.stdout.splitlines()[1:]] == ["web1:", "web3:"]
    assert outcome.stderr.startswith("web2: permission denied (publickey)")
    assert cluster.ok("px", "6*7") == "Out[web1,web3:1]: 42\n"
    assert "host web2 is not reached: permission denied" in cluster.ok("status")


def test_engines_there_have_labels(cluster, web):
    add(cluster, "-n", 1, "--label", "gpu=2,big", "web1")
    add(cluster, "-n", 1, "web1")
    assert cluster.ok("px", "-t", "@gpu", "1") == "Out[0:1]: 1\n"
    assert [row["labels"] for row in cluster.engines().values()] == ["gpu=2,big", ""]


def test_more_engines_there_are_like_those_there(cluster, web):
    cluster.start(1)
    add(cluster, "-n", 1, "--label", "far", "--env", "FLAVOUR=sweet", "web1")
    outcome = cluster.run("-c", "%scale -t web1 +1\n%px -t @far import os; os.environ['FLAVOUR']")
    assert outcome.stdout == "Out[1-2:2]: 'sweet'\n" and "2 is new" in outcome.stderr, outcome
    cluster.ok("-c", "%scale -t web1 1")
    wait_until(lambda: list(cluster.engines()) == [0, 1], 10, "engine 2 ended")
