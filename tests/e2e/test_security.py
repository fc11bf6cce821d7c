"""Nobody else gets in: no TCP port, a private run directory, and others' directories refused."""

import os
import pathlib
import shutil
import stat
import subprocess

import pytest

from .harness import processes_with

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: chown")


def sockets_of(pids):
    """The inodes of all sockets that these processes hold."""
    found = set()
    for pid in pids:
        for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = os.readlink(link)
            except OSError:
                continue
            if target.startswith("socket:["):
                found.add(target[8:-1])
    return found


def internet_sockets():
    """The inodes of all TCP and UDP sockets, of whatever state."""
    found = set()
    for name in ("tcp", "tcp6", "udp", "udp6"):
        path = pathlib.Path(f"/proc/net/{name}")
        if path.exists():
            found |= {line.split()[9] for line in path.read_text().splitlines()[1:]}
    return found


def test_no_port_is_open(cluster):
    cluster.start(2)
    cluster.lines("x = %px 6*7")
    pids = set(cluster.processes())
    ours = sockets_of(pids)
    assert ours, "there are some to look at"
    assert not ours & internet_sockets()
    if shutil.which("ss"):
        shown = subprocess.run(["ss", "-ltunp"], capture_output=True, text=True, check=True).stdout
        assert not [pid for pid in pids if f"pid={pid}," in shown]


def test_directories_and_logs_are_the_users_alone(cluster):
    os.umask(0)  # the careless user's
    cluster.runtime_dir.rmdir()
    cluster.state_dir.rmdir()
    cluster.start(1)
    os.umask(0o022)
    for base in (cluster.runtime_dir, cluster.state_dir):
        for path in (base, base / "default"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
            assert path.stat().st_uid == os.geteuid()
    logs = list(cluster.state_dir.rglob("*.log"))
    assert logs and all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in logs)


def refuses(cluster, *words):
    for args in (["start", "-n", "1"], ["px", "1"], ["status"], ["-c", "1"], ["stop"]):
        outcome = cluster.run(*args)
        assert outcome.code == 3, (args, outcome)
        assert len(outcome.stderr.splitlines()) == 1
        for word in ("refusing", *map(str, words)):
            assert word in outcome.stderr, (args, outcome)
    assert cluster.processes() == {}


@pytest.fixture(params=["base", "cluster"])
def place(request, cluster):
    """The run directory of all clusters, or of one."""
    path = cluster.runtime_dir if request.param == "base" else cluster.runtime_dir / "default"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


@needs_root
def test_anothers_directory_is_refused(cluster, place):
    os.chown(place, NOBODY, NOBODY)
    refuses(cluster, place, f"belongs to user {NOBODY}")
    os.chown(place, 0, 0)


def test_a_symbolic_link_is_refused(cluster, place):
    real = cluster.directory / "real"
    place.rename(real)
    place.symlink_to(real)
    refuses(cluster, place, "symbolic link")


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o1777])
def test_an_open_directory_is_refused(cluster, place, mode):
    place.chmod(mode)
    refuses(cluster, place, "others may", f"{mode:04o}", f"chmod 700 '{place}'")


def test_a_file_in_its_place_is_refused(cluster, place):
    place.rmdir()
    place.write_text("")
    refuses(cluster, place, "not a directory")
    place.unlink()


@pytest.mark.parametrize("value, words", [
    ("relative", "is not an absolute path"), ("/" + "x" * 150, "a socket's path may have 107")])
def test_places_that_cannot_be(cluster, value, words):
    outcome = cluster.run("start", "-n", 1, env={"TUTTI_RUNTIME_DIR": value})
    assert outcome.code == 3 and words in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1
    assert processes_with(f"TUTTI_RUNTIME_DIR={value}") == {}


@needs_root
def test_a_logs_directory_of_another_is_refused(cluster):
    os.chown(cluster.state_dir, NOBODY, NOBODY)
    outcome = cluster.run("start", "-n", 1)
    os.chown(cluster.state_dir, 0, 0)
    assert outcome.code == 3
    assert f"refusing '{cluster.state_dir}': it belongs to user {NOBODY}" in outcome.stderr


@needs_root
def test_another_user_can_neither_enter_nor_connect(cluster):
    """Even where the directories above are open."""
    cluster.start(1)
    cluster.directory.chmod(0o755)
    sock = cluster.runtime_dir / "default" / "client.sock"
    assert sock.exists()
    outcome = subprocess.run(
        ["/usr/bin/python3", "-c", "import socket, sys; "
         "socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect(sys.argv[1])", sock],
        user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, timeout=20)
    assert "PermissionError" in outcome.stderr


def test_a_planted_lock_link_is_not_followed(cluster):
    place = cluster.runtime_dir / "default"
    place.mkdir(mode=0o700)
    victim = cluster.file("victim", "precious")
    (place / "lock").symlink_to(victim)
    outcome = cluster.run("start", "-n", 1)
    assert outcome.code == 3 and "lock" in outcome.stderr
    assert victim.read_text() == "precious"


def test_output_of_engines_cannot_fake_our_messages(cluster):
    """Names of others are escaped; user output keeps its label on every line."""
    cluster.start(1)
    outcome = cluster.px(r"print('one\n[1] two')")
    assert outcome.stdout == "[0] one\n[0] [1] two\n"
    outcome = cluster.run("px", "-t", "a\x1b[31mb", "1")
    assert "\x1b" not in outcome.stderr and outcome.code == 2
    outcome = cluster.lines("%fro\x1b[2Jb", code=None)
    assert "\x1b" not in outcome.stderr
