"""Files to machines and from them."""

import hashlib
import os
import re
import signal

import pytest

from e2e.harness import wait_until

from .test_add import add, web  # noqa: F401


@pytest.fixture
def pair(cluster, machines):
    """Two machines, web1 and web2, with an engine each."""
    both = machines.add("web1"), machines.add("web2")
    cluster.env["TUTTI_SSH"] = machines.ssh
    add(cluster, "-n", 1, "web[1-2]")
    return both


def noise(size, seed=1):
    return hashlib.shake_256(b"%d" % seed).digest(size)


def leftovers(folder):
    return [path for path in folder.rglob("*.tutti-*")]


def test_a_file_goes_to_each_machine_once(cluster, pair):
    data = noise(300000)
    cluster.file("fit.py").write_bytes(data)
    cluster.file("fit.py").chmod(0o755)
    assert cluster.ok("upload", "fit.py") == "web[1-2]:/home/far/fit.py\n"
    for machine in pair:
        there = machine.home / "fit.py"
        assert there.read_bytes() == data and there.stat().st_mode & 0o777 == 0o755
        assert there.stat().st_uid == machine.uid and not leftovers(machine.home)
    assert cluster.ok("upload", "fit.py") == "web[1-2]:/home/far/fit.py was there\n"
    assert cluster.ok("px", "-t", "web2", "import os; os.path.getsize('fit.py')") == \
        "Out[web2:1]: 300000\n"


def test_folders_names_with_blanks_and_a_folder_there(cluster, pair):
    (cluster.work_dir / "data" / "deep").mkdir(parents=True)
    for name in "data/a b.txt", "data/deep/c", "data/empty", "it's":
        cluster.file(name).write_bytes(noise(1000, len(name)))
    cluster.file("data/empty").write_bytes(b"")
    outcome = cluster.lines("%upload data \"it's\" --to work/new")
    assert outcome.stdout == "web[1-2]: 4 files in /home/far/work/new · 0.0 MB\n"
    for machine in pair:
        got = sorted(str(p.relative_to(machine.home)) for p in (machine.home / "work").rglob("*")
                     if p.is_file())
        assert got == ["work/new/data/a b.txt", "work/new/data/deep/c", "work/new/data/empty",
                       "work/new/it's"]


def test_downloads_from_several_machines_have_a_folder_each(cluster, pair):
    for n, machine in enumerate(pair, 1):
        machine.put("out/result.csv", f"machine {n}\n")
        machine.put("out/deep/more.csv", "more\n")
    outcome = cluster.lines("%download 'out/*' results/")
    assert re.fullmatch(r"web1: 2 files in results/web1\S* · 0\.0 MB\n"
                        r"web2: 2 files in results/web2\S* · 0\.0 MB\n", outcome.stdout), outcome
    for n in 1, 2:
        assert cluster.file(f"results/web{n}/result.csv").read_text() == f"machine {n}\n"
        assert cluster.file(f"results/web{n}/deep/more.csv").read_text() == "more\n"
    assert cluster.ok("download", "-t", "web1", "out/result.csv") == "web1:./result.csv\n"
    assert cluster.file("result.csv").read_text() == "machine 1\n"
    assert cluster.ok("download", "-t", "web1", "out/result.csv") == \
        "web1:./result.csv was there\n"


def test_what_is_wrong_is_told_and_the_rest_goes_on(cluster, pair):
    cluster.file("one", "1")
    (pair[1].home / "locked").mkdir(mode=0o500)
    (pair[0].home / "locked").mkdir(mode=0o700)
    os.chown(pair[0].home / "locked", pair[0].uid, -1)
    os.chown(pair[1].home / "locked", pair[1].uid, -1)
    outcome = cluster.run("upload", "one", "--to", "locked")
    assert outcome.code == 1 and outcome.stdout == "web1:/home/far/locked/one\n"
    assert outcome.stderr == "web2: cannot write 'locked/one': Permission denied\n"
    outcome = cluster.run("download", "-t", "web1", "none*", "loc*")
    assert outcome.code == 1
    assert outcome.stderr == "web1: there is no file 'none*'\n"
    outcome = cluster.run("upload", "nothing")
    assert (outcome.code, outcome.stderr) == (
        2, "cannot read 'nothing': No such file or directory\n")


def test_an_interrupted_transfer_leaves_no_half_file(cluster, machines):
    """Neither there nor here; the link is slow enough to press Ctrl-C in the middle."""
    machine = machines.add("inner")
    machines.alias("web1", to=machines.relay(machine, rate=5_000_000))
    cluster.env["TUTTI_SSH"] = machines.ssh
    add(cluster, "-n", 1, "web1")
    cluster.file("big").write_bytes(noise(30_000_000))
    process = cluster.popen("upload", "big")
    wait_until(lambda: any(p.stat().st_size > 500000 for p in leftovers(machine.home)), 20)
    process.press(signal.SIGINT)
    outcome = process.wait(10)
    assert outcome.code == 1 and "interrupted" in outcome.stderr
    wait_until(lambda: not leftovers(machine.home) and not (machine.home / "big").exists())
    machine.put("huge", noise(30_000_000))
    process = cluster.popen("download", "huge")
    wait_until(lambda: any(p.stat().st_size > 500000 for p in leftovers(cluster.work_dir)), 20)
    assert cluster.ok("px", "6*7") == "Out[0:1]: 42\n"
    process.press(signal.SIGINT)
    assert process.wait(10).code == 1
    assert not leftovers(cluster.work_dir) and not cluster.file("huge").exists()


def test_a_killed_client_or_link_leaves_no_half_file(cluster, machines):
    machine = machines.add("inner")
    link = machines.relay(machine, rate=5_000_000)
    machines.alias("web1", to=link)
    cluster.env["TUTTI_SSH"] = machines.ssh
    add(cluster, "-n", 1, "web1")
    cluster.file("big").write_bytes(noise(30_000_000))
    for end in (lambda p: p.send(signal.SIGKILL), lambda p: link.cut()):
        process = cluster.popen("upload", "big")
        wait_until(lambda: any(p.stat().st_size > 500000 for p in leftovers(machine.home)), 20)
        end(process)
        wait_until(lambda: not leftovers(machine.home), 10, "the part is removed")
        outcome = process.wait(10)
        assert outcome.code != 0
        cluster.wait_state("ready", deadline=20)
    assert "link to 'web1'" in outcome.stderr
    assert not (machine.home / "big").exists()


def test_a_big_file_passes_whole_and_holds_nobody_up(cluster, machines):
    """Over 12 MB/s, while short commands go through; their time is told by bench, not here."""
    machine = machines.add("inner")
    machines.alias("web1", to=machines.relay(machine, rate=12_000_000))
    cluster.env["TUTTI_SSH"] = machines.ssh
    add(cluster, "-n", 1, "web1")
    data = noise(40_000_000)
    cluster.file("big").write_bytes(data)
    process = cluster.popen("upload", "big")
    wait_until(lambda: leftovers(machine.home))
    answers = 0
    while process.running():
        answers += cluster.ok("px", "6*7") == "Out[0:1]: 42\n"
    assert process.wait().code == 0 and answers > 5
    assert (machine.home / "big").read_bytes() == data
