"""User code may do to its process what it likes: the engine goes on, or ends and comes back, soon;
its neighbour notices nothing; interrupts and output work as far as the code lets them."""

import json
import pathlib
import signal

import pytest

from .harness import Cluster, wait_until
from .peer import Peer

LOST, ERROR, OK = "lost", "error", "ok"  # several: any of them

# What code does, and how its task ends. In all cases the engine then works.
CORPUS = {
    # descriptors
    "import os; os.closerange(3, 100)": LOST,
    "import os; os.closerange(0, 100)": LOST,
    "import os; os.closerange(0, 3)": OK,
    "import os\nnull = os.open('/dev/null', os.O_RDWR)\nfor i in range(3): os.dup2(null, i)": OK,
    "import os; os.close(1); os.close(2); open('a', 'w'); open('b', 'w');": OK,
    "import os; os.close(1); print('x')": ERROR,
    "import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'nonsense' * 100)\n"
    "    except OSError: pass": LOST,
    "import socket\nfor fd in range(3, 20):\n"
    "    try: socket.socket(fileno=fd).setblocking(False)\n    except OSError: pass": LOST,
    "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))": OK,
    # standard streams
    "import sys; sys.stdout.close()": OK,
    "import sys; sys.stderr.close(); sys.stdout.close()": OK,
    "import io, sys; sys.stdout = io.StringIO(); sys.stderr = None": OK,
    "import sys; sys.stdout = 5; sys.stderr = object()": OK,
    "import sys\nclass X:\n    def write(self, x): raise OSError\n"
    "    def flush(self): raise OSError\nsys.stdout = sys.stderr = X()": OK,
    "import os; os.set_blocking(1, False); print('x' * 1_000_000)": (OK, ERROR),
    # ends of all kinds
    "exit()": ERROR, "raise SystemExit('why')": ERROR, "import sys; sys.exit(5)": ERROR,
    "raise KeyboardInterrupt": "interrupted", "raise GeneratorExit": ERROR,
    "class B(BaseException): pass\nraise B": ERROR,
    "class R:\n    def __repr__(self): raise SystemExit(4)\nR()": ERROR,
    "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E": ERROR,
    "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\nexit()":
        ERROR,
    "import threading, os, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n"
    "os.closerange(3, 100)": LOST,
    "import atexit, time; atexit.register(time.sleep, 1000); exit()": ERROR,
    "import os; os.execv('/bin/true', ['true'])": LOST,
    "import os; os.execv('/bin/sleep', ['sleep', '1000'])": LOST,
    "import os, signal; os.killpg(0, signal.SIGTERM)": LOST,
    "import faulthandler, ctypes; faulthandler.enable(); ctypes.string_at(0)": LOST,
    "import faulthandler, time; faulthandler.dump_traceback_later(0.1, exit=True); "
    "time.sleep(1000)": LOST,
    "import signal, time; signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(1000)": LOST,
    "import sys; sys.setrecursionlimit(10**6)\nimport ctypes\n"
    "def f(*_): return sorted([0, 1], key=f)\nf()": LOST,
    # threads
    "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()": OK,
    "import threading\ndef f():\n    while True: pass\n"
    "threading.Thread(target=f, daemon=True).start()": OK,
    "import sys, threading; t = threading.Thread(target=sys.exit); t.start(); t.join()": OK,
    "import threading; t = threading.Thread(target=lambda: 1/0); t.start(); t.join()": OK,
    # children
    "import os\nif os.fork(): os.wait();": OK,
    "import os, sys\nif os.fork() == 0: sys.exit(3)\nos.wait();": OK,
    "import os\nif os.fork() == 0: 1/0\nos.wait();": OK,
    "import os, time\nif os.fork() == 0: time.sleep(1000)": OK,
    "import os\nif os.fork() == 0: os.execvp('sleep', ['sleep', '1000'])": OK,
    "import multiprocessing as m, time; m.Process(target=time.sleep, args=(1000,)).start()": OK,
    "import signal, subprocess; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
    "subprocess.run(['true']);": OK,
    "import resource; resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))": OK,
    # signals
    "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65));": OK,
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN);": OK,
    "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL);": OK,
    "import signal; signal.signal(signal.SIGINT, lambda *_: 1/0);": OK,
    # the interpreter itself
    "import sys; sys.setrecursionlimit(50)\ndef f(): f()\nf()": ERROR,
    "import sys; sys.setrecursionlimit(10**5)\ndef f(): f()\nf()": ERROR,
    "x = []\nfor _ in range(10**6): x = [x]\nrepr(x)": ERROR,
    "x = []\nfor _ in range(10**6): x = [x]\nx": OK,
    "bytearray(1 << 62)": ERROR, "'x' * 200_000_000": OK, "10**100000": OK,
    "class R:\n    def __repr__(self): return 5\nR()": OK,
    "import sys; sys.modules.clear()": OK,
    "import sys; sys.path.clear(); sys.meta_path.clear()": OK,
    "import sys; sys.modules['__main__'] = None": OK, "globals().clear()": OK,
    "import sys; sys.excepthook = sys.displayhook = None": OK,
    "import sys; sys.settrace(lambda *_: 1/0)": ERROR,
    "import sys\ndef p(*_): raise ValueError\nsys.setprofile(p)": ERROR,
    "import gc; gc.set_threshold(1); gc.collect()": OK,
    "import os, tempfile; d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)": OK,
    "import resource; resource.setrlimit(resource.RLIMIT_AS, (600 << 20, -1)); bytearray(10**9)":
        ERROR,
}

