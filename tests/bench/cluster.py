"""tutti's clusters, in directories of their own, and what is asked of them."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from programs import HERE, PYTHON, Failed, command
from rows import EACH, HOSTS
from terminal import Prompt

LEFT_S = 5  # that processes of a stopped cluster have to be gone
DROPPED = ("VIRTUAL_ENV", "CONDA_PREFIX", "TUTTI_LOG", "TUTTI_PROFILE", "COLUMNS", "INPUTRC")


def environment(tutti, directory):
    """Ours, with directories of the benchmark's own."""
    env = {name: value for name, value in os.environ.items()
           if name not in DROPPED and not name.startswith("PYTHON")}
    home = pathlib.Path(directory, "h")
    home.mkdir(exist_ok=True)
    env.update(TUTTI_RUNTIME_DIR=f"{directory}/r", TUTTI_STATE_DIR=f"{directory}/s",
               XDG_CONFIG_HOME=f"{directory}/c", HOME=str(home), TERM="xterm",
               PYTHONPATH=command([tutti, "--python-path"]).strip())
    return env


class Cluster:
    """The cluster that is up: one at a time."""

    def __init__(self, tutti, directory):
        self.tutti = tutti
        self.directory = directory
        self.env = environment(tutti, directory)

    def run(self, *args):
        """Runs tutti ARGS: its output and the milliseconds it took."""
        began = time.perf_counter()
        text = command([self.tutti, *map(str, args)], self.env)
        return text, (time.perf_counter() - began) * 1e3

    @contextlib.contextmanager
    def up(self, count, *options):
        """A cluster while the block runs; the value is the milliseconds until it was ready."""
        try:
            told, took = self.run("start", "-n", count, *options)
            if " is up: " not in told:
                raise Failed(f"tutti start: {told.strip()}")
            yield took
        finally:
            self.stop()

    @contextlib.contextmanager
    def many(self):
        """The same with mock engines on several hosts."""
        with self.up(0) as began_ms:
            took = began_ms + float(self.program("bench_hosts", HOSTS, EACH))
            hosts = len(self.status()["hosts"])
            if hosts != HOSTS:
                raise Failed(f"{hosts} hosts instead of {HOSTS}")
            yield took

    def stop(self):
        """No cluster is left, also when it does not stop as it should, which fails."""
        try:
            self.run("stop", "--all")
        except Failed:
            end_leftovers(self.directory)
            raise

    def status(self):
        text = self.run("status", "--json")[0]
        try:
            return json.loads(text)
        except ValueError:
            raise Failed(f"tutti status --json prints {text[:80]!r}") from None

    def pids(self):
        """{"controller": [pid], "host": [pid, ...], "engine": [pid, ...]}"""
        status = self.status()
        return {"controller": [status["controller"]["pid"]],
                "host": [host["pid"] for host in status["hosts"]],
                "engine": [engine["pid"] for engine in status["engines"]]}

    def program(self, name, *args):
        """The output of a program in C that is a client."""
        return command([self.directory / name, "default", *map(str, args)], self.env)

    def px(self, case, count):
        return float(self.program("bench_px", case, count))

    @contextlib.contextmanager
    def px_steps(self, count):
        """bench_px steps: the block gets its process, which waits for a line at each step."""
        process = subprocess.Popen([self.directory / "bench_px", "default", "steps", str(count)],
                                   env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def python(self, case, *args):
        """What bench_python.py tells: a number, or a list of them."""
        return json.loads(command([PYTHON, HERE / "bench_python.py", case, *map(str, args)],
                                  self.env))

    def prompt(self):
        return Prompt(self.tutti, self.env)


def leftovers(directory):
    """Processes that were started with our runtime directory; a controller may just be starting."""
    setting = f"TUTTI_RUNTIME_DIR={directory}/r".encode()
    for entry in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            if setting in entry.read_bytes().split(b"\0"):
                yield int(entry.parent.name)
        except OSError:
            continue  # it ended meanwhile


def end_leftovers(directory):
    """Kills them, also those that one of them starts meanwhile."""
    until = time.monotonic() + LEFT_S
    while time.monotonic() < until and (left := list(leftovers(directory))):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def clean_up(cluster):
    """Whatever happened: no cluster, no process and no directory is left. The reason, where the
    cluster could not be stopped as usual."""
    try:
        cluster.stop()
        return None
    except Failed as error:
        return str(error)
    finally:
        end_leftovers(cluster.directory)
        shutil.rmtree(cluster.directory, ignore_errors=True)
