#!/usr/bin/python3
"""What the Python client does: bench_python.py CASE COUNT, in a cluster's environment.

one, all    microseconds of an empty execute on one engine, on all
tasks       balanced calls a second, each its own task, a window of 1,000
map         items of a map a second
push, pull  milliseconds for an array of COUNT MB to all engines, from one
pool        items a second of multiprocessing.Pool, chunksize 1, two processes: no cluster"""

import collections
import os
import statistics
import sys
import time


def nothing(x=None):
    return x


def timed(call, count):
    times = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def tasks(view, count):
    under_way = collections.deque()
    for _ in range(count):
        under_way.append(view.apply_async(nothing))
        if len(under_way) == 1000:
            under_way.popleft().get()
    while under_way:
        under_way.popleft().get()


def pool(count):
    import multiprocessing

    with multiprocessing.Pool(2) as workers:
        workers.map(nothing, range(1000), chunksize=1)
        began = time.perf_counter()
        workers.map(nothing, range(count), chunksize=1)
        return count / (time.perf_counter() - began)


def of_cluster(case, count):
    import tutti as ipp

    with ipp.Client() as rc:
        if case in ("one", "all"):
            view = rc[0] if case == "one" else rc[:]
            timed(lambda: view.execute("", block=True), 100)
            return timed(lambda: view.execute("", block=True), count) * 1e6
        if case in ("tasks", "map"):
            view = rc.load_balanced_view()
            tasks(view, 1000)
            began = time.perf_counter()
            if case == "tasks":
                tasks(view, count)
            else:
                assert len(view.map_sync(nothing, range(count))) == count
            return count / (time.perf_counter() - began)
        import numpy

        array = numpy.ones(count * 1000000, numpy.uint8)
        if case == "push":
            return timed(lambda: rc[:].push({"a": array}, block=True), 3) * 1e3
        rc[0].push({"a": array}, block=True)
        return timed(lambda: rc[0].pull("a", block=True), 3) * 1e3


def main():
    case, count = sys.argv[1], int(sys.argv[2])
    print(pool(count) if case == "pool" else of_cluster(case, count))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # what is measured has ended
