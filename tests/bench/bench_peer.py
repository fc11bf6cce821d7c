#!/usr/bin/python3
"""What a peer does on a cluster of its own: bench_peer.py ipyparallel|dask ENGINES BEGAN CASES, in
an environment of its own (peers.py). BEGAN is when this process was started (time.monotonic), CASES
a list of [key, case, argument] in JSON. Prints {"key", "value"} or {"key", "error"} for each.

The work is that of bench_python.py, for ipyparallel by the same functions."""

import json
import os
import sys
import time

import bench_python
from memory import median_memory


class Ipyparallel:
    """As tests/bench/bench_python.py drives tutti, by the same names."""

    def __init__(self, engines):
        import ipyparallel

        self.engines = engines
        self.cluster = ipyparallel.Cluster(n=engines, log_level=40)
        self.rc = self.cluster.start_and_connect_sync()
        self.rc[:].apply_sync(bench_python.nothing)

    def pids(self):
        return self.rc[:].apply_sync(os.getpid)

    def measure(self, case, argument):
        more = [self.engines] if case == "push" else []
        value = bench_python.CASES[case](self.rc, argument, *more)
        self.rc.purge_everything()
        return value

    def stop(self):
        self.rc.close()
        self.cluster.stop_cluster_sync()


class Dask:
    """Workers are processes with one thread each; the scheduler is in this process."""

    def __init__(self, engines):
        import distributed

        self.cluster = distributed.LocalCluster(
            n_workers=engines, threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address=None, local_directory=os.environ["TMPDIR"], silence_logs=50)
        self.client = distributed.Client(self.cluster)
        self.client.wait_for_workers(engines)
        self.client.run(bench_python.nothing)
        self.cases = {"one": self.one, "all": self.all, "tasks": self.tasks, "map": self.map,
                      "push": self.push, "wordcount": self.wordcount}

    def pids(self):
        return list(self.client.run(os.getpid).values())

    def measure(self, case, argument):
        return self.cases[case](argument)

    def one(self, count):
        worker = sorted(self.client.scheduler_info()["workers"])[0]
        return bench_python.timed_each(
            lambda: self.client.run(bench_python.nothing, workers=[worker]), count) * 1e6

    def all(self, count):
        return bench_python.timed_each(lambda: self.client.run(bench_python.nothing), count) * 1e6

    def tasks(self, count):
        return bench_python.rate(lambda: self.client.submit(bench_python.nothing, pure=False),
                                 lambda future: future.result(), count)

    def mapper(self, function, items):
        return self.client.gather(self.client.map(function, items, pure=False))

    def map(self, count):
        began = time.perf_counter()
        assert len(self.mapper(bench_python.nothing, range(count))) == count
        return count / (time.perf_counter() - began)

    def push(self, size):
        """It counts when all workers have the value. The memory manager would take copies away."""
        self.client.amm.stop()
        workers = len(self.client.scheduler_info()["workers"])
        value = bench_python.array(size)
        kept = []

        def scatter():
            kept.append(self.client.scatter(value, broadcast=True, hash=False))
            assert len(self.client.who_has(kept[-1])[kept[-1].key]) == workers

        return bench_python.timed_each(scatter, bench_python.ROUNDS, kept.clear) * 1e3

    def wordcount(self, folder):
        return bench_python.against_serial(folder, self.mapper)

    def stop(self):
        self.client.close()
        self.cluster.close()


PEERS = {"ipyparallel": Ipyparallel, "dask": Dask}


def tell(key, **what):
    print(json.dumps({"key": key, **what}), flush=True)


def settled_memory(peer):
    """Of its workers, when they have loaded what they load: when it stays for half a second."""
    until, found = time.monotonic() + 10, None
    while time.monotonic() < until and (now := median_memory(peer.pids())) != found:
        found = now
        time.sleep(0.5)
    return found


def measured(peer, key, case, argument, idle, start_ms):
    if key.startswith("start"):
        return start_ms
    if key.startswith("engine_"):
        return idle[key.removeprefix("engine_")]
    value = peer.measure(case, argument)
    return value[0] if isinstance(value, list) else value


def main():
    name, engines, began, cases = sys.argv[1:]
    peer = PEERS[name](int(engines))
    start_ms = (time.monotonic() - float(began)) * 1e3
    try:
        idle = settled_memory(peer)
        for key, case, argument in json.loads(cases):
            try:
                tell(key, value=measured(peer, key, case, argument, idle, start_ms))
            except Exception as error:  # whatever a peer raises
                tell(key, error=f"{type(error).__name__}: {error}")
    finally:
        peer.stop()


if __name__ == "__main__":
    main()
