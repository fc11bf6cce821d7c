"""Engines of `--lang ipython`: cells by IPython's InteractiveShell, the rest as for Python."""

import json
import pathlib
import signal
import subprocess
import sys

import pytest

from .harness import wait_until
from .pictures import HAS_MATPLOTLIB
from .terminal import CTRL_C, Prompt

pytestmark = pytest.mark.skipif(
    subprocess.run(["/usr/bin/python3", "-c", "import IPython"], capture_output=True).returncode != 0,
    reason="needs IPython")


@pytest.fixture
def ipython(cluster):
    """A cluster of two such engines; IPython's directory is the test's own."""
    cluster.env["IPYTHONDIR"] = str(cluster.directory / "ipython")
    cluster.start(2, "--lang", "ipython", "--python", "/usr/bin/python3")
    return cluster


def shown(outcome):
    """What was printed, each line once, in the order of engines where it is grouped."""
    return outcome.stdout.splitlines()


def test_it_is_told_what_they_are(cluster):
    cluster.env["IPYTHONDIR"] = str(cluster.directory / "ipython")
    outcome = cluster.start(1, "--lang", "ipython", "--python", "/usr/bin/python3")
    assert "1 IPython engine (" in outcome.stdout and "/usr/bin/python3)" in outcome.stdout
    engine = cluster.engines()[0]
    assert engine["language"] == "ipython" and "(Python 3." in engine["version"]


def test_values_and_out(ipython):
    got = shown(ipython.lines("%px 6*7", "%px a = 1", "%px Out[1], _1, _", "%px a;", "%px len(In)"))
    assert got == ["Out[0-1:1]: 42", "Out[0-1:3]: (42, 42, 42)", "Out[0-1:5]: 6"]


def test_a_long_value_is_laid_out_by_ipython(ipython):
    got = shown(ipython.lines("%px {'x': list(range(40))}"))
    assert got[1:3] == ["{'x': [0,", "  1,"] or got[:2] == ["Out[0-1:1]: {'x': [0,", "  1,"], got


def test_magics_and_commands(ipython):
    got = ipython.script("""%px !echo from the shell
%px _exit_code
%px lines = !printf 'a\\nb\\n'
%px lines.n
%px n = 4
%px !echo {n} $n
%px %cd /
%px %pwd
%px get_ipython().run_cell_magic("capture", "kept", "print('unseen')")
%px kept.stdout
""")
    out = got.stdout
    for text in ("[0-1] from the shell\n", "Out[0-1:2]: 0\n", "Out[0-1:4]: 'a\\nb'\n", "[0-1] 4 4\n",
                 "Out[0-1:8]: '/'\n", "'unseen\\n'"):
        assert text in out, (text, got)


def test_an_unknown_magic(ipython):
    got = ipython.lines("%px %nosuch", code=1)
    assert "UsageError: Line magic function `%nosuch` not found." in got.stderr


def test_awaiting(ipython):
    got = shown(ipython.lines("%px import asyncio", "%px await asyncio.sleep(0.01, 'slept')"))
    assert got == ["Out[0-1:2]: 'slept'"]


@pytest.mark.parametrize("code, error", [
    ("1/0", "ZeroDivisionError: division by zero"),
    ("f()", "ValueError: of f"),
    ("x = = 1", "SyntaxError: invalid syntax"),
    ("%run broken.py", "ZeroDivisionError: division by zero"),
    ("%run left.py", "[0-1] exit 3"),
])
def test_errors_show_the_users_code_alone(ipython, code, error):
    ipython.file("broken.py", "1/0\n")
    ipython.file("left.py", "import sys; sys.exit(3)\n")
    got = ipython.script("%%px\ndef f():\n    raise ValueError('of f')\n%%\n%px " + code + "\n", code=1)
    assert error in got.stderr and "/IPython/" not in got.stderr and "interactive.py" not in got.stderr, got


def test_the_place_of_an_error(ipython):
    code = "def f():\n    !true\n    1/0\n\nf()\n"
    result = ipython.json("px", "--json", code, code=1)
    errors = [one["error"] for one in result if one.get("error")]
    assert errors and errors[0]["type"] == "ZeroDivisionError" and errors[0]["function"] == "f", result
    assert errors[0]["line"] == 3 and "    !true\n" not in errors[0]["source"]


def test_leaving_ends_the_engine(ipython):
    before = ipython.engines()[0]["pid"]
    ipython.lines("%px -t 0 exit()", code=None)
    wait_until(lambda: ipython.engines().get(0, {}).get("pid") != before, 10, "engine 0 has left")


@pytest.mark.parametrize("code", ["while True: pass", "!sleep 100", "x = !sleep 100",
                                  "import asyncio; await asyncio.sleep(100)", "import time; time.sleep(100)"])
def test_an_interrupt_ends_the_cell_and_nothing_else(ipython, code):
    process = ipython.popen("px", "open('begun%d' % __import__('os').getpid(), 'w').close()\n" + code)
    wait_until(lambda: len(list(ipython.work_dir.glob("begun*"))) == 2, 10, "both have begun")
    process.press(signal.SIGINT)
    outcome = process.wait()
    assert outcome.code != 0 and "interrupted at" in outcome.stderr, outcome
    got = shown(ipython.lines("%px 1 + 1", "%px import asyncio", "%px await asyncio.sleep(0.01, 3)"))
    assert got == ["Out[0-1:1]: 2", "Out[0-1:3]: 3"]


