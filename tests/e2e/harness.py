"""Real clusters for tests: each in its own directories, with nothing left at its end.

`Cluster` runs the program as a user would. Every wait has a deadline, scaled by TUTTI_TEST_SLOW;
nothing sleeps in place of a condition. At the end `finish` stops the cluster, looks for processes
that outlived it (by TUTTI_RUNTIME_DIR in their environment), and for reports of the sanitizers.

Tests take the fixture `cluster` and, where they need more, `from .harness import wait_until`: e2e
is a package, as tests/conformance has a module of this name too."""

import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup's must not be what is tested

ROOT = pathlib.Path(__file__).resolve().parents[2]
SLOW = float(os.environ.get("TUTTI_TEST_SLOW", "1"))
LEFT_S = 5  # seconds that a stopped cluster's processes have to be gone
SANITIZER_WORDS = ("AddressSanitizer", "LeakSanitizer", "runtime error:")
PLACES = ("VERSION", "PYTHON", "PKGLIBDIR", "PKGLIBEXECDIR")  # for what is compiled here: no matter
DROPPED = ("VIRTUAL_ENV", "CONDA_PREFIX", "TUTTI_LOG", "TUTTI_PROFILE", "TUTTI_VIEWER", "TMUX", "STY",
           "ZELLIJ", "TERM_PROGRAM", "LC_TERMINAL", "KITTY_WINDOW_ID", "DISPLAY", "WAYLAND_DISPLAY",
           "MPLBACKEND")  # and PYTHON..., COLUMNS

Outcome = collections.namedtuple("Outcome", "stdout stderr code")


def program():
    """The `tutti` under test: $TUTTI_BIN, else the installed one."""
    installed = pathlib.Path(os.environ.get("TUTTI_PREFIX", ROOT / "local")) / "bin" / "tutti"
    path = pathlib.Path(os.environ.get("TUTTI_BIN") or installed)
    assert os.access(path, os.X_OK), f"no program '{path}': set TUTTI_BIN, or ./bootstrap build"
    return str(path)


