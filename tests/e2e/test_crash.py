"""Whatever dies: those who wait are told what, where and why; the rest goes on; nothing is left."""

import collections
import os
import random
import signal

import pytest

from .harness import SLOW, alive, wait_until
from .peer import BALANCED, Peer, status, value

DEATHS = {
    "os.kill(os.getpid(), 9)": "was killed by SIGKILL",
    "os.kill(os.getpid(), signal.SIGTERM)": "was killed by SIGTERM",
    "os._exit(3)": "exited with status 3",
    "ctypes.string_at(0)": "was killed by SIGSEGV",
    "os.abort()": "was killed by SIGABRT",
    "resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass": "was killed by SIGKILL",
}

# A process of each kind that user code may leave behind; their pids go to the file "left".
LEAVES = """
import os, subprocess, sys, time
me = {me!r}
def note(pid):
    with open(me, "a") as file: file.write(f"{{pid}}\\n")
note(subprocess.Popen(["sleep", "1000"]).pid)
note(subprocess.Popen(["sleep", "1001"], start_new_session=True, env={{}}).pid)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        note(os.getpid())
        os.closerange(0, 100)
        os.execve("/bin/sleep", ["sleep", "1002"], {{}})
    os._exit(0)
"""


def leave_processes(cluster):
    """Has every engine start processes in all ways: their pids, once they all run."""
    path = cluster.file("left")
    cluster.ok("px", LEAVES.format(me=str(path)))
    count = 3 * len(cluster.engines())
    wait_until(lambda: path.exists() and len(path.read_text().split()) == count, 10, "pids")
    pids = [int(pid) for pid in path.read_text().split()]
    assert all(map(alive, pids))
    return pids


def sleeper(cluster, *options):
    """A `tutti px` that waits for its engines for ever."""
    cluster.file("sleeps").unlink(missing_ok=True)
    process = cluster.popen("px", *options, "open('sleeps', 'w').close()\nimport time\n"
                                            "while True: time.sleep(1)")
    cluster.wait_file("sleeps")
    return process


# ---- engines

@pytest.mark.parametrize("code", DEATHS)
def test_a_death_names_engine_and_cause_at_once_and_the_engine_is_back(cluster, code):
    cluster.start(3)
    cluster.ok("px", "kept = 1")
    before = cluster.engine_pids()
    others = cluster.popen("px", "-t", "0,2", "--json",
                           "import os, time\n"
                           "while not os.path.exists('go'): time.sleep(0.01)\nkept")
    outcome = cluster.px("-t", "1", "--json", "import ctypes, os, resource, signal, sys\n"
                         f"print('before'); sys.stdout.flush()\n{code}")
    assert outcome.code == 1, outcome
    assert f'"engine 1 {DEATHS[code]}"' in outcome.stdout
    assert '"stdout":"before\\n"' in outcome.stdout
    cluster.file("go", "")
    assert others.wait().code == 0
    engines = cluster.wait_state("ready")
    assert [engines[i]["pid"] == before[i] for i in range(3)] == [True, False, True]
    assert cluster.ok("px", "'kept' in globals()") == ("Out[0,2:1]: True\nOut[1:1]: False\n")


@pytest.mark.sanitize
def test_a_kill_is_told_within_a_second(cluster):
    cluster.start(4)
    [told] = cluster.json("px", "-t", "2", "--json", "import os; os.kill(os.getpid(), 9)", code=1)
    assert (told["engine"], told["status"], told["cause"]) == \
        (2, "lost", "engine 2 was killed by SIGKILL")
    assert told["timing"]["elapsed"] < 1 * SLOW


def test_output_before_a_death_is_shown_as_text_too(cluster):
    cluster.start(2)
    outcome = cluster.px("import os; print('last words', flush=True); os.write(2, b'err\\n'); "
                         "os._exit(7)")
    assert outcome.stdout == "[0-1] last words\n"
    assert outcome.stderr.splitlines() == ["[0-1 err] err",
                                           "[0-1] lost: exited with status 7"]


def test_the_death_is_in_why_and_in_the_logs(cluster):
    cluster.start(2)
    cluster.px("-t", "1", "import os; os.kill(os.getpid(), 9)")
    cluster.wait_state("ready")
    assert "engine 1 was killed by SIGKILL" in cluster.ok("logs")
    assert "was killed by SIGKILL" in cluster.ok("why")