# After this an engine is of no use: %restart is for it.
HOPELESS = [
    "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "import builtins; del builtins.len, builtins.compile, builtins.isinstance",
    "import ctypes\nfor line in open('/proc/self/maps'):\n    if 'tutti-page' in line:\n"
    "        ctypes.memset(int(line.split('-')[0], 16), 255, 192)",
]


@pytest.fixture(scope="module")
def pair():
    """A cluster of two engines for all of the corpus."""
    one = Cluster()
    try:
        one.start(2)
        yield one
    finally:
        one.finish()


@pytest.fixture
def fresh(pair):
    """The pair with fresh engines."""
    pair.lines("%restart", timeout=30)
    pair.ok("px", "-t", "1", "kept = 1")
    return pair


@pytest.mark.parametrize("code", CORPUS)
def test_an_engine_works_after(fresh, code):
    got = json.loads(fresh.px("--json", "-t", "0", code, timeout=15).stdout)
    assert got["status"] in CORPUS[code], got
    [after] = fresh.json("px", "--json", "-t", "0", "6 * 7", timeout=10)
    assert (after["status"], after["repr"]) == ("ok", "42"), after
    assert fresh.ok("px", "-t", "1", "kept") == "Out[1:1]: 1\n"


@pytest.mark.parametrize("code", HOPELESS)
def test_restart_helps_after(fresh, code):
    process = fresh.popen("px", "-t", "0", code + "\nopen('done', 'w')")
    assert fresh.ok("px", "-t", "1", "kept") == "Out[1:1]: 1\n"
    if "len" not in code:
        wait_until(lambda: fresh.engines()[0]["running"])
    else:
        process.wait()
    fresh.lines("%restart 0", timeout=30)
    process.wait()
    assert fresh.ok("px", "6*7") == "Out[0-1:1]: 42\n"
    assert fresh.ok("px", "-t", "1", "kept") == "Out[1:1]: 1\n"


