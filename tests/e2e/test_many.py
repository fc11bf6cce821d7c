"""Many engines on one host, as an ordinary user has them: all start, answer and stop; or the start
is refused, naming the limit that is in the way."""

import os
import pathlib
import shutil

import pytest

from .harness import Cluster
from .test_crash import host_and_parent

MANY = 600
NOBODY = 70000 + os.getpid() % 50000  # of this run only: limits count all processes of a user


class OrdinaryCluster(Cluster):
    """A cluster of an ordinary user: of one that has no name, when the tests run as root. Then its
    programs are copies, as that user may not enter every tree. `limits` go to prlimit, for all
    commands."""

    def __init__(self, *limits):
        super().__init__()
        self.before = ["prlimit", *limits] if limits else []
        if os.getuid() == 0:
            self.before = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                           *self.before]
            self.give_away()

    def give_away(self):
        programs = self.directory / "p"
        programs.mkdir(mode=0o755)
        tree = pathlib.Path(self.tutti).parent
        [controller] = (tree.parent if tree.name == "bin" else tree).rglob("tutti-controller")
        for path in [pathlib.Path(self.tutti), *controller.parent.iterdir()]:
            shutil.copy(path, programs)
        self.tutti = str(programs / "tutti")
        self.env["TUTTI_LIBEXEC_DIR"] = str(programs)
        for path in self.directory, self.runtime_dir, self.state_dir, self.work_dir:
            os.chown(path, NOBODY, NOBODY)


@pytest.fixture
def ordinary(request):
    """Makes an OrdinaryCluster with these limits; it is finished at the end."""
    made = []

    def make(*limits):
        made.append(OrdinaryCluster(*limits))
        return made[-1]
    yield make
    for cluster in made:
        cluster.finish()


def all_engines(cluster, code, **more):
    """{id: result} of `code` on all engines."""
    return {result["engine"]: result for result in cluster.json("px", "--json", code, **more)}


@pytest.mark.deadline(100)
def test_600_engines_start_answer_and_stop(ordinary):
    cluster = ordinary()
    cluster.start(MANY, "--lang", "mock")
    assert len(cluster.ok("px", "id").splitlines()) == MANY
    got = all_engines(cluster, "id")
    assert [got[number]["value"] for number in sorted(got)] == list(range(MANY))
    assert cluster.ok("px", "print same") == "[0-599] same\n"
    pids = list(cluster.engine_pids().values()) + list(host_and_parent(cluster).values())
    assert len(set(pids)) == MANY + 2
    assert cluster.stop("--name", "default").stdout == "cluster 'default' is stopped\n"
    cluster.wait_gone(pids)


@pytest.mark.deadline(100)
def test_600_engines_write_more_than_their_pipes_hold(ordinary):
    """Pipes of an ordinary user hold 4 to 8 KiB when there are many."""
    cluster = ordinary()
    cluster.start(MANY, "--lang", "mock")
    got = all_engines(cluster, "flood 40000", timeout=40)
    assert len(got) == MANY
    for result in got.values():
        assert result["status"] == "ok" and result["dropped_bytes"] == 0
        assert result["stdout"] == ("x" * 1023 + "\n") * 40


@pytest.mark.deadline(100)
def test_600_engines_are_interrupted_and_die_at_once(ordinary):
    cluster = ordinary()
    cluster.start(MANY, "--lang", "mock")
    outcome = cluster.px("--timeout", "0.1s", "sleep 1000", timeout=40)
    assert outcome.code == 1
    before = cluster.engine_pids()
    outcome = cluster.px("print before\nexit 3", timeout=40)
    assert outcome.stderr == f"[0-{MANY - 1}] lost: exited with status 3\n"
    after = cluster.wait_state("ready", deadline=20)
    assert not set(before.values()) & {engine["pid"] for engine in after.values()}
    assert cluster.ok("px", "print after") == "[0-599] after\n"


def test_more_than_the_limit_of_open_files_is_refused_by_name(ordinary):
    cluster = ordinary("--nofile=256:256")
    outcome = cluster.start(MANY, "--lang", "mock", code=4)
    assert outcome.stderr.splitlines() == [
        "0 of 600 engines ready",
        "missing: 0-599 (600 engines need 3064 open files on one host; the limit (NOFILE) is 256)"]
    assert "NOFILE" in cluster.ok("why")
    outcome = cluster.px("id")
    assert outcome.code == 2 and outcome.stderr.count("\n") == 1, outcome


def test_as_many_as_the_limit_of_open_files_allows_work(ordinary):
    cluster = ordinary("--nofile=256:256")
    cluster.start(38, "--lang", "mock")
    assert cluster.ok("px", "print here") == "[0-37] here\n"
    cluster.px("exit 3")
    cluster.wait_state("ready")
    assert cluster.ok("px", "print here") == "[0-37] here\n"


@pytest.mark.skipif(os.getuid() != 0, reason="the user's other processes would count")
def test_more_than_the_limit_of_processes_is_refused_by_name(ordinary):
    cluster = ordinary("--nproc=60:60")
    outcome = cluster.start(100, "--lang", "mock", code=4)
    assert "no more processes (limit of the user: 60" in outcome.stderr
    ready = [n for n, engine in cluster.engines().items() if engine["state"] == "ready"]
    assert 20 < len(ready) < 60
    assert cluster.ok("px", "print here") == f"[0-{len(ready) - 1}] here\n"


@pytest.mark.deadline(100)
def test_64_python_engines(ordinary, cluster):
    cluster.start(64)
    assert cluster.ok("px", "6*7") == "Out[0-63:1]: 42\n"
    cluster.px("import os; os.kill(os.getpid(), 9)")
    cluster.wait_state("ready", deadline=20)
    assert cluster.ok("px", "6*7") == "Out[0-63:1]: 42\n"
