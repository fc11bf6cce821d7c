"""The machines of this folder's tests themselves, by plain ssh."""

import os
import pathlib
import re
import shlex
import signal
import time

import pytest

from e2e.harness import Process, alive, wait_until

from .machines import Machines

REFUSED = 255  # how ssh ends when it did not come to run the command, or lost it


def data_of(process):
    """A process's standard output so far, as bytes."""
    number = process.files[1].fileno()
    return os.pread(number, os.fstat(number).st_size, 0)


def failed(outcome):
    """What ssh said, which must have failed before any command ran."""
    assert outcome.code == REFUSED and outcome.stdout == "", outcome
    return outcome.stderr


# ---- a command, its user and its home

def test_a_command_runs_as_its_user_with_both_streams_and_its_code(machines):
    web1 = machines.add("web1")
    outcome = web1.run("id -un; id -u; id -g; pwd; echo no >&2; exit 7")
    assert outcome.stdout.split() == ["far", str(web1.uid), str(web1.uid), "/home/far"]
    assert (outcome.stderr, outcome.code) == ("no\n", 7)


def test_every_machine_has_its_own_uid_home_and_tmp(machines):
    made = [machines.add(name) for name in ("web1", "web2")]
    for one in made:
        one.run(f"echo {one.name} >here; echo {one.name} >/tmp/there; umask 077")
    assert made[0].uid != made[1].uid and made[0].port != made[1].port
    for one in made:
        assert (one.home / "here").read_text() == f"{one.name}\n"
        assert (one.tmp / "there").read_text() == f"{one.name}\n"
        assert (one.home / "here").stat().st_uid == one.uid
    assert not os.path.exists("/tmp/there")


def test_the_home_is_private_and_empty(machines):
    web1 = machines.add("web1", user="erna")
    assert web1.run("stat -c '%a %U %G' ~; ls -A ~; id -un").stdout == "700 erna erna\nerna\n"
    assert list(web1.home.iterdir()) == []


def test_a_file_of_the_user_can_be_put_there(machines):
    web1 = machines.add("web1")
    web1.put("a/b/run", "#!/bin/sh\necho ran $(stat -c %U ~/a ~/a/b ~/a/b/run)\n", 0o755)
    assert web1.run("a/b/run").stdout == "ran far far far\n"


def test_tutti_and_the_tests_environment_are_not_there(machines, monkeypatch):
    monkeypatch.setenv("TUTTI_RUNTIME_DIR", "/none")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/none")
    monkeypatch.setenv("TUTTI_SSH", machines.ssh)
    web1 = machines.add("web1")
    assert web1.run("command -v tutti").code == 1
    assert web1.run("bash -lc 'command -v tutti'").code == 1
    names = {line.split("=")[0] for line in web1.run("env").stdout.splitlines()}
    assert {"HOME", "USER", "PATH", "SSH_CONNECTION"} <= names
    assert not [name for name in names if name.startswith(("TUTTI", "XDG", "PYTEST", "LC_"))]


def test_a_terminal_can_be_had(machines):
    web1 = machines.add("web1")
    assert web1.run("tty", options=["-tt"]).stdout.startswith("/dev/pts/")


@pytest.mark.parametrize("shell, code", [("/bin/sh", 3), ("/bin/false", 1)])
def test_other_shells(machines, shell, code):
    web1 = machines.add("web1", shell=shell)
    outcome = web1.run("echo $0; exit 3")
    assert (outcome.stdout, outcome.code) == ("sh\n" if code == 3 else "", code)


def test_a_shell_may_say_something_first(machines):
    web1 = machines.add("web1", rc="echo noise; echo more >&2")
    outcome = web1.run("echo answer")
    assert (outcome.stdout, outcome.stderr) == ("noise\nanswer\n", "more\n")


def test_a_machine_has_its_own_files_in_etc(machines):
    before = pathlib.Path("/etc/profile").read_text()
    web1 = machines.add("web1", etc={"profile": "echo welcome\n"})
    assert web1.run("bash -lc 'echo in'").stdout == "welcome\nin\n"
    assert pathlib.Path("/etc/profile").read_text() == before


