"""The bundle (scripts/make-bundle): unpacked anywhere it is a whole tutti that needs nothing but a
shell and a Python, and what engines run notices nothing of it."""

import hashlib
import os
import pathlib
import subprocess
import sys
import tarfile

import pytest

from .harness import ROOT

PREFIX = pathlib.Path(os.environ["TUTTI_PREFIX"])
INSTALLED = PREFIX / "lib" / "tutti"
ARCHIVE = INSTALLED / "bundle.tar.gz"
BARE = {"PATH": "/usr/bin:/bin"}  # and HOME: all that a machine is sure to have


@pytest.fixture
def root(cluster):
    """The bundle unpacked where the path has a blank; `cluster` runs it, in a bare environment."""
    path = cluster.directory / "a b"
    path.mkdir()
    subprocess.run(["tar", "-xzf", ARCHIVE, "-C", path], check=True, timeout=60)
    cluster.tutti = str(path / "bin" / "tutti")
    ours = {name: cluster.env[name] for name in ("TUTTI_RUNTIME_DIR", "TUTTI_STATE_DIR")}
    cluster.env = {**BARE, **ours, "HOME": str(cluster.directory)}
    return path


def version(command, cwd="/", **env):
    """What `command --version` writes, with nothing in the environment but what is given."""
    return subprocess.run([*command, "--version"], cwd=cwd, env={**BARE, "HOME": "/", **env},
                          capture_output=True, text=True, timeout=20)


def libraries(pid):
    """The paths of the shared libraries that a process has mapped."""
    lines = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
    paths = {line.split(None, 5)[5] for line in lines if len(line.split(None, 5)) == 6}
    return {path for path in paths if ".so" in path.rpartition("/")[2]}


def variables(pid):
    """The names in a process's environment."""
    settings = pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return {setting.partition("=")[0] for setting in settings}


# ---- the archive

def test_the_archive_is_told_by_its_hash_and_its_machine():
    digest = hashlib.sha256(ARCHIVE.read_bytes()).hexdigest()
    assert (INSTALLED / "bundle.sha256").read_text() == f"{digest}\n"
    names = os.uname()
    machine = f"{names.sysname} {names.machine}\n"
    assert (INSTALLED / "bundle.machine").read_text() == machine
    with tarfile.open(ARCHIVE) as archive:
        assert archive.extractfile("./machine").read().decode() == machine


def test_the_archive_says_nothing_of_who_made_it_and_when():
    with tarfile.open(ARCHIVE) as archive:
        members = archive.getmembers()
    parts = [member.name.split("/") for member in members]
    assert parts == sorted(parts)
    for member in members:
        assert member.name == "." or member.name.startswith("./"), member.name
        assert ".." not in member.name.split("/") and "__pycache__" not in member.name
        assert member.isdir() or member.isreg(), member.name
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", ""), member.name
        assert member.mtime == 0 and member.mode in (0o755, 0o644), (member.name, member.mode)


def make_bundle(out, *programs, before=""):
    package = INSTALLED / "python"
    words = [out, package / "tutti", package / "tutti" / "_runtime.abi3.so",
             package / "cloudpickle", *programs]
    return subprocess.run(["bash", "-c", f'{before} exec "$@"', "bash",
                           ROOT / "scripts" / "make-bundle", *words],
                          capture_output=True, text=True, timeout=60)


def test_the_same_files_give_the_same_bytes_whoever_packs_them(cluster):
    """The hash names the directory there: another one would send everything again."""
    with tarfile.open(ARCHIVE) as archive:
        names = [member.name.rpartition("/")[2] for member in archive.getmembers()
                 if member.name.startswith("./libexec/tutti/") and not member.name.endswith(".bin")]
    programs = [PREFIX / "bin" / "tutti",
                *(PREFIX / "libexec" / "tutti" / name for name in names)]
    outcome = make_bundle(cluster.file("again"), *programs,
                          before="umask 077; export TZ=Asia/Tokyo;")
    assert outcome.returncode == 0, outcome
    assert cluster.file("again.tar.gz").read_bytes() == ARCHIVE.read_bytes()


def test_one_that_cannot_be_made_leaves_the_old_one(cluster):
    for part in "tar.gz", "sha256", "machine":
        cluster.file(f"old.{part}", "old")
    script = cluster.file("script", "#!/bin/sh\n")
    outcome = make_bundle(cluster.file("old"), script, script)
    assert outcome.returncode == 1 and f"'{script}' names no loader" in outcome.stderr
    assert sorted(path.name for path in cluster.work_dir.glob("old*")) == \
        ["old.machine", "old.sha256", "old.tar.gz"]
    assert cluster.file("old.tar.gz").read_text() == "old"


