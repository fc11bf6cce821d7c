#!/usr/bin/python3
"""What the Python client does: bench_python.py CASE ARGUMENT..., in a cluster's environment. Prints
a number, or a list of numbers. ipyparallel is measured by the same functions (bench_peer.py).

one, all COUNT         microseconds of an empty execute on one engine, on all
tasks COUNT            balanced calls a second, each its own task, a window of 1,000
map COUNT              items of a map a second
push BYTES ENGINES     milliseconds for an array to so many engines
pull BYTES             milliseconds for an array from one
passes BYTES PID ...   pushes an array to one engine and pulls it back: the MiB that this process
                       grew at most by the push, and those that the PIDs grew at most by both
balance SEED           milliseconds for 100 sleeping tasks, and those of the best possible finish
wordcount FOLDER       milliseconds for the words of its files, by the engines and here
pool COUNT             items a second of multiprocessing.Pool, chunksize 1, two processes"""

import collections
import heapq
import json
import os
import random
import statistics
import sys
import time

WINDOW = 1000
ROUNDS = 3
MIB, GIB = 1 << 20, 1 << 30


def nothing(x=None):
    return x


def count_words(paths):
    """How often each word occurs in these files, as examples/wordcount.py counts."""
    import collections

    letters = bytes(c if c > 127 or chr(c).isalpha() else 32 for c in bytes(range(256)).lower())
    counts = collections.Counter()
    for path in paths:
        with open(path, "rb") as file:
            counts.update(file.read().translate(letters).split())
    return counts


def timed_each(call, count, between=None):
    """The median of the seconds that a call takes."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
        if between:
            between()
    return statistics.median(times)


def array(size):
    import numpy

    return numpy.ones(int(size), numpy.uint8)


# ---- a client with ipyparallel's names

def one(rc, count):
    return round_trip(rc[rc.ids[0]], count)


def all_engines(rc, count):
    return round_trip(rc[:], count)


def round_trip(view, count):
    timed_each(lambda: view.execute("", block=True), min(100, count))
    return timed_each(lambda: view.execute("", block=True), count) * 1e6


def in_window(submit, finish, count):
    """So many tasks, at most 1,000 of them under way."""
    under_way = collections.deque()
    for _ in range(count):
        under_way.append(submit())
        if len(under_way) == WINDOW:
            finish(under_way.popleft())
    while under_way:
        finish(under_way.popleft())


def rate(submit, finish, count):
    in_window(submit, finish, min(WINDOW, count))
    began = time.perf_counter()
    in_window(submit, finish, count)
    return count / (time.perf_counter() - began)


def tasks(rc, count):
    view = rc.load_balanced_view()
    return rate(lambda: view.apply_async(nothing), lambda result: result.get(), count)


def mapped(rc, count):
    view = rc.load_balanced_view()
    view.map_sync(nothing, range(min(WINDOW, count)))
    began = time.perf_counter()
    assert len(view.map_sync(nothing, range(count))) == count
    return count / (time.perf_counter() - began)


def repeats(size):
    return 200 if size < MIB else 1 if size >= GIB else ROUNDS


def push(rc, size, engines):
    view, value = rc[rc.ids[:engines]], array(size)
    return timed_each(lambda: view.push({"a": value}, block=True), repeats(size),
                      lambda: view.execute("del a", block=True)) * 1e3


def pull(rc, size):
    view = rc[rc.ids[0]]
    view.push({"a": array(size)}, block=True)
    took = timed_each(lambda: view.pull("a", block=True), repeats(size)) * 1e3
    view.execute("del a", block=True)
    return took


def passes(rc, size, *pids):
    from memory import watch

    view, value = rc[rc.ids[0]], array(size)
    view.push({"a": array(MIB)}, block=True)
    ours, theirs = watch(os.getpid()), [watch(pid) for pid in pids]
    view.push({"a": value}, block=True)
    grown = ours()
    assert len(view.pull("a", block=True)) == size
    return [grown, *(each() for each in theirs)]


def best_finish(times, engines):
    """When so many engines can have done it: the longest first, each to who is free first, unless
    that is better than all working to the end."""
    free = [0.0] * engines
    for duration in sorted(times, reverse=True):
        heapq.heapreplace(free, free[0] + duration)
    return max(max(free), sum(times) / engines, max(times))


def balance(rc, seed):
    times = [0.010 + 0.190 * number / 99 for number in range(100)]
    random.Random(seed).shuffle(times)
    view = rc.load_balanced_view()
    tasks(rc, len(rc.ids))
    began = time.perf_counter()
    for result in [view.apply_async(time.sleep, duration) for duration in times]:
        result.get()
    return [(time.perf_counter() - began) * 1e3, best_finish(times, len(rc.ids)) * 1e3]


def against_serial(folder, mapper):
    """Milliseconds of counting the words of a folder by `mapper(function, parts)`, and alone."""
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    together, alone = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        counted = sum(mapper(count_words, [paths[0::2], paths[1::2]]), collections.Counter())
        together.append(time.perf_counter() - began)
        began = time.perf_counter()
        expected = count_words(paths)
        alone.append(time.perf_counter() - began)
        assert counted == expected
    return [statistics.median(together) * 1e3, statistics.median(alone) * 1e3]


def wordcount(rc, folder):
    return against_serial(folder, rc.load_balanced_view().map_sync)


CASES = {"one": one, "all": all_engines, "tasks": tasks, "map": mapped, "push": push, "pull": pull,
         "passes": passes, "balance": balance, "wordcount": wordcount}


def pool(count):
    import multiprocessing

    with multiprocessing.Pool(2) as workers:
        workers.map(nothing, range(1000), chunksize=1)
        began = time.perf_counter()
        workers.map(nothing, range(count), chunksize=1)
        return count / (time.perf_counter() - began)


def main():
    case, *args = sys.argv[1:]
    args = [int(word) if word.isdigit() else word for word in args]
    if case == "pool":
        return pool(*args)
    import tutti

    with tutti.Client() as rc:
        return CASES[case](rc, *args)


if __name__ == "__main__":
    print(json.dumps(main()), flush=True)
    os._exit(0)  # what is measured has ended