def test_much_binary_data_comes_back_as_it_was(machines):
    machines.add("web1")
    data = os.urandom(8 << 20)
    process = machines.popen("web1", "cat", input=data)
    assert process.wait().code == 0
    assert data_of(process) == data


# ---- who gets in

def test_a_wrong_key_and_none_are_refused(machines):
    web1 = machines.add("web1")
    for key in ("wrong", "none"):
        name = machines.alias(f"web1-{key}", to=web1, key=key)
        assert "far@127.0.0.1: Permission denied (publickey)." in failed(machines.run(name, "id"))
    assert machines.run("web1", "echo in").stdout == "in\n"


def test_a_user_without_authorised_keys(machines):
    web1 = machines.add("web1", authorize=False)
    assert "Permission denied (publickey)." in failed(web1.run("id"))


def test_a_user_that_is_not_there(machines):
    web1 = machines.add("web1")
    machines.alias("nobody", to=web1, user="erna")
    assert "erna@127.0.0.1: Permission denied" in failed(machines.run("nobody", "id"))


def test_an_unknown_and_a_changed_host_key_are_refused(machines):
    web1 = machines.add("web1")
    machines.alias("new", to=web1, host_key="unknown")
    machines.alias("other", to=web1, host_key="changed")
    said = failed(machines.run("new", "id"))
    assert "No ED25519 host key is known" in said and "Host key verification failed." in said
    said = failed(machines.run("other", "id"))
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in said
    wait_until(lambda: not web1.connections())


def test_a_server_that_wants_a_password(machines):
    web1 = machines.add("web1", authorize=False, password="sesame")
    assert "Permission denied (password)." in failed(web1.run("id"))
    ask = machines.directory / "ask"
    ask.write_text("#!/bin/sh\necho sesame\n")
    ask.chmod(0o755)
    process = machines.popen("web1", "id -un", options=["-o", "BatchMode=no"],
                             env={"SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"})
    assert process.wait().stdout == "far\n"


def test_a_password_beside_the_key(machines):
    web1 = machines.add("web1", password=True)
    machines.alias("wrong", to=web1, key="wrong")
    assert "Permission denied (publickey,password)." in failed(machines.run("wrong", "id"))
    assert web1.run("echo in").stdout == "in\n"


def test_a_forced_command_runs_instead(machines):
    web1 = machines.add("web1", force_command="echo only this: $SSH_ORIGINAL_COMMAND")
    assert web1.run("rm -rf x").stdout == "only this: rm -rf x\n"


def test_a_connection_has_at_most_so_many_sessions(machines):
    web1 = machines.add("web1", max_sessions=1)
    control = ["-o", f"ControlPath={machines.directory}/c", "-o", "ControlMaster=auto"]
    first = machines.popen("web1", "mkfifo go; echo in; cat go", options=control)
    wait_until(lambda: first.stdout == "in\n")
    second = web1.run("echo in", options=[*control, "-o", "ProxyCommand=false"])
    assert "Session open refused by peer" in second.stderr and second.code == REFUSED
    (web1.home / "go").write_text("on\n")
    assert first.wait().stdout == "in\non\n"


def test_further_lines_for_sshd_come_first(machines):
    web1 = machines.add("web1", sshd=["PubkeyAuthentication no", "LogLevel DEBUG1"])
    assert "Permission denied" in failed(web1.run("id"))
    assert "debug1:" in web1.log()


# ---- names

def test_two_names_lead_to_one_machine(machines):
    web1 = machines.add("web1")
    assert machines.alias("web2", to=web1) == "web2"
    outcome = machines.run("web2", "echo $SSH_CONNECTION")
    assert outcome.stdout.split()[-1] == str(web1.port)