def test_a_library_that_was_forgotten_is_noticed(cluster):
    """`ldd` names it by a path that the script does not understand."""
    place = cluster.file("with blank")
    place.mkdir()
    zmq = next(path for path in libraries_of(PREFIX / "bin" / "tutti") if "libzmq" in path)
    (place / "libzmq.so.5").write_bytes(pathlib.Path(zmq).read_bytes())
    program = PREFIX / "bin" / "tutti"
    outcome = make_bundle(cluster.file("less"), program, program,
                          before=f"export LD_LIBRARY_PATH='{place}';")
    assert outcome.returncode == 1 and "lacks in the bundle: " in outcome.stderr, outcome
    assert "libzmq.so.5" in outcome.stderr and not cluster.file("less.tar.gz").exists()


def libraries_of(program):
    text = subprocess.run(["ldd", program], capture_output=True, text=True, timeout=20).stdout
    return [word for word in text.split() if word.startswith("/")]


# ---- its programs

@pytest.mark.parametrize("name", ["bin/tutti", "libexec/tutti/tutti-controller",
                                  "libexec/tutti/tutti-engine", "libexec/tutti/tutti-ssh"])
def test_programs_run_from_anywhere(root, name):
    folder, _, program = name.rpartition("/")
    link, chain = root.parent / "link", root.parent / "chain"
    link.symlink_to(root / name)
    chain.symlink_to("link")
    (root.parent / "folder").symlink_to(root / folder)
    elsewhere = root.parent / "elsewhere"
    (elsewhere / folder).mkdir(parents=True)
    ways = [([root / name], {}), ([link], {}), ([chain], {}),
            ([name], {"cwd": root}), ([f"./{program}"], {"cwd": root / folder}),
            (["sh", program], {"cwd": root / folder}),
            ([name], {"cwd": root, "CDPATH": f"{elsewhere}:."}),
            ([root.parent / "folder" / program], {}),
            (["env", program], {"PATH": f"{root / folder}:/usr/bin:/bin"})]
    for command, around in ways:
        outcome = version(command, **around)
        assert outcome.returncode == 0 and outcome.stdout.startswith(f"{program} "), \
            (command, around, outcome)


def test_what_the_machine_has_set_up_for_its_own_programs_is_passed_over(root):
    (root.parent / "libzmq.so.5").write_text("not a library")
    outcome = version([root / "bin" / "tutti"], LD_LIBRARY_PATH=str(root.parent),
                      TUTTI_LIBEXEC_DIR="/none", TUTTI_LIB_DIR="/none")
    assert outcome.returncode == 0, outcome


# ---- a cluster of it

@pytest.mark.sanitize
def test_a_whole_cluster_runs_on_its_own_libraries_alone(cluster, root):
    cluster.start(2, "--lang", "python", "-n", 1, "--lang", "sh")
    assert cluster.ok("px", "-t", "@python", "6*7") == "Out[0-1:1]: 42\n"
    assert cluster.ok("px", "-t", "@sh", "echo $((6*7))") == "[2] 42\n"
    inside = f"{root}/"
    loaded = next(str(path) for path in (root / "lib").glob("ld*"))
    pids = {cluster.controller_pid(), cluster.host_pid(), cluster.engine_pids()[2]}
    for pid in pids:
        mapped = libraries(pid)
        assert os.readlink(f"/proc/{pid}/exe") == loaded
        assert not [path for path in mapped if not path.startswith(inside)], mapped
        assert any("/libc.so." in path for path in mapped), mapped
    assert any("/libzmq.so." in path for path in libraries(cluster.host_pid()))
    assert "is stopped" in cluster.ok("stop")


@pytest.mark.sanitize
def test_what_engines_run_has_its_own_libraries(cluster, root):
    """A variable of the loader would make every program that user code starts use our libc."""
    cluster.start(1, "--lang", "python", "-n", 1, "--lang", "sh")
    python, shell = cluster.engine_pids()[0], cluster.engine_pids()[1]
    ours = {path for path in libraries(python) if path.startswith(f"{root}/")}
    assert {path.rpartition("/")[2] for path in ours} == {"_runtime.abi3.so"}
    for pid in (*cluster.processes(), python, shell):
        assert not [name for name in variables(pid) if name.startswith("LD_")], pid
    assert cluster.ok("px", "-t", "@sh", "env | grep -c ^LD_; true") == "[1] 0\n"
    got = cluster.ok("px", "-t", "@python", "import os, sys; print(sys.executable); "
                     "print([name for name in os.environ if name.startswith('LD_')])")
    program, names = got.replace("[0] ", "").split("\n")[:2]
    assert not program.startswith(str(root)) and names.strip() == "[]", got


def test_a_python_that_lacks_cloudpickle_finds_ours(cluster, root):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", cluster.file("v")], check=True,
                   timeout=60)
    cluster.env["VIRTUAL_ENV"] = str(cluster.file("v"))
    cluster.start(2)
    got = cluster.ok("px", "import sys, cloudpickle; print(sys.prefix); "
                     "print(cloudpickle.__file__)")
    assert str(cluster.file("v")) in got
    assert f"{root}/lib/tutti/python/cloudpickle/__init__.py" in got
    got = cluster.lines("k = 3", "x = %map (lambda n: n * k) range(5)", "print(list(x))")
    assert got.stdout == "[0, 3, 6, 9, 12]\n"
