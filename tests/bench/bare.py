"""The bare things beside tutti: hops of ZeroMQ, processes that start, memfds, Python alone."""

import os
import subprocess
import time

from memory import median_memory
from programs import PYTHON, command
from rows import ENGINES


class Bare:
    def __init__(self, directory, counts):
        self.directory = directory
        self.counts = counts

    def raw(self, case, width=ENGINES, count=None):
        """What bench_raw prints."""
        count = count or self.counts.get(case, 1000)
        return float(command([self.directory / "bench_raw", self.directory, case, str(count),
                              str(width)]))

    def memfd(self, case, size, processes):
        """Milliseconds for a memfd of so many bytes."""
        return float(command([self.directory / "bench_memfd", case, str(size), str(processes)]))

    def start(self, count, program=(PYTHON, "-c", "pass")):
        """Milliseconds for so many processes, started at once, until all have ended."""
        began = time.perf_counter()
        pids = [os.posix_spawn(program[0], program, os.environ) for _ in range(count)]
        for pid in pids:
            os.waitpid(pid, 0)
        return (time.perf_counter() - began) * 1e3

    def pipe(self, code):
        """Milliseconds of a Python whose output goes through a pipe."""
        began = time.perf_counter()
        command(["/bin/sh", "-c", f"'{PYTHON}' -c \"$1\" | cat >/dev/null", "sh", code])
        return (time.perf_counter() - began) * 1e3

    def idle(self):
        """Memory of bare interpreters that wait for input: the PSS divides what they share."""
        started = [subprocess.Popen([PYTHON, "-c", "print(flush=True); input()"], text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                   for _ in range(ENGINES)]
        try:
            for process in started:
                process.stdout.readline()
            return median_memory(process.pid for process in started)
        finally:
            for process in started:
                process.kill()
                process.communicate()