def test_a_machine_behind_another(machines):
    gate = machines.add("gate")
    inner = machines.add("inner", user="deep")
    machines.alias("far-inner", to=inner, jump="gate")
    assert machines.run("far-inner", "id -un").stdout == "deep\n"
    assert "Accepted publickey for far" in gate.log()
    assert "Accepted publickey for deep" in inner.log()
    machines.alias("lost", to=inner, jump=machines.alias("gate-wrong", to=gate, key="wrong"))
    assert "far@127.0.0.1: Permission denied" in failed(machines.run("lost", "id"))


# ---- processes and ends

def test_processes_are_those_of_the_machine_alone(machines):
    web1, web2 = machines.add("web1"), machines.add("web2")
    process = machines.popen("web1", "echo in; exec sleep 1000")
    wait_until(lambda: process.stdout == "in\n")
    wait_until(lambda: "sleep 1000" in web1.processes().values())
    assert list(web1.processes(sshd=False).values()) == ["sleep 1000"]
    assert any(line.startswith("sshd") for line in web1.processes().values())
    assert web2.processes() == {} and set(machines.processes()) == {"web1"}
    os.kill(list(web1.processes(sshd=False))[0], signal.SIGKILL)
    assert process.wait().code == REFUSED
    machines.wait_nobody()


def test_a_stopped_sshd_refuses_and_keeps_what_it_has(machines):
    web1 = machines.add("web1")
    process = machines.popen("web1", "mkfifo go; echo in; cat go")
    wait_until(lambda: "in" in process.stdout)
    web1.stop()
    assert "Connection refused" in failed(web1.run("id"))
    (web1.home / "go").write_text("on\n")
    assert process.wait().stdout == "in\non\n"
    web1.start()
    assert web1.run("echo again").stdout == "again\n"


def test_killed_connections_end_ssh(machines):
    web1 = machines.add("web1")
    process = machines.popen("web1", "mkfifo go; exec cat go")
    wait_until(lambda: "cat go" in web1.processes().values())
    web1.kill_connections()
    assert process.wait().code == REFUSED
    assert list(web1.processes().values()) == ["cat go"]
    (web1.home / "go").write_text("")  # it ends by itself
    machines.wait_nobody()
    assert web1.run("echo again").stdout == "again\n"


def test_a_machine_may_end_at_once_and_come_back(machines):
    web1 = machines.add("web1")
    process = machines.popen("web1", "setsid sleep 1000 & echo in; exec sleep 2000")
    wait_until(lambda: len(web1.processes(sshd=False)) == 2 and process.stdout == "in\n")
    web1.end()
    assert process.wait().code == REFUSED and web1.processes() == {}
    assert "Connection refused" in failed(web1.run("id"))
    web1.start()
    assert web1.run("echo again").stdout == "again\n"


def mounts():
    """What is mounted in our namespace."""
    return pathlib.Path("/proc/self/mountinfo").read_text()


def test_nothing_is_left(supply):
    before, accounts = mounts(), pathlib.Path("/etc/passwd").read_bytes()
    one = Machines(supply)
    web1, web2 = one.add("web1"), one.add("web2", password=True)
    link = one.relay(web1)
    one.alias("slow", to=link)
    assert one.run("slow", "echo in").stdout == web2.run("echo in").stdout == "in\n"
    assert mounts() == before and pathlib.Path("/etc/passwd").read_bytes() == accounts
    pids = [web1.listener.pid, web2.listener.pid, link.popen.pid]
    assert all(map(alive, pids))
    one.finish()
    assert mounts() == before
    assert not one.directory.exists() and not os.path.exists("/run/machine")
    assert one.processes() == {} and not any(map(alive, pids))


def test_what_is_left_is_named_and_ended(supply, capfd):
    one = Machines(supply)
    one.left_s = 0.2
    web1 = one.add("web1")
    assert web1.run("setsid sleep 4321 >/dev/null 2>&1 </dev/null & echo $!").code == 0
    wait_until(lambda: list(web1.processes().values()) == ["sleep 4321"])
    with pytest.raises(AssertionError, match="processes left on machines: .*web1.*sleep 4321"):
        one.finish()
    assert one.processes() == {} and not one.directory.exists()
    assert "Accepted publickey" in capfd.readouterr().out  # the logs were shown


