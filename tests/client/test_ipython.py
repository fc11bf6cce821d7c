"""The magics in IPython, typed into an InteractiveShell of Debian's. (ipyparallel.md 1.8)"""

import re
import subprocess
import sys
import os

import pytest

pytest.importorskip("IPython")

import tutti as ipp  # noqa: E402

HEAD = """
import sys, warnings; sys.path.insert(0, %r)
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic('colors', 'NoColor')
def run(cell):
    print('>', cell.strip().split(chr(10))[0], flush=True)
    found = shell.run_cell(cell, store_history=True)
    sys.stdout.flush(); sys.stderr.flush()
    return found
""" % os.path.dirname(os.path.dirname(ipp.__file__))


def typed(four, *cells, code=0):
    """What IPython prints to stdout and stderr for cells, each behind `> CELL`."""
    script = HEAD + "".join("run(%r)\n" % cell for cell in cells)
    got = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60,
                         cwd=four.work_dir, env={**os.environ, "HOME": str(four.work_dir), "IPYTHONDIR": str(four.work_dir)})
    assert got.returncode == code, got
    return got.stdout, got.stderr


def test_px_streams_and_shows_values(four):
    out, _ = typed(four, "%load_ext tutti", "%px a = 5", "%px print(a)", "%px a", "%px a;")
    assert out.count("5\n") >= 8
    assert sorted(re.findall(r"\[stdout:\d\] \n5\n", out)) == [f"[stdout:{n}] \n5\n" for n in range(4)]
    assert [line for line in out.splitlines() if line.startswith("Out[")] == [
        line for line in out.splitlines() if re.fullmatch(r"Out\[[0-3]:\d+\]: 5", line)]


def test_cells_with_options(four):
    out, _ = typed(
        four, "import tutti as ipp\nrc = ipp.Client()",
        "%%px --targets 0:2 --no-stream\nprint('text')\n6*7",
        "%%px --noblock --out ar -t 1\n7*7", "print(ar, ar.get()[0] if isinstance(ar.get(), list) else ar.get())",
        "%pxresult", "%%px -t [1,2] --group-outputs engine --no-stream\nprint('x')",
        "%%px --local -t 0\nlocal_too = 1", "print(local_too)")
    assert "[stdout:0] \ntext\n[stdout:1] \ntext\n" in out
    assert re.search(r"Out\[0:\d+\]: 42\nOut\[1:\d+\]: 42\n", out)
    assert "<AsyncResult(%px): pending>" in out or "<AsyncResult(%px): finished>" in out
    assert re.search(r"Out\[1:\d+\]: 49", out) and "[stdout:1] \nx\n[stdout:2] \nx\n" in out
    assert out.rstrip().endswith("1")


def test_pxconfig_and_autopx(four):
    out, _ = typed(four, "%load_ext tutti", "%pxconfig --targets 2 --verbose", "%autopx",
                   "import os\nb = 9", "b + 1", "%pxconfig --no-verbose", "b + 2", "%autopx", "'b' in globals()")
    assert "%autopx enabled\n" in out and "%autopx disabled\n" in out
    assert "Parallel execution on engine(s): 2\n" in out
    assert re.search(r"Out\[2:\d+\]: 10\n", out) and re.search(r"Out\[2:\d+\]: 11\n", out)
    assert out.rstrip().endswith("False")


def test_errors(four):
    out, err = typed(four, "%load_ext tutti", "%px 1/0", "%%px --no-stream\n1/0", "%%px --nothing\n1",
                     "%pxconfig --progress-after soon")
    assert err.count("ZeroDivisionError: division by zero") >= 4 and "4 errors" in out
    assert "one or more exceptions raised in: %px" in out or "ZeroDivisionError" in out
    assert "no option --nothing" in out + err and "--progress-after takes seconds" in out + err


def test_without_a_result(four):
    out, err = typed(four, "%load_ext tutti", "%pxresult")
    assert "%pxresult recalls last %px result, which has not yet been used." in out + err


def test_suffixes_and_several_views(four):
    out, _ = typed(four, "import tutti as ipp\nrc = ipp.Client()", "rc[::2].activate('_even')",
                   "%px_even c = 1", "%px 'c' in globals()")
    assert sorted(re.findall(r"Out\[(\d):\d+\]: (\w+)", out)) == [
        ("0", "True"), ("1", "False"), ("2", "True"), ("3", "False")]


def test_outside_of_ipython(rc):
    with pytest.warns(UserWarning, match="only work within IPython"):
        rc[:].activate()