APPEND = "import os\nfd = os.open('ran', os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)\n" \
         "os.write(fd, b'{number}\\n'); os.close(fd); {number}"


def ran(cluster):
    return collections.Counter(map(int, cluster.file("ran").read_text().split()))


@pytest.mark.parametrize("deadly", [{50}, {0}, {100}, {3, 4, 5, 40, 41, 90}])
def test_tasks_sent_ahead_of_a_death_run_exactly_once(cluster, deadly):
    cluster.start(2)
    with Peer(cluster) as peer:
        ids = {}
        for number in range(101):
            code = APPEND.format(number=number)
            if number in deadly:
                code += "; os.kill(os.getpid(), 9)"
            ids[peer.submit([0], code)] = number
        results = {ids[id]: result for id, result in peer.results(ids).items()}
    assert ran(cluster) == dict.fromkeys(range(101), 1)
    for number, result in results.items():
        if number in deadly:
            assert (status(result), result.fields["cause"]) == \
                ("LOST", "engine 0 was killed by SIGKILL")
        else:
            assert (status(result), value(result)) == ("OK", number)
    assert cluster.status()["controller"]["tasks"] == 0


def test_balanced_tasks_around_deaths_run_exactly_once(cluster):
    cluster.start(3)
    deadly = set(range(10, 200, 30))
    with Peer(cluster) as peer:
        ids = {}
        for number in range(200):
            code = APPEND.format(number=number)
            if number in deadly:
                code += "; os.kill(os.getpid(), 9)"
            ids[peer.submit(None, code, flags=BALANCED)] = number
        results = {ids[id]: status(result) for id, result in peer.results(ids).items()}
    assert ran(cluster) == dict.fromkeys(range(200), 1)
    assert {n for n, word in results.items() if word == "LOST"} == deadly
    assert {n for n, word in results.items() if word == "OK"} == set(range(200)) - deadly
    assert all(engine["state"] == "ready" for engine in cluster.wait_state("ready").values())


@pytest.mark.deadline(90)
@pytest.mark.sanitize
def test_deaths_and_cancels_among_work_of_both_kinds_meet_their_own_tasks_only(cluster):
    cluster.start(3)
    rng = random.Random(1)
    deadly = set(rng.sample(range(1500), 45))
    unwanted = set(rng.sample(range(1500), 100)) - deadly
    with Peer(cluster) as peer:
        ids = {}
        for number in range(1500):
            code = APPEND.format(number=number)
            if number in deadly:
                code += "; os.kill(os.getpid(), 9)"
            balanced = rng.random() < 0.3
            id = peer.submit(None if balanced else [number % 3], code, flags=BALANCED * balanced)
            ids[id] = number
            for unlucky in list(ids)[-50:] if number % 50 == 49 else []:
                if ids[unlucky] in unwanted:
                    peer.send("CANCEL", unlucky)
        results = {ids[id]: result for id, result in peer.results(ids, deadline=50).items()}
    times = ran(cluster)
    for number, result in results.items():
        word = status(result)
        if number in deadly:
            assert (word, times[number]) == ("LOST", 1), result
        elif number in unwanted:
            assert (word, times[number]) in {("OK", 1), ("CANCELLED", 0), ("INTERRUPTED", 0),
                                             ("INTERRUPTED", 1)}, result
        else:
            assert (word, value(result), times[number]) == ("OK", number, 1), result


@pytest.mark.sanitize
def test_a_retry_runs_a_lost_task_elsewhere(cluster):
    cluster.start(2)
    with Peer(cluster) as peer:
        code = "import os\nfirst = os.open('once', os.O_CREAT | os.O_RDWR)\n" \
               "if not os.lockf(first, os.F_TLOCK, 0) and not os.fstat(first).st_size:\n" \
               "    os.write(first, b'1'); os.kill(os.getpid(), 9)\n6 * 7"
        id = peer.submit(None, code, flags=BALANCED, retries=2)
        result = peer.results([id])[id]
    assert (status(result), value(result), result.fields["attempt"]) == ("OK", 42, 2)


