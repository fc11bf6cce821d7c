"""Clusters: start, stop, list, status, logs, why; names; how many engines arrive."""

import os
import pathlib
import re
import signal
import subprocess

import pytest

from .harness import alive, end, wait_until


@pytest.mark.sanitize
def test_start_returns_when_all_are_ready_and_stop_leaves_nothing(cluster):
    outcome = cluster.start(3)
    assert outcome.stdout.startswith("cluster 'default' is up: 3 Python engines (3.")
    assert outcome.stderr == ""
    assert [engine["state"] for engine in cluster.engines().values()] == ["ready"] * 3
    pids = list(cluster.processes())
    assert len(pids) >= 3 + 2, "engines, their host and the controller"
    outcome = cluster.stop("--name", "default")
    assert outcome == ("cluster 'default' is stopped\n", "", 0)
    assert not any(map(alive, pids)), "stop returns when they are gone"
    assert not list(cluster.runtime_dir.rglob("*.sock"))


def test_starting_twice_and_stopping_twice_says_so(cluster):
    cluster.start(1)
    pids = cluster.engine_pids()
    outcome = cluster.start(3)
    assert outcome.stdout.startswith("cluster 'default' is running already: 1 Python engine (")
    assert cluster.engine_pids() == pids
    cluster.stop("--name", "default")
    assert cluster.stop("--name", "default") == ("no cluster 'default' is running\n", "", 0)
    assert cluster.run("stop") == ("no cluster 'default' is running\n", "", 0)
    assert cluster.run("stop", "--all").code == 0


def test_a_cluster_without_engines_gets_them_by_another_start(cluster):
    assert cluster.ok("start", "-n", "0") == "cluster 'default' is up: no engines\n"
    assert cluster.ok("start", "-n", "0") == "cluster 'default' is running already: no engines\n"
    assert cluster.ok("start", "-n", 2, "--lang", "sh", timeout=30).startswith(
        "cluster 'default' is up: 2 shell engines")
    assert cluster.ok("start", "-n", 3).startswith(
        "cluster 'default' is running already: 2 shell engines")


def test_one_engine_per_core_by_default(cluster):
    cluster.ok("start", timeout=60)
    assert len(cluster.engines()) == len(os.sched_getaffinity(0))


def test_clusters_have_names(cluster):
    cluster.start(1, "--name", "one")
    cluster.start(2, "--name", "two.b-c")
    cluster.ok("px", "--name", "one", "x = 'of one'")
    assert cluster.px("--name", "two.b-c", "'x' in globals()").stdout == "Out[0-1:1]: False\n"
    assert cluster.ok("-c", "%px x", "--name", "one") == "Out[0:1]: 'of one'\n"
    assert cluster.px("1").code == 3
    listed = cluster.ok("list").splitlines()
    assert [line.split()[0] for line in listed] == ["CLUSTER", "one", "two.b-c"]
    got = cluster.json("list", "--json")
    assert [(one["cluster"], one["engines"], one["answers"]) for one in got] == [
        ("one", 1, True), ("two.b-c", 2, True)]
    assert all(set(one) == {"schema", "cluster", "pid", "answers", "engines"} for one in got)
    assert cluster.stop("--name", "one").code == 0
    assert [one["cluster"] for one in cluster.json("list", "--json")] == ["two.b-c"]
    cluster.start(1, "--name", "three")
    outcome = cluster.stop("--all")
    assert outcome.stdout.splitlines() == ["cluster 'three' is stopped",
                                           "cluster 'two.b-c' is stopped"]
    assert cluster.ok("list", "--json") == ""


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", "a b", "x" * 65, "ü"])
def test_bad_names_are_refused(cluster, name):
    outcome = cluster.run("start", f"--name={name}", "-n", 1)
    assert outcome.code == 2
    assert "cannot name a cluster" in outcome.stderr and len(outcome.stderr.splitlines()) == 1
    assert list(cluster.runtime_dir.iterdir()) == []


@pytest.mark.sanitize
def test_status_as_text_and_json(cluster):
    cluster.start(2)
    text = cluster.ok("status").splitlines()
    assert text[0].startswith("cluster 'default' · controller pid ")
    assert text[1].startswith("host ")
    assert text[2].split() == ["ID", "HOST", "PID", "LANGUAGE", "STATE", "QUEUE", "SINCE"]
    assert [line.split()[0] for line in text[3:]] == ["0", "1"]
    report = cluster.status()
    assert {"schema", "cluster", "controller", "hosts", "engines", "why"} <= set(report)
    assert {"pid", "host", "rss_bytes", "uptime_s", "clients"} <= set(report["controller"])
    assert {"host", "pid", "rss_bytes", "engines"} <= set(report["hosts"][0])
    for engine in report["engines"]:
        assert {"id", "host", "pid", "language", "state", "running", "queue",
                "since_s"} <= set(engine)
        assert os.path.exists(f"/proc/{engine['pid']}")
    assert report["controller"]["rss_bytes"] > 1 << 20