def test_push_pull_map_and_functions_are_those_of_python(cluster):
    cluster.env["IPYTHONDIR"] = str(cluster.directory / "ipython")
    cluster.start(1, "--python", "/usr/bin/python3", "-n", "1", "--lang", "ipython")
    got = shown(cluster.script("""x = {'a': [1, 2]}
%push x
%px x['a'].append(3)
%gather x as both
print(both)
def double(n):
    return factor * n
factor = 2
%map double range(4)
%px -t @ipython 'IPython'
%px -t @python len(x)
""", code=None))
    assert "[{'a': [1, 2, 3]}, {'a': [1, 2, 3]}]" in "\n".join(got), got
    assert "[0, 2, 4, 6]" in "\n".join(got)
    assert any(line.startswith("Out[1:") and line.endswith("'IPython'") for line in got), got
    assert any(line.startswith("Out[0-1:") and line.endswith(": 1") for line in got), got


def test_displays_travel(ipython):
    got = ipython.json("px", "--json", "from IPython.display import display, HTML\n"
                       "display(HTML('<b>1</b>'))\nHTML('<i>2</i>')")
    pages = [one["displays"] for one in got if one.get("displays")]
    assert len(pages) == 2, got
    assert [list(one) for one in pages] and "<b>1</b>" in json.dumps(pages[0]) and "<i>2</i>" in json.dumps(pages[0])


@pytest.mark.skipif(not HAS_MATPLOTLIB, reason="needs matplotlib")
@pytest.mark.parametrize("first", ["pass", "%matplotlib inline"])
def test_plots(ipython, first):
    ipython.script(f"%px {first}\n%%px\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\n%%\n"
                   "%%px\nfigure, _ = plt.subplots()\nfigure\n%%\n%%px\ndisplay(plt.subplots()[0])\nplt.close()\n%%\n"
                   "%px 1\n")
    found = sorted(path.name for path in (ipython.state_dir / "default").glob("*.png"))
    assert found == ["2-0.png", "3-0.png", "4-0.png"]  # they are alike


def test_nothing_beside_the_engine(ipython):
    """No thread, no database of inputs."""
    got = shown(ipython.lines("%px import threading, os", "%px threading.active_count(), "
                              "len(os.listdir('/proc/self/task'))", "%px [n for n in dir() if n[0] != '_']"))
    assert got[0] == "Out[0-1:2]: (1, 1)" and got[1] == "Out[0-1:3]: ['os', 'threading']"
    assert not list((ipython.directory / "ipython").rglob("history*"))


def test_the_numbers_of_out_are_those_that_are_shown(ipython):
    got = shown(ipython.lines("a = 6", "%px 6", "b = 7", "%px 7", "%px Out[2], _4"))
    assert got == ["Out[0-1:2]: 6", "Out[0-1:4]: 7", "Out[0-1:5]: (6, 7)"]


def test_clearing_leaves_ipython_at_work(ipython):
    """RESET, by the client's clear()."""
    code = ("import sys; sys.path.insert(0, sys.argv[1]); import tutti\n"
            "with tutti.Client() as rc:\n    view = rc[:]\n    view.push({'a': 1}).get(10)\n"
            "    view.execute('a').get(10)\n    rc.clear(block=True)\n"
            "    print(view.pull(\"'a' in globals()\").get(10))\n"
            "    print([str(r) for r in view.execute('%pwd', silent=False).get(10)])\n"
            "    print([str(r) for r in view.execute('Out', silent=False).get(10)])\n")
    package = pathlib.Path(ipython.tutti).parent.parent / "lib" / "tutti" / "python"
    got = subprocess.run(["/usr/bin/python3", "-c", code, package], env=ipython.env, cwd=ipython.work_dir,
                         capture_output=True, text=True, timeout=60)
    pwd = repr(str(ipython.work_dir))
    assert got.stdout.splitlines()[:2] == ["[False, False]", str([pwd, pwd])], got


def test_without_ipython_the_reason_is_told(cluster, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    python = tmp_path / "bare" / "bin" / "python"
    outcome = cluster.start(2, "--lang", "ipython", "--python", python, code=None)
    assert outcome.code != 0 and f"IPython is not installed for {python}" in outcome.stderr, outcome


def test_at_the_prompt(cluster):
    """The prompt's own lines are Python's; its engines are IPython's."""
    cluster.env["IPYTHONDIR"] = str(cluster.directory / "ipython")
    with Prompt(cluster, "-n", 2, "--lang", "ipython", "--python", "/usr/bin/python3") as prompt:
        assert prompt.value("6*7") == "42"
        assert prompt.run("%px %pwd")[-1].endswith(f"'{cluster.work_dir}'")
        prompt.enter("%px while True: pass")
        wait_until(lambda: all(e["running"] for e in cluster.engines().values()), 10, "busy")
        prompt.send(CTRL_C)
        prompt.wait_prompt(prompt.number + 1)
        assert prompt.run("%px 5")[-1].endswith(": 5")
        prompt.leave("s")
        assert prompt.wait_end() == 0