def test_a_dead_zygote_costs_nothing(cluster):
    cluster.start(2)
    pids = cluster.engine_pids()
    host = cluster.host_pid()
    zygote = [pid for pid in cluster.processes()
              if pid not in pids.values() and parent_of(pid) == host]
    assert len(zygote) == 1, cluster.processes()
    cluster.ok("px", "kept = 1")
    os.kill(zygote[0], signal.SIGKILL)
    cluster.wait_gone(zygote)
    assert cluster.ok("px", "kept") == "Out[0-1:1]: 1\n"
    cluster.px("-t", "1", "import os; os.kill(os.getpid(), 9)")
    cluster.wait_state("ready")
    assert cluster.ok("px", "'kept' in globals()") == "Out[0:1]: True\nOut[1:1]: False\n"


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b") ")[2].split()[1])
    except OSError:
        return None


# ---- engine hosts

def host_and_parent(cluster):
    host = cluster.host_pid()
    return {"host": host, "parent": parent_of(host)}


@pytest.mark.parametrize("who", ["host", "parent"])
def test_kill_of_the_engine_host_is_told_and_leaves_no_process(cluster, who):
    cluster.start(3)
    left = leave_processes(cluster)
    left += [*cluster.engine_pids().values(), *host_and_parent(cluster).values()]
    waiting = sleeper(cluster)
    os.kill(host_and_parent(cluster)[who], signal.SIGKILL)
    outcome = waiting.wait(10)
    assert outcome.code == 1, outcome
    assert "engine host " in outcome.stderr and "was killed by SIGKILL" in outcome.stderr
    cluster.wait_gone(left)
    assert list(cluster.processes()) == [cluster.controller_pid()]
    assert {engine["state"] for engine in cluster.engines().values()} == {"lost"}
    assert "was killed by SIGKILL" in cluster.ok("why")


@pytest.mark.parametrize("who", ["host", "parent"])
def test_restart_brings_the_engines_of_a_dead_host_back(cluster, who):
    cluster.start(3)
    before = cluster.engine_pids()
    os.kill(host_and_parent(cluster)[who], signal.SIGKILL)
    cluster.wait_state("lost")
    outcome = cluster.px("1")
    assert outcome.code == 2 and outcome.stderr.count("\n") == 1, outcome
    cluster.lines("%restart", timeout=30)
    after = cluster.engine_pids()
    assert set(after) == {0, 1, 2} and not set(after.values()) & set(before.values())
    assert cluster.ok("px", "6*7") == "Out[0-2:1]: 42\n"


@pytest.mark.sanitize
def test_what_was_sent_ahead_of_a_lost_host_may_have_run(cluster):
    cluster.start(1)
    with Peer(cluster) as peer:
        first = peer.submit([0], "import time; open('go', 'w').close(); time.sleep(1000)")
        ids = [first] + [peer.submit([0], "1") for _ in range(200)]
        cluster.wait_file("go")
        os.kill(cluster.host_pid(), signal.SIGKILL)
        results = peer.results(ids)
    words = collections.Counter(status(result) for result in results.values())
    assert set(words) == {"UNKNOWN", "CANCELLED"}, words
    assert words["UNKNOWN"] == 64 and status(results[first]) == "UNKNOWN"
    assert all("was killed by SIGKILL" in result.fields["cause"] for result in results.values())
    assert cluster.status()["controller"]["tasks"] == 0


def test_sigterm_to_the_host_ends_it_in_order(cluster):
    cluster.start(2)
    left = leave_processes(cluster) + list(cluster.engine_pids().values())
    os.kill(cluster.host_pid(), signal.SIGTERM)
    cluster.wait_gone(left)
    wait_until(lambda: not cluster.status()["hosts"] and not cluster.engines())


# ---- the controller

def kill_controller(cluster):
    pid = cluster.controller_pid()
    os.kill(pid, signal.SIGKILL)
    cluster.wait_gone([pid])


def test_kill_of_the_controller_is_told_at_once(cluster):
    cluster.start(2)
    waiting = [sleeper(cluster), cluster.popen("px", "later = 1"),
               cluster.popen("-c", "%px import time; time.sleep(1000)")]
    pid = cluster.controller_pid()
    wait_until(lambda: cluster.status()["controller"]["tasks"] == 3)
    kill_controller(cluster)
    for process in waiting:
        outcome = process.wait(5)
        assert outcome.code == 3, outcome
        assert f"the controller (pid {pid}) is gone" in outcome.stderr
    outcome = cluster.px("1")
    assert outcome.code == 3 and outcome.stderr.count("\n") == 1, outcome