def test_status_tells_what_runs_and_what_waits(cluster):
    cluster.start(2)
    command = cluster.popen("px", "-t", "1", "import time\nopen('runs', 'w').close()\n"
                            "time.sleep(600)")
    cluster.wait_file("runs")
    waiting = cluster.popen("px", "-t", "1", "'next'")
    wait_until(lambda: cluster.engines()[1]["queue"] == 1)
    engine = wait_until(lambda: cluster.engines()[1]["running"] and cluster.engines()[1])
    assert engine["running"].startswith("import time") and engine["running_s"] > 0
    assert cluster.engines()[0]["running"] is None
    row = cluster.ok("status").splitlines()[-1].split()
    assert row[0] == "1" and "busy" in row
    command.send(signal.SIGINT)
    assert command.wait().code == 1
    assert waiting.wait() == ("Out[1:1]: 'next'\n", "", 0)


@pytest.mark.sanitize
def test_why_names_what_killed_an_engine(cluster):
    cluster.start(2)
    assert cluster.ok("why") == "no engine has been lost, restarted or failed to start\n"
    pid = cluster.engine_pids()[1]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: cluster.engine_pids()[1] not in (pid, 0))
    cluster.wait_state("ready")
    why = cluster.ok("why")
    assert "engine 1 on " in why and "killed by SIGKILL" in why
    assert "SIGKILL" in cluster.status()["why"][0]["text"]
    assert cluster.lines("%why").stdout == why == cluster.ok("why", 1) == cluster.ok("why", "0-1")
    assert cluster.ok("why", 0) == "nothing has gone wrong with engine 0\n"
    assert "no engine 7: there are 0-1" in cluster.run("why", 7).stderr


def test_logs(cluster):
    outcome = cluster.run("logs")
    assert outcome.code == 3 and outcome.stderr == "tutti: there are no logs of cluster 'default'\n"
    cluster.start(1)
    assert "cluster 'default' is up" in cluster.ok("logs")
    follower = cluster.popen("logs", "-f")
    wait_until(lambda: "is up" in follower.stdout)
    cluster.stop()
    wait_until(lambda: "asked to stop" in follower.stdout, what=follower.stdout)
    follower.send(signal.SIGINT)
    follower.wait()
    assert "asked to stop" in cluster.ok("logs"), "they stay for later"


def test_waiting_for_some_engines_or_none(cluster):
    outcome = cluster.start(3, "--wait", 1)
    assert "is up" in outcome.stdout
    cluster.wait_state("ready", [0, 1, 2])
    cluster.stop()
    assert cluster.start(2, "--wait", "all").code == 0
    assert len(cluster.engines()) == 2
    cluster.stop()
    assert cluster.start(1, "--wait", 0).code == 0
    cluster.wait_state("ready", [0])


def test_stop_while_engines_still_start(cluster):
    cluster.start(1)
    controller = pathlib.Path(os.readlink(f"/proc/{cluster.controller_pid()}/exe"))
    cluster.stop()
    programs = cluster.work_dir / "libexec"
    programs.mkdir()
    (programs / "tutti-controller").symlink_to(controller)
    (programs / "tutti-engine").write_text("#!/bin/sh\nexec sleep 600\n")  # never registers
    (programs / "tutti-engine").chmod(0o755)
    cluster.start(1, "--wait", 0, env={"TUTTI_LIBEXEC_DIR": str(programs)})
    assert cluster.stop().code == 0
    left = cluster.processes()
    for pid in left:
        end(pid)
    assert left == {}