def test_clusters_end_before_machines(cluster, machines):
    """The cluster's end ends this ssh. Had the machines' end come first, its command would have
    been left; so this fails at its own end, or not at all."""
    web1 = machines.add("web1")
    command = [*shlex.split(machines.ssh), "web1", "echo in; while sleep 0.05; do echo on; done"]
    cluster.started.append(Process(command, cluster.env, "/"))
    wait_until(lambda: "in" in cluster.started[0].stdout)
    assert web1.processes(sshd=False)


# ---- the network between

def test_a_relay_carries_and_counts(machines):
    link = machines.relay(machines.add("web1"))
    machines.alias("slow", to=link)
    data = os.urandom(1 << 20)
    process = machines.popen("slow", "cat", input=data)
    assert process.wait().code == 0 and data_of(process) == data
    up, down, taken = link.count()
    assert up > len(data) and down > len(data) and taken == 1


def test_a_slow_relay_loses_nothing(machines):
    link = machines.relay(machines.add("web1"), rate=1_000_000)
    machines.alias("slow", to=link)
    data = os.urandom(2 << 20)
    began = time.monotonic()
    process = machines.popen("slow", "cat", input=data)
    assert process.wait().code == 0 and data_of(process) == data
    assert time.monotonic() - began > len(data) / 1_000_000 * 0.9  # never faster than said
    link.set_rate(0)
    assert machines.run("slow", "echo in").stdout == "in\n"


def test_two_connections_share_a_slow_relay(machines):
    link = machines.relay(machines.add("web1"), rate=2_000_000)
    machines.alias("slow", to=link)
    big = machines.popen("slow", "cat", input=bytes(64 << 20))
    wait_until(lambda: link.count()[0] > 500_000)
    assert machines.run("slow", "echo in").stdout == "in\n"
    assert big.running()
    big.kill()


def test_a_dropped_link_carries_nothing_until_it_resumes(machines):
    link = machines.relay(machines.add("web1"))
    machines.alias("slow", to=link)
    process = machines.popen("slow", "yes")
    wait_until(lambda: link.count()[1] > 100_000)
    link.drop()
    counted = link.count()
    outcome = machines.run("slow", "echo in", options=["-o", "ConnectTimeout=1"])
    assert outcome.code == REFUSED and "timed out" in outcome.stderr
    assert link.count() == counted and process.running()
    link.resume()
    wait_until(lambda: link.count()[1] > counted[1] + 1_000_000)
    process.kill()


def test_a_cut_link_ends_ssh_and_takes_new_connections(machines):
    link = machines.relay(machines.add("web1"))
    machines.alias("slow", to=link)
    process = machines.popen("slow", "echo in; exec cat; sleep 100", options=["-tt"])
    wait_until(lambda: "in" in process.stdout)
    link.cut()
    outcome = process.wait()
    assert outcome.code == REFUSED
    assert re.search("Connection reset|Broken pipe|closed by remote host", outcome.stderr)
    assert machines.run("slow", "echo in").stdout == "in\n"


def test_a_refusing_link_keeps_what_it_has(machines):
    web1 = machines.add("web1")
    link = machines.relay(web1)
    machines.alias("slow", to=link)
    process = machines.popen("slow", "mkfifo go; echo in; cat go")
    wait_until(lambda: "in" in process.stdout)
    link.refuse()
    assert "Connection refused" in failed(machines.run("slow", "id"))
    (web1.home / "go").write_text("on\n")
    assert process.wait().stdout == "in\non\n"
    link.accept()
    assert machines.run("slow", "echo in").stdout == "in\n"


def test_a_link_to_a_machine_without_sshd(machines):
    web1 = machines.add("web1")
    machines.alias("slow", to=machines.relay(web1))
    web1.stop()
    failed(machines.run("slow", "id"))
    web1.start()
    assert machines.run("slow", "echo in").stdout == "in\n"