@pytest.mark.sanitize
def test_start_gets_the_engines_of_a_lost_controller_back(cluster):
    cluster.start(3)
    cluster.px("-t", "0", "import os; os._exit(0)")
    cluster.wait_state("ready")
    cluster.ok("px", "import os; mine = os.getpid()")
    before, host = cluster.engine_pids(), cluster.host_pid()
    for _ in range(3):
        kill_controller(cluster)
        cluster.start(3)
        assert (cluster.engine_pids(), cluster.host_pid()) == (before, host)
    assert cluster.ok("px", "mine == os.getpid()") == "Out[0-2:1]: True\n"
    # They are as they were: they die and come back, stop, and more can be asked for.
    assert cluster.px("-t", "1", "os.kill(os.getpid(), 9)").code == 1
    cluster.wait_state("ready")
    assert cluster.ok("px", "'mine' in globals()") == "Out[0,2:1]: True\nOut[1:1]: False\n"


@pytest.mark.sanitize
def test_start_adds_engines_to_those_it_gets_back(cluster):
    cluster.start(2)
    before = cluster.engine_pids()
    kill_controller(cluster)
    cluster.start(4)
    after = cluster.engine_pids()
    assert set(after) == {0, 1, 2, 3} and {i: after[i] for i in before} == before
    assert cluster.ok("px", "6*7") == "Out[0-3:1]: 42\n"


@pytest.mark.sanitize
def test_a_task_that_runs_on_does_not_confuse_the_next_controller(cluster):
    """Its number is given again: its result must not become that of a new task, nor may what was
    sent ahead with it."""
    cluster.start(2)
    with Peer(cluster) as peer:
        peer.results([peer.submit([number % 2], "1") for number in range(200)])
        peer.submit([0, 1], "import os, time\nopen('started', 'a').write('x'); old = 0\n"
                            "while not os.path.exists('go'): time.sleep(0.01)\n"
                            "print('of old'); 'old'")
        for number in range(1, 5):
            peer.submit([0, 1], f"print('of old'); old = {number}; 'old'")
        wait_until(lambda: cluster.file("started").exists()
                   and len(cluster.file("started").read_text()) == 2)
        kill_controller(cluster)
    cluster.start(2)
    with Peer(cluster) as peer:
        ids = [peer.submit([0, 1], f"print('of new'); ('new', {number})") for number in range(9)]
        assert peer.sync()["controller"]["tasks"] == 9, "they wait behind what still runs"
        cluster.file("go", "")
        for _ in range(2 * len(ids)):
            result = peer.expect("RESULT")
            assert value(result)[1] == b"\x92\xa3new" + bytes([ids.index(result.id)]), result
            assert result.frames[1:] == [b"of new\n", b""]
    report = cluster.status()
    assert report["controller"]["tasks"] == 0 and report["counts"]["malformed"] == 0
    assert cluster.ok("px", "6*7") == "Out[0-1:1]: 42\n"


def test_a_death_during_the_loss_does_not_confuse_the_next_controller(cluster):
    cluster.start(2)
    with Peer(cluster) as peer:
        peer.results([peer.submit([0], "1") for _ in range(100)])  # short: many are sent ahead
        peer.submit([0], "import os, time\nopen('started', 'w').close()\n"
                         "while not os.path.exists('go'): time.sleep(0.01)\nos._exit(5)")
        for number in range(200):
            peer.submit([0], "open('stale', 'w').close()")
        cluster.wait_file("started")
        kill_controller(cluster)
    cluster.start(2)
    before = cluster.engine_pids()
    cluster.file("go", "")
    wait_until(lambda: cluster.engine_pids()[0] != before[0])
    cluster.wait_state("ready")
    assert cluster.ok("px", "6*7") == "Out[0-1:1]: 42\n"
    assert not cluster.file("stale").exists(), "work of a client that was told of its loss ran"


@pytest.mark.parametrize("busy", [False, True])
def test_without_a_controller_nothing_is_left_after_the_grace_time(cluster, busy):
    cluster.start(2, "--grace", "1s")
    left = leave_processes(cluster) + list(host_and_parent(cluster).values())
    if busy:
        sleeper(cluster)
    pid = cluster.controller_pid()
    left += cluster.engine_pids().values()
    os.kill(pid, signal.SIGKILL)
    cluster.wait_gone(left + [pid], deadline=10)
    cluster.wait_gone()


def test_stop_ends_hosts_that_wait_for_a_controller(cluster):
    cluster.start(2)
    left = leave_processes(cluster)
    kill_controller(cluster)
    assert cluster.stop("--name", "default").code == 0
    cluster.wait_gone(left)
    cluster.wait_gone()