def test_engines_that_do_not_arrive_in_time_are_told(cluster):
    slow = cluster.file("slow", "#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    outcome = cluster.start(2, "--python", slow, "--timeout", "0.3", code=4)
    assert outcome.stderr.splitlines() == ["0 of 2 engines ready", "missing: 0-1 (still starting)"]


def test_a_python_that_is_not_there(cluster):
    outcome = cluster.start(2, "--python", "/no/such/python", code=4)
    first, second = outcome.stderr.splitlines()
    assert first == "0 of 2 engines ready"
    assert second.startswith("missing: 0-1 (")
    assert "/no/such/python" in second and "No such file or directory" in second


@pytest.mark.parametrize("python, words", [("/bin/false", "exit"), ("/etc/passwd", "ermission")])
def test_a_python_that_is_none(cluster, python, words):
    outcome = cluster.start(2, "--python", python, code=4)
    assert words in outcome.stderr.splitlines()[1]
    assert "engines 0-1 on " in cluster.ok("why")
    assert cluster.px("1").code == 2
    assert cluster.stop().code == 0


def test_a_language_or_a_policy_that_is_not_there(cluster):
    outcome = cluster.start(1, "--policy", "nope", code=3)
    assert outcome.stderr == ("tutti: cannot start cluster 'default': no policy 'nope': there are "
                              "leastload, roundrobin, random\n")
    outcome = cluster.start(2, "--lang", "cobol", code=4)
    assert outcome.stderr.splitlines()[1].startswith(
        "missing: 0-1 (no language 'cobol': there are python, ipython, sh, mock; ")


def test_a_run_with_too_few_engines_of_its_own(cluster):
    outcome = cluster.run("run", "-n", 1, "--python", "/bin/false", cluster.file("a", "%px 1\n"))
    assert outcome.code != 0
    assert "0 of 1 engines ready" in outcome.stderr
    cluster.wait_gone()


def test_working_directory_and_environment_are_those_of_start(cluster):
    place = cluster.work_dir / "place"
    place.mkdir()
    cluster.start(1, cwd=place, env={"MARK": "from start", "PYTHONPATH": "/nowhere"})
    got = cluster.json("px", "--json", "import os, sys; os.getcwd(), os.environ['MARK'], "
                       "'/nowhere' in sys.path")
    assert got[0]["repr"] == str((str(place), "from start", True))


def test_a_file_named_like_a_module_there_does_no_harm(cluster):
    for name in ("os.py", "ast.py", "tutti.py", "json.py", "_runtime.py"):
        cluster.file(name, "raise SystemExit('shadowed')\n")
    cluster.start(2)
    assert cluster.ok("px", "import json; json.loads('[1]')") == "Out[0-1:1]: [1]\n"
    assert cluster.lines("import json", "json.loads('[2]')").stdout == "Out[2]: [2]\n"


@pytest.mark.sanitize
def test_preloaded_modules_are_there(cluster):
    cluster.start(2, "--preload", "decimal", "--preload", "fractions")
    assert cluster.ok("px", "import sys; [m in sys.modules for m in ('decimal', 'fractions')]") == (
        "Out[0-1:1]: [True, True]\n")


def test_a_preload_that_fails_is_told(cluster):
    outcome = cluster.start(1, "--preload", "no_such_module", code=None)
    assert "no_such_module" in outcome.stderr + cluster.logs()


def test_the_commands_of_a_dead_controller_are_not_believed(cluster):
    """A killed controller leaves its sockets: they are no cluster."""
    cluster.start(1, "--grace", "0.2")
    pids = list(cluster.processes())
    os.kill(cluster.controller_pid(), signal.SIGKILL)
    wait_until(lambda: not any(map(alive, pids)), what="the host's grace time ends")
    outcome = cluster.px("1")
    assert outcome.code == 3
    assert outcome.stderr == "tutti: no cluster 'default' is running; tutti start makes one\n"
    assert cluster.ok("list") == "no cluster is running\n"
    cluster.start(1)
    assert cluster.ok("px", "1") == "Out[0:1]: 1\n"


def test_many_starts_at_once_make_one_cluster(cluster):
    starts = [cluster.popen("start", "-n", "1") for _ in range(4)]
    outcomes = [start.wait(40) for start in starts]
    assert any("is up" in outcome.stdout for outcome in outcomes), outcomes
    assert cluster.ok("px", "1") == "Out[0:1]: 1\n"
    assert len(cluster.json("list", "--json")) == 1


def test_targets_that_are_known_and_not_there_are_told_with_the_reason(cluster):
    cluster.start(2)
    os.kill(cluster.host_pid(), signal.SIGKILL)
    cluster.wait_state("lost")
    for targets, told in ("1", "engine 1 is lost"), ("0-1", "engines 0-1 are lost"):
        outcome = cluster.run("px", "-t", targets, "1")
        assert outcome.code == 2
        assert re.fullmatch(rf"(tutti: )?{told}: engine host '.*' \(pid \d+\) was killed by SIGKILL\n",
                            outcome.stderr), outcome
    assert cluster.run("px", "-t", "0,7", "1").stderr.endswith("no engine 7: there are 0-1\n")


@pytest.mark.parametrize("typed, offers", [
    ("tutti st", ["start", "status", "stop"]), ("tutti px --t", ["--targets", "--timeout"]),
    ("tutti --name x completi", ["completion"]), ("tutti start --wor", ["--workdir"]),
    ("tutti --vers", ["--version"]), ("tutti run scr", ["script.tutti"]), ("tutti px -t ", []),
    ("tutti add -i scr", ["script.tutti"]),
])
def test_bash_completes_commands_and_options(cluster, typed, offers):
    cluster.file("script.tutti", "")
    words = typed.split(" ")
    script = (f"source <('{cluster.tutti}' completion); COMP_WORDS=({' '.join(map(repr, words))}); "
              f"COMP_CWORD={len(words) - 1}; _tutti; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                          cwd=cluster.work_dir, timeout=20)
    assert done.stderr == "" and sorted(done.stdout.split()) == offers


def test_a_cluster_without_engines_gets_them_later(cluster):
    assert cluster.start(0).stdout == "cluster 'default' is up: no engines\n"
    assert cluster.status()["engines"] == []
    assert "no engine" in cluster.run("px", "1").stderr