def environment(directory):
    """Ours without what would change a cluster, with the test's own directories."""
    env = {name: value for name, value in os.environ.items()
           if name not in DROPPED and not name.startswith(("PYTHON", "COLUMNS"))}
    return {**env, "TUTTI_RUNTIME_DIR": f"{directory}/r", "TUTTI_STATE_DIR": f"{directory}/s",
            "XDG_CONFIG_HOME": f"{directory}/c", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def wait_until(condition, deadline=10, what=None):
    """The first true value of `condition()`; after `deadline` seconds the test fails."""
    until = time.monotonic() + deadline * SLOW
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"not within {deadline} s: {what or condition}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def alive(pid):
    """Whether a process runs; a zombie does not, but one of whose threads some have yet to end: they
    hold its files, so also its locks."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_bytes()
        threads = len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return False
    return stat.rpartition(b") ")[2][:1] not in (b"Z", b"X") or threads > 1


def processes_with(setting):
    """{pid: command line} of live processes that have NAME=VALUE in their environment."""
    wanted, found = setting.encode(), {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            names = pathlib.Path(entry.path, "environ").read_bytes().split(b"\0")
            if wanted in names and alive(entry.name):
                line = pathlib.Path(entry.path, "cmdline").read_bytes()
                found[int(entry.name)] = line.replace(b"\0", b" ").decode(errors="replace")[:200]
        except OSError:
            continue  # it ended while we looked
    return found


def compiled(name, directory):
    """tests/e2e/NAME.c with our client library, compiled into `directory`: its path."""
    path = directory / name
    subprocess.run(["cc", "-std=c11", "-O1", "-g", "-D_GNU_SOURCE", "-iquote", "share",
                    *(f'-DTT_{place}="none"' for place in PLACES), "-o", path,
                    f"tests/e2e/{name}.c", *(ROOT / "share").glob("*.c"), "-lzmq", "-lsodium"],
                   cwd=ROOT, check=True, timeout=100)
    return path


class Process:
    """A command under way, its output in files, so that it never waits for the test to read."""

    def __init__(self, command, env, cwd, input=None):
        self.command = command
        self.files = [tempfile.TemporaryFile() for _ in range(3)]
        if input is not None:
            self.files[0].write(input.encode() if isinstance(input, str) else input)
            self.files[0].seek(0)
        self.popen = subprocess.Popen(command, env=env, cwd=cwd, start_new_session=True,
                                      stdin=self.files[0], stdout=self.files[1],
                                      stderr=self.files[2])
        self.pid = self.popen.pid

    def text(self, number):
        size = os.fstat(self.files[number].fileno()).st_size
        data = os.pread(self.files[number].fileno(), size, 0)
        return data.decode(errors="backslashreplace")

    @property
    def stdout(self):
        return self.text(1)

    @property
    def stderr(self):
        return self.text(2)

    def running(self):
        return self.popen.poll() is None

    def send(self, number=signal.SIGINT):
        """A signal to this process alone, as `kill` does."""
        self.popen.send_signal(number)

    def press(self, number=signal.SIGINT):
        """A signal to its whole process group, as Ctrl-C at a terminal does."""
        os.killpg(self.pid, number)

    def wait(self, timeout=20):
        """Its Outcome. When it has not ended by then it is killed and the test fails."""
        try:
            code = self.popen.wait(timeout * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.command} has not ended after {timeout} s; stdout:\n"
                                 f"{self.stdout}\nstderr:\n{self.stderr}") from None
        return Outcome(self.stdout, self.stderr, code)

    def kill(self):
        if self.running():
            self.popen.kill()
            self.popen.wait(10)


class Cluster:
    """One test's own directories and the clusters in them (mostly one, named default).

    directory    /tmp/tt-..., 0700, with r (runtime), s (state), w (the commands' directory)
    env          the commands' environment; a test may change it"""

    def __init__(self):
        self.tutti = program()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tt-", dir="/tmp"))
        self.runtime_dir, self.state_dir = self.directory / "r", self.directory / "s"
        self.work_dir = self.directory / "w"
        for path in (self.runtime_dir, self.state_dir, self.work_dir):
            path.mkdir(mode=0o700)
        self.env = environment(self.directory)
        self.before = []  # words in front of every command, such as prlimit ...
        self.started = []

    # ---- commands

    def popen(self, *args, input=None, env=None, cwd=None):
        """Starts `tutti ARGS`: a Process."""
        process = Process([*self.before, self.tutti, *map(str, args)], {**self.env, **(env or {})},
                          cwd or self.work_dir, input)
        self.started.append(process)
        return process

    def run(self, *args, input=None, timeout=20, env=None, cwd=None):
        """Runs `tutti ARGS` to its end: Outcome(stdout, stderr, code)."""
        return self.popen(*args, input=input, env=env, cwd=cwd).wait(timeout)

    def ok(self, *args, code=0, **more):
        """Runs `tutti ARGS`, which must end with `code`: its standard output."""
        outcome = self.run(*args, **more)
        assert outcome.code == code, f"tutti {args}: {outcome}"
        return outcome.stdout

    def start(self, n, *options, timeout=60, code=0, **more):
        """tutti start -n N OPTIONS; its Outcome. The code must be as given (None: any)."""
        outcome = self.run("start", "-n", n, *options, timeout=timeout, **more)
        assert code is None or outcome.code == code, f"start: {outcome}\n{self.logs()}"
        return outcome

    def px(self, *args, **more):
        """tutti px ARGS: its Outcome."""
        return self.run("px", *args, **more)

    def lines(self, *lines, code=0, **more):
        """tutti -c LINE -c LINE ...: its Outcome, which must have this code (None: any)."""
        args = [word for line in lines for word in ("-c", line)]
        outcome = self.run(*args, **more)
        assert code is None or outcome.code == code, f"{lines}: {outcome}"
        return outcome

    def script(self, text, *options, name="script.tutti", code=0, **more):
        """Writes `text` to a file and runs it: its Outcome."""
        path = self.file(name, text)
        outcome = self.run("run", *options, path, **more)
        assert code is None or outcome.code == code, f"{text}\n{outcome}"
        return outcome

    def json(self, *args, code=0, **more):
        """The JSON lines that a command prints."""
        return [json.loads(line) for line in self.ok(*args, code=code, **more).splitlines()]

    # ---- what there is

    def file(self, name, text=None):
        """A path in the commands' directory, written when there is a text."""
        path = self.work_dir / name
        if text is not None:
            path.write_text(text)
        return path

    def wait_file(self, name, deadline=10):
        """Waits until user code has made a file; its text."""
        path = self.work_dir / name
        wait_until(path.exists, deadline, f"file {name}")
        return path.read_text()

    def status(self, name="default"):
        """The status report (controller/report.c) as a dict."""
        return json.loads(self.ok("status", "--json", "--name", name))

    def engines(self, name="default"):
        """{id: engine} of the status report."""
        return {engine["id"]: engine for engine in self.status(name)["engines"]}

    def controller_pid(self, name="default"):
        return self.status(name)["controller"]["pid"]

    def host_pid(self, name="default"):
        """The first engine host's process (not the tiny parent)."""
        return self.status(name)["hosts"][0]["pid"]

    def engine_pids(self, name="default"):
        return {number: engine["pid"] for number, engine in self.engines(name).items()}

    def wait_state(self, state, ids=None, deadline=10):
        """Waits until engines (all, else these ids) are in a state: ready, lost, ...: them."""
        def there():
            engines = self.engines()
            wanted = ids if ids is not None else list(engines)
            return engines if all(engines.get(i, {}).get("state") == state for i in wanted) \
                else None
        return wait_until(there, deadline, f"engines {ids or 'all'} {state}")

    def processes(self):
        """{pid: command line} of everything that runs with our directory, commands included."""
        return processes_with(f"TUTTI_RUNTIME_DIR={self.runtime_dir}")

    def wait_gone(self, pids=None, deadline=5):
        """Waits until these processes (default: all of the cluster) have ended."""
        if pids is None:
            wait_until(lambda: not self.processes(), deadline, f"gone: {self.processes()}")
        else:
            wait_until(lambda: not any(map(alive, pids)), deadline, f"gone: {pids}")

    def logs(self):
        """All logs, each under its name."""
        texts = []
        for path in sorted(self.state_dir.rglob("*.log")):
            texts.append(f"--- {path.relative_to(self.state_dir)}\n"
                         f"{path.read_text(errors='backslashreplace')[-20000:]}")
        return "\n".join(texts)

    # ---- the end

    def stop(self, *options, timeout=25):
        return self.run("stop", *(options or ["--all"]), timeout=timeout)

    def complaints(self):
        """Ends everything; what a clean cluster would not have left, as texts."""
        found = []
        for process in self.started:
            process.kill()
        try:
            outcome = self.stop()
            if outcome.code != 0:
                found.append(f"tutti stop --all: {outcome}")
        except AssertionError as error:
            found.append(str(error))
        try:
            self.wait_gone(deadline=LEFT_S)
        except AssertionError:
            left = self.processes()
            found.append(f"processes left: {left}")
            for pid in left:
                end(pid)
        text = self.logs() + "".join(p.stderr for p in self.started)
        found += [f"sanitizer: {word} in\n{text}" for word in SANITIZER_WORDS if word in text]
        return found

    def finish(self, failed=False):
        """Ends everything and removes the directories; fails the test for what was left."""
        found = self.complaints()
        if failed or found:
            print(self.logs())
        shutil.rmtree(self.directory, ignore_errors=True)
        assert not found, "\n".join(found)


def end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