def test_kill_of_controller_and_host_together(cluster):
    cluster.start(2)
    left = leave_processes(cluster)
    pids = [cluster.host_pid(), cluster.controller_pid()]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    cluster.wait_gone(left + pids)
    cluster.start(2)
    assert cluster.ok("px", "6*7") == "Out[0-1:1]: 42\n"


def test_stop_ends_a_controller_that_does_not_answer(cluster):
    cluster.start(2)
    left = leave_processes(cluster)
    pid = cluster.controller_pid()
    os.kill(pid, signal.SIGSTOP)
    outcome = cluster.stop("--name", "default", timeout=20)
    assert (outcome.code, outcome.stdout) == (0, "cluster 'default' is stopped\n"), outcome
    cluster.wait_gone(left + [pid])
    cluster.wait_gone()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_controller_stops_the_cluster(cluster, number):
    cluster.start(2)
    left = leave_processes(cluster)
    waiting = sleeper(cluster)
    os.kill(cluster.controller_pid(), number)
    outcome = waiting.wait(10)
    assert outcome.code in (1, 3), outcome
    cluster.wait_gone(left)
    cluster.wait_gone()


# ---- clients

@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_killed_client_leaves_no_work_behind(cluster, number):
    cluster.start(2)
    code = "import os, time\nopen('started', 'a').write('x')\n" \
           "while not os.path.exists('go'): time.sleep(0.01)\nopen('ended', 'a').write('x')"
    running = cluster.popen("px", code)
    wait_until(lambda: cluster.file("started").exists()
               and len(cluster.file("started").read_text()) == 2)
    queued = cluster.popen("px", "open('queued', 'w').close()")
    wait_until(lambda: cluster.status()["controller"]["tasks"] == 2)
    for process in running, queued:
        process.send(number)
        process.wait()
    other = cluster.popen("px", "'other'")
    wait_until(lambda: cluster.status()["controller"]["clients"] == 2)
    cluster.file("go", "")
    assert other.wait().stdout == "Out[0-1:1]: 'other'\n"
    controller = cluster.status()["controller"]
    assert (controller["tasks"], controller["waiting"], controller["clients"]) == (0, 0, 1)


@pytest.mark.sanitize
def test_work_of_a_killed_client_that_still_waits_is_dropped(cluster):
    cluster.start(1)
    code = "import os, time\nopen('started', 'w').close()\n" \
           "while not os.path.exists('go'): time.sleep(0.01)"
    with Peer(cluster) as other:
        blocker = other.submit([0], code)
        cluster.wait_file("started")
        process = cluster.popen("run", cluster.file("many.tutti", """\
def work(x):
    open(f"mapped-{x}", "w").close()

%map work range(2000) &
%px open('pxed', 'w').close()
"""))
        wait_until(lambda: other.sync()["controller"]["tasks"] > 3)
        process.send(signal.SIGKILL)
        process.wait()
        wait_until(lambda: other.sync()["controller"]["clients"] == 1)
        cluster.file("go", "")
        other.results([blocker])
        last = other.submit([0], "import glob; len(glob.glob('mapped-*'))")
        assert value(other.results([last])[last]) <= 64, "more than was sent ahead ran"
        assert other.sync()["controller"]["tasks"] == 0


@pytest.mark.sanitize
def test_a_start_that_was_killed_while_hosts_are_awaited_harms_nothing(cluster):
    cluster.start(2)
    host = cluster.host_pid()
    os.kill(host, signal.SIGSTOP)  # it does not come back to the next controller
    kill_controller(cluster)
    starting = cluster.popen("start", "-n", 2)
    wait_until(lambda: cluster.run("status").code == 0)
    with Peer(cluster) as peer:
        wait_until(lambda: peer.sync()["controller"]["clients"] == 2)
        starting.send(signal.SIGKILL)
        starting.wait()
        wait_until(lambda: peer.sync()["controller"]["clients"] == 1)
        # Others' requests go on, and so does the controller when the wait is over.
        peer.send("LAUNCH", 77, launcher="local", count=1, language="mock", total=1)
        peer.expect("DONE", id=77)
    cluster.wait_state("ready", deadline=20)
    os.kill(host, signal.SIGCONT)
    wait_until(lambda: len(cluster.status()["hosts"]) == 2)
