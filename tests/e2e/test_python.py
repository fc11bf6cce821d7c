"""Which Python the engines are: Debian's, a venv's, pyenv's, an old one."""

import pathlib
import subprocess
import sys

import pytest

PYENV = pathlib.Path.home() / ".pyenv" / "versions"


def make_venv(cluster, *options):
    path = cluster.work_dir / "venv"
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", *options, path], check=True,
                   timeout=60)
    site, = path.glob("lib/python3*/site-packages")
    (site / "only_there.py").write_text("WHERE = 'in the venv'\n")
    return path


def about(cluster):
    got, = cluster.json("px", "--json", "-t", "0", "import sys; [sys.prefix, sys.executable]")
    return eval(got["repr"])


@pytest.mark.parametrize("options", [(), ("--system-site-packages",)], ids=["alone", "with-system"])
def test_a_venv(cluster, options):
    path = make_venv(cluster, *options)
    cluster.start(2, "--python", path / "bin" / "python")
    assert about(cluster) == [str(path), str(path / "bin" / "python")]
    assert cluster.ok("px", "import only_there; only_there.WHERE") == "Out[0-1:1]: 'in the venv'\n"
    outcome = cluster.px("import pytest")
    assert outcome.code == (0 if options else 1)
    got = cluster.lines("k = 2", "def f(x): return x * k", "%map f range(3)").stdout
    assert got == "Out[3]: [0, 2, 4]\n"
    outcome = cluster.px("import subprocess, sys; subprocess.check_output([sys.executable, '-c', "
                         "'import sys, only_there; print(sys.prefix)'], text=True).strip()")
    assert outcome.stdout == f"Out[0-1:1]: '{path}'\n", "children are of the venv too"


def test_the_active_venv_is_taken_by_itself(cluster):
    path = make_venv(cluster)
    env = {"VIRTUAL_ENV": str(path)}
    cluster.start(1, env=env)
    assert about(cluster)[0] == str(path)
    got = cluster.lines("import sys, only_there", "sys.prefix", env=env).stdout
    assert got == f"Out[2]: '{path}'\n", "the local engine is of the venv too"
    cluster.stop()
    outcome = cluster.run("-c", "%px import only_there; only_there.WHERE", env=env)
    assert "'in the venv'" in outcome.stdout


def test_a_venv_that_is_gone_is_not_taken(cluster):
    cluster.start(1, env={"VIRTUAL_ENV": "/no/such/venv"})
    assert about(cluster)[1] == "/usr/bin/python3"


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"])
def test_other_pythons(cluster, version):
    """Newer than Debian's and older: those before 3.11 run the pure runtime."""
    found = sorted(PYENV.glob(f"{version}.*/bin/python3"))
    if not found:
        pytest.skip(f"no {PYENV}/{version}.*")
    cluster.start(2, "--python", found[0])
    assert cluster.engines()[0]["version"].startswith(version + ".")
    outcome = cluster.px("import os, sys\nos.write(1, b'raw\\n')\nprint('text')\n6 * 7")
    assert outcome == ("[0-1] raw\n[0-1] text\nOut[0-1:1]: 42\n", "", 0)
    assert cluster.lines("x = {'a': (1, 2.5, b'c', 2**70)}", "%push x", "y = %px -t 1 x",
                         "y == x").stdout == "Out[4]: True\n"
    outcome = cluster.px("1/0")
    assert outcome.stderr.startswith("[0-1:1] ZeroDivisionError: division by zero\n")
    outcome = cluster.px("--timeout", "0.3", "while True: pass")
    assert "[0-1] timeout" in outcome.stderr


@pytest.mark.parametrize("version", ["3.8", "3.12"])
def test_a_map_with_the_other_python_on_both_sides(cluster, version):
    found = sorted(PYENV.glob(f"{version}.*/bin/python3"))
    if not found:
        pytest.skip(f"no {PYENV}/{version}.*")
    script = cluster.file("a.tutti", "k = 3\ndef f(x):\n    return x * k\n\nr = %map f range(4)\n"
                          "import sys\nprint(r, sys.version_info[:2])\n")
    got = cluster.ok("run", "-n", 2, "--python", found[0], script)
    assert got == f"[0, 3, 6, 9] ({version.replace('.', ', ')})\n"


def test_a_function_of_another_python_is_refused_with_both_versions(cluster):
    here = "%d.%d" % sys.version_info[:2]
    found = [path for path in sorted(PYENV.glob("3.1[0-9].*/bin/python3"))
             if f"/{here}." not in str(path)]
    if not found:
        pytest.skip(f"no other Python below {PYENV}")
    cluster.start(1, "--python", found[0])
    outcome = cluster.lines("def f(x): return x", "%map f [1]", code=1)
    assert f"by Python {here} and cannot run on Python 3." in outcome.stderr


@pytest.mark.parametrize("pattern", ["2.7.*/bin/python", "3.6.*/bin/python3", "3.7.*/bin/python3"])
def test_a_python_that_is_too_old_is_refused_with_the_reason(cluster, pattern):
    found = sorted(PYENV.glob(pattern))
    if not found:
        pytest.skip(f"no {PYENV}/{pattern}")
    outcome = cluster.start(1, "--python", found[0], code=4)
    assert "tutti needs Python 3.8 or newer" in outcome.stderr
