"""What is measured together, on one cluster: each function measures those of its rows that are
wanted. `Bench` is one run: what it measures with, and what came of it."""

import random
import sys

from bare import Bare
from cluster import Cluster
from memory import median_memory, memory, watch
from programs import PYTHON, Failed, command
from rows import EACH, ENGINES, HOSTS, ROWS, Samples
from terminal import python_prompt

MB100, GIB = 100_000_000, 1 << 30
FLOOD = "import sys\nfor i in range(100): sys.stdout.write(('x' * 99 + chr(10)) * 10000)"
WORDS = "/usr/share/common-licenses/GPL-3"


def tell_failed(what, error):
    """In one line, whatever the error says."""
    print(f"bench: failed: {what}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)


class Bench:
    def __init__(self, tutti, directory, counts, wanted):
        self.directory = directory
        self.counts = counts
        self.wanted = set(wanted)  # keys of rows that are measured yet
        self.failed = set()
        self.round = 0
        self.cluster = Cluster(tutti, directory)
        self.bare = Bare(directory, counts)
        self.samples = Samples()

    def fail(self, keys, error):
        """These rows are left out from now on."""
        tell_failed(", ".join(sorted(keys)), error)
        self.failed |= keys
        self.wanted -= keys

    def fail_peer(self, peer, keys, error):
        tell_failed(f"{peer}: {', '.join(sorted(keys))}", error)
        self.failed |= {(peer, key) for key in keys}

    def wants(self, *keys):
        return bool(self.wanted & set(keys))

    def measure(self, key, ours, bare=None):
        """One more value of a row, and of what stands beside it."""
        if not self.wants(key):
            return
        try:
            self.samples.add("tutti", key, ours())
            if bare:
                self.samples.add("bare", key, bare())
        except (Failed, OSError, ValueError) as error:
            self.fail({key}, error)

    def measure_pair(self, key, both):
        """The same where one call measures both."""
        if self.wants(key):
            ours, bare = both()
            self.measure(key, lambda: ours, lambda: bare)

    def measure_all(self, values, bare=None):
        """Values that were measured together, by key."""
        for key, value in values.items():
            self.measure(key, lambda value=value: value,
                         (lambda key=key: bare[key]) if bare and key in bare else None)


def round_trips(bench):
    cluster, raw, counts = bench.cluster, bench.bare.raw, bench.counts
    with cluster.up(ENGINES):
        for case in "one", "all":
            bench.measure(case, lambda: cluster.px(case, counts[case]), lambda: raw(case))
            bench.measure(f"py_{case}", lambda: cluster.python(case, counts[case]),
                          lambda: raw(case))
        if bench.wants("prompt_one", "prompt_all"):
            with cluster.prompt() as prompt:
                for case, line in ("one", "%px -t 0 pass"), ("all", "%px pass"):
                    bench.measure(f"prompt_{case}",
                                  lambda: prompt.typical(line, counts["prompt"]) * 1e3,
                                  lambda: raw(case))


def tasks(bench):
    cluster, raw, counts = bench.cluster, bench.bare.raw, bench.counts
    with cluster.up(2):
        bench.measure("tasks", lambda: cluster.px("tasks", counts["tasks"]), lambda: raw("tasks"))
        bench.measure("py_tasks", lambda: cluster.python("tasks", counts["tasks"]),
                      lambda: raw("tasks"))
        bench.measure("py_map", lambda: cluster.python("map", counts["map"]),
                      lambda: cluster.python("pool", counts["pool"]))
        bench.measure("chains", lambda: cluster.px("chains", 10000), lambda: raw("tasks"))


def mock(bench):
    cluster, raw, counts = bench.cluster, bench.bare.raw, bench.counts
    with cluster.up(ENGINES, "--lang", "mock"):
        for case in "one", "tasks":
            bench.measure(f"mock_{case}", lambda: cluster.px(case, counts[case]),
                          lambda: raw(case))


def start(bench):
    def ready(count, *options):
        with bench.cluster.up(count, *options) as took:
            return took

    importing = PYTHON, "-c", "import numpy"
    for count in 2, 8, 64:
        bench.measure(f"start_{count}", lambda: ready(count), lambda: bench.bare.start(count))
        bench.measure(f"start_{count}_numpy", lambda: ready(count, "--preload", "numpy"),
                      lambda: bench.bare.start(count, importing))


def prompt(bench):
    def until_there():
        with bench.cluster.prompt() as there:
            return there.took_ms

    with bench.cluster.up(ENGINES):
        bench.measure("prompt", until_there,
                      lambda: python_prompt(PYTHON, bench.cluster.env))


def values(bench):
    python, memfd = bench.cluster.python, bench.bare.memfd
    with bench.cluster.up(ENGINES):
        bench.measure("push_kib", lambda: python("push", 1024, 1) * 1e3,
                      lambda: bench.bare.raw("one"))
        for key, engines in ("push_1", 1), ("push_2", 2), ("push", ENGINES):
            bench.measure(key, lambda: python("push", MB100, engines),
                          lambda: memfd("push", MB100, engines))
        bench.measure("pull", lambda: python("pull", MB100), lambda: memfd("pull", MB100, 1))


def check_spare(gib):
    """Big values need memory; a machine that swaps measures nothing, one without it kills."""
    with open("/proc/meminfo") as file:
        spare = next(int(line.split()[1]) >> 20 for line in file if line.startswith("MemAvailable"))
    if spare < gib:
        raise Failed(f"{gib} GiB of memory are needed, {spare} are available")


def big_values(bench):
    python, memfd = bench.cluster.python, bench.bare.memfd
    check_spare(ENGINES + 4)
    with bench.cluster.up(ENGINES):
        for key, engines in ("gib_1", 1), ("gib_2", 2), ("gib", ENGINES):
            bench.measure(key, lambda: python("push", GIB, engines),
                          lambda: memfd("push", GIB, engines))
        bench.measure("gib_pull", lambda: python("pull", GIB), lambda: memfd("pull", GIB, 1))


def passes(bench):
    check_spare(5)
    with bench.cluster.up(1):
        pids = bench.cluster.pids()
        grown = bench.cluster.python("passes", GIB, *pids["controller"], *pids["host"])
        bench.measure_all(dict(zip(("passes_client", "passes_controller", "passes_host"), grown)))


def flood(bench):
    with bench.cluster.up(2):
        pids = bench.cluster.pids()
        grown = {f"flood_{who}": watch(pids[who][0]) for who in ("controller", "host")}
        took = bench.cluster.run("px", "-t", 0, FLOOD)[1]
        bench.measure("flood", lambda: took, lambda: bench.bare.pipe(FLOOD))
        bench.measure_all({key: each() for key, each in grown.items()})


def fold(bench):
    def run(*words):
        return float(command([bench.directory / "bench_fold", "10000", *words]))

    bench.measure("fold", run, lambda: run("sort"))


def balance(bench):
    with bench.cluster.up(4):
        bench.measure_pair("balance", lambda: bench.cluster.python("balance", bench.round))


def make_texts(folder, size=5_000_000, count=10):
    """Files of words, the same ones each time."""
    with open(WORDS) as file:
        words = file.read().split()
    folder.mkdir()
    drawn = random.Random(5)
    for number in range(count):
        text = ""
        while len(text) < size // count:
            text += " ".join(drawn.choices(words, k=2000)) + "\n"
        (folder / f"part{number}.txt").write_text(text[:size // count])


def texts(bench):
    folder = bench.directory / "texts"
    if not folder.exists():
        make_texts(folder)
    return folder


def wordcount(bench):
    folder = texts(bench)
    with bench.cluster.up(2):
        bench.measure_pair("wordcount", lambda: bench.cluster.python("wordcount", folder))


def many(bench):
    cluster, engines = bench.cluster, HOSTS * EACH
    with cluster.many() as took:
        bench.measure("many_start", lambda: took,
                      lambda: bench.bare.start(engines, ("/bin/true",)))
        bench.measure("many_px", lambda: cluster.px("all", bench.counts["many"]),
                      lambda: bench.bare.raw("all", engines, bench.counts["many"]))
        bench.measure("many_status", lambda: cluster.run("status")[1],
                      lambda: bench.bare.start(1))
        if bench.wants("many_tab"):
            with cluster.prompt() as prompt:
                bench.measure("many_tab", lambda: prompt.complete(b"%px pri", b"nt",
                                                                 bench.counts["tab"]))


def memory_idle(bench):
    with bench.cluster.up(ENGINES):
        ours = {f"{who}_{kind}": value for who, pids in bench.cluster.pids().items()
                for kind, value in median_memory(pids).items()}
    forwarder = {kind: bench.bare.raw(kind) for kind in ("rss", "pss")}
    bare = {f"{who}_{kind}": value for who in ("controller", "host")
            for kind, value in forwarder.items()}
    bare.update({f"engine_{kind}": value for kind, value in bench.bare.idle().items()})
    bench.measure_all(ours, bare)


def growth(bench):
    def look(process):
        if process.stdout.readline() != "look\n":
            raise Failed("bench_px steps ended too early")
        now = {who: [memory(pid) for pid in pids] for who, pids in all_pids.items()}
        process.stdin.write("\n")
        process.stdin.flush()
        return now

    with bench.cluster.up(2), bench.cluster.px_steps(bench.counts["growth"]) as process:
        all_pids = {**bench.cluster.pids(), "client": [process.pid]}
        first, last = look(process), look(process)
    bench.measure_all({f"grown_{who}": max(after["rss"] - before["rss"] for before, after
                                           in zip(first[who], last[who])) for who in all_pids})
    bench.measure_all({f"after_{who}_{kind}": max(each[kind] for each in last[who])
                       for who in all_pids for kind in ("rss", "pss")})


PARTS = {"round_trips": round_trips, "tasks": tasks, "mock": mock, "start": start,
         "prompt": prompt, "values": values, "big_values": big_values, "passes": passes,
         "flood": flood, "fold": fold, "balance": balance, "wordcount": wordcount, "many": many,
         "memory": memory_idle, "growth": growth}


def run_part(bench, name):
    """Measures what is wanted of a part; when it fails as a whole, so do its rows."""
    keys = {row.key for row in ROWS if row.part == name} & bench.wanted
    if not keys:
        return
    try:
        PARTS[name](bench)
    except (Failed, OSError, ValueError) as error:
        bench.fail(keys & bench.wanted, error)
