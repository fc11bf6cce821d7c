"""Getting the package onto Python's path: what `tutti --python-path` tells, and pip."""

import ast
import os
import pathlib
import shutil
import subprocess
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREFIX = pathlib.Path(os.environ["TUTTI_PREFIX"])
PROGRAM = """
import os, tutti
with tutti.Client() as rc:
    rc.wait_for_engines(4, timeout=20)
    k = 2
    print(os.path.dirname(tutti.__file__), rc.ids, rc[:].map_sync(lambda x: x * k, range(4)))
"""


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=300, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def venv(tmp_path_factory):
    """A venv that sees Debian's packages, and pip in it looks for nothing in the network."""
    path = tmp_path_factory.mktemp("install") / "venv"
    run("/usr/bin/python3", "-m", "venv", "--system-site-packages", path)
    return path


@pytest.fixture(scope="module")
def wheel(venv):
    """The wheel, made of a copy of what it is made of, so that the checkout stays clean."""
    source = venv.parent / "source"
    source.mkdir()
    for name in ("python", "share"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns(
            "build", "*.egg-info", "__pycache__", "*.so", "*.o"))
    for name in ("Makefile.am", "configure.ac"):
        shutil.copy(ROOT / name, source)
    run(venv / "bin" / "pip", "wheel", "-q", "--no-build-isolation", "--no-index", "--no-deps",
        "-w", venv.parent, source / "python")
    found, = venv.parent.glob("*.whl")
    return found


def test_the_folder_that_tutti_tells_is_one_for_pythonpath(four):
    folder = four.ok("--python-path")
    assert folder == f"{PREFIX}/lib/tutti/python\n"
    shown = run("/usr/bin/python3", "-c", PROGRAM, cwd="/",
                env={**os.environ, "PYTHONPATH": folder.strip()})
    assert shown == f"{folder.strip()}/tutti [0, 1, 2, 3] [0, 2, 4, 6]\n"


def test_the_folder_is_that_of_the_library_directory_when_that_is_told(four):
    outcome = four.run("--python-path", env={"TUTTI_LIB_DIR": "/else where"})
    assert (outcome.code, outcome.stdout) == (0, "/else where/python\n")


def test_the_wheel_is_one_for_all_pythons_from_3_11_on(wheel):
    assert "-cp311-abi3-linux_" in wheel.name
    names = {name.partition("/")[2] for name in zipfile.ZipFile(wheel).namelist()
             if name.startswith("tutti/")}
    own = {path.name for path in (ROOT / "python" / "tutti").glob("*.py*")}
    assert names == own | {"_runtime.abi3.so", "_client.abi3.so", "py.typed"}


def test_a_program_of_a_venv_with_the_wheel_drives_a_cluster(four, venv, wheel):
    run(venv / "bin" / "pip", "install", "-q", "--no-index", wheel)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    shown = run(venv / "bin" / "python", "-c", PROGRAM, cwd="/", env=clean)
    place, _, rest = shown.partition(" ")
    assert place.startswith(str(venv)) and rest == "[0, 1, 2, 3] [0, 2, 4, 6]\n"


def test_who_checks_types_is_told_of_every_lazy_name():
    """`tutti/__init__.py` has the names twice: in a table for Python, in imports for mypy."""
    import tutti

    tree = ast.parse(pathlib.Path(tutti.__file__).read_text())
    block, = (node for node in tree.body if isinstance(node, ast.If)
              and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING")
    told = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom)
            for alias in node.names}
    assert told == {*tutti._LAZY, "error"}
    for name in told:
        assert getattr(tutti, name) is not None