@pytest.mark.parametrize("context", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works(fresh, context):
    code = f"import multiprocessing as m\nwith m.get_context('{context}').Pool(2) as p:\n" \
           "    r = p.map(abs, range(-5, 0))\nr"
    assert fresh.ok("px", "-t", "0", code) == "Out[0:1]: [5, 4, 3, 2, 1]\n"


def test_a_forked_child_that_goes_on_answers_for_nobody(fresh):
    code = "import os\nchild = os.fork()\nprint('both', flush=True)\n" \
           "if child: os.waitpid(child, 0)\n'parent' if child else 'child'"
    got = fresh.ok("px", "-t", "0", code)
    assert got == "[0] both\n[0] both\nOut[0:1]: 'parent'\n"
    assert fresh.ok("px", "6*7") == "Out[0-1:1]: 42\n"


# ---- interrupts that code does its best against

def interrupted(cluster, code, *options):
    """A `tutti px` that waits for `code`, which has made the file "runs" and goes on for ever."""
    cluster.file("runs").unlink(missing_ok=True)
    process = cluster.popen("px", "-t", "0", *options, f"{code}\nopen('runs', 'w').close()\n"
                                                       "while True: pass")
    cluster.wait_file("runs")
    return process


IGNORES = ["import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)",
           "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])"]


@pytest.mark.parametrize("code", IGNORES)
def test_code_that_ignores_interrupts_runs_on_until_a_restart(fresh, code):
    """The first Ctrl-C asks; the second lets the command end and the task go on; then only
    %restart (or SIGKILL) ends it. A --timeout cannot end it either."""
    process = interrupted(fresh, code, "--timeout", "0.1s")
    wait_until(lambda: not process.running() or process.send(signal.SIGINT))
    outcome = process.wait(10)
    assert outcome.code == 1 and "goes on in the background" in outcome.stderr, outcome
    fresh.lines("%restart 0", timeout=30)
    assert fresh.ok("px", "6*7") == "Out[0-1:1]: 42\n"


def test_code_that_restores_the_default_action_ends_its_engine(fresh):
    process = interrupted(fresh, "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)")
    process.send(signal.SIGINT)
    outcome = process.wait(10)
    assert outcome.code == 1 and "lost: killed by SIGINT" in outcome.stderr, outcome
    assert fresh.ok("px", "6*7") == "Out[0-1:1]: 42\n"


def test_a_blocked_interrupt_does_not_meet_the_next_task(fresh):
    """The signal waits in the process; it was for that task, and must not be for another."""
    block = "import os, signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n" \
            "open('blocked', 'w').close()\n" \
            "while not signal.sigpending(): time.sleep(0.001)\n'not met'"
    process = fresh.popen("px", "-t", "0", block)
    fresh.wait_file("blocked")
    process.send(signal.SIGINT)
    assert process.wait(10).stdout == "Out[0:1]: 'not met'\n"
    unblock = "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])\n'not met either'"
    assert fresh.ok("px", "-t", "0", unblock) == "Out[0:1]: 'not met either'\n"


# ---- output without end

@pytest.mark.parametrize("code, stream", [
    ("while True: print('x' * 999)", "stdout"),
    ("import os\nwhile True: os.write(2, b'x' * 100_000)", "stderr"),
    ("import subprocess; subprocess.run(['yes'])", "stdout")])
@pytest.mark.deadline(90)
def test_output_without_end_is_cut_with_a_count(fresh, code, stream):
    process = fresh.popen("px", "--json", "-t", "0", code)
    with Peer(fresh) as peer:
        wait_until(lambda: peer.sync()["controller"]["tasks"] == 1)
        # More than is kept: the engine's process has written it.
        pid = peer.sync()["engines"][0]["pid"]
        wait_until(lambda: written(pid) > 30 << 20, 20)
    process.send(signal.SIGINT)
    outcome = process.wait(60)
    assert outcome.code == 1
    assert 15 << 20 < len(outcome.stdout) < 50 << 20
    dropped = int(outcome.stdout.partition('"dropped_bytes":')[2].partition(",")[0])
    assert dropped > 1 << 20
    assert fresh.ok("px", "6*7") == "Out[0-1:1]: 42\n"


def written(pid):
    """Bytes that a process and its children have written."""
    total = 0
    for path in [pathlib.Path(f"/proc/{pid}"),
                 *(pathlib.Path(f"/proc/{child}") for child in children(pid))]:
        try:
            total += int((path / "io").read_text().partition("wchar: ")[2].split()[0])
        except OSError:
            continue
    return total


def children(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
