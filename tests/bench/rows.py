"""The rows of the benchmark's table, and how the table is shown."""

import collections
import json
import pathlib
import statistics

ENGINES = 8  # of the cluster that is measured most
HOSTS, EACH = 10, 100  # of the cluster of mock engines

# part    the function of parts.py that measures it
# bare    what stands beside it; "" when there is nothing to compare it with
# when    "": in every round; "once": in the first one; "full": not with --quick
Row = collections.namedtuple("Row", "key title unit part bare when", defaults=[""])

ROLES = [("controller", "controller"), ("host", "engine host"), ("engine", "engine"),
         ("client", "C client")]
WAY, ALL_WAY = "two hops and a unix hop", f"two hops and a unix hop, {ENGINES} at once"
WINDOW = "two hops, window 1000"

ROWS = [
    Row("one", "empty px on one engine, round trip", "us", "round_trips", WAY),
    Row("all", f"empty px on all {ENGINES} engines, round trip", "us", "round_trips", ALL_WAY),
    Row("py_one", "Python client: empty execute, one engine", "us", "round_trips", WAY),
    Row("py_all", f"Python client: the same, all {ENGINES}", "us", "round_trips", ALL_WAY),
    Row("prompt_one", "the prompt: %px pass, one engine", "us", "round_trips", WAY),
    Row("prompt_all", f"the prompt: the same, all {ENGINES}", "us", "round_trips", ALL_WAY),
    Row("tasks", "single tasks, 2 engines, window 1000", "1/s", "tasks", WINDOW),
    Row("py_tasks", "Python client, 2 engines: single tasks", "1/s", "tasks", WINDOW),
    Row("py_map", "Python client, 2 engines: mapped items", "1/s", "tasks", "multiprocessing.Pool"),
    Row("chains", "10,000 queued tasks in 10 chains, 2 engines", "1/s", "tasks", WINDOW),
    Row("mock_one", "empty px, mock engines: one", "us", "mock", WAY),
    Row("mock_tasks", "single tasks, mock engines, window 1000", "1/s", "mock", WINDOW),
    Row("start_2", "start, 2 engines ready", "ms", "start", "2 bare python3"),
    Row("start_8", "start, 8 engines ready", "ms", "start", "8 bare python3"),
    Row("start_8_numpy", "start --preload numpy, 8 ready", "ms", "start", "8 that import numpy"),
    Row("start_64", "start, 64 engines ready", "ms", "start", "64 bare python3", "full"),
    Row("start_64_numpy", "start --preload numpy, 64 ready", "ms", "start", "64 that import numpy",
        "full"),
    Row("prompt", f"tutti until its prompt, {ENGINES} engines are there", "ms", "prompt",
        "python3 -i until its prompt"),
    Row("push_kib", "push 1 KiB to one engine", "us", "values", WAY),
    Row("push_1", "push 100 MB to one engine", "ms", "values", "memfd, mapped once"),
    Row("push_2", "push 100 MB to 2 engines", "ms", "values", "memfd, mapped as often"),
    Row("push", f"push 100 MB to {ENGINES} engines", "ms", "values", "memfd, mapped as often"),
    Row("pull", "pull 100 MB from one", "ms", "values", "memfd, written once"),
    Row("gib_1", "push 1 GiB to one engine", "ms", "big_values", "memfd, mapped once", "full"),
    Row("gib_2", "push 1 GiB to 2 engines", "ms", "big_values", "memfd, mapped as often", "full"),
    Row("gib", f"push 1 GiB to {ENGINES} engines", "ms", "big_values", "memfd, mapped as often",
        "full"),
    Row("gib_pull", "pull 1 GiB from one", "ms", "big_values", "memfd, written once", "full"),
    Row("passes_client", "client, most it grew, 1 GiB pushed", "MiB", "passes", "", "once"),
    Row("passes_controller", "controller, the same, and pulled back", "MiB", "passes", "", "once"),
    Row("passes_host", "engine host, the same, and pulled back", "MiB", "passes", "", "once"),
    Row("flood", "one engine writes 100 MB", "ms", "flood", "python3 into a pipe"),
    Row("flood_controller", "controller, most it grew meanwhile", "MiB", "flood", ""),
    Row("flood_host", "engine host, most it grew meanwhile", "MiB", "flood", ""),
    Row("fold", "10,000 failures with 10,000 messages, folded", "ms", "fold", "sorting them"),
    Row("balance", "100 sleeps of 10-200 ms, 4 engines", "ms", "balance", "the best there is"),
    Row("wordcount", "words of 5 MB counted, 2 engines", "ms", "wordcount", "one process"),
    Row("many_start", f"{HOSTS} hosts, {HOSTS * EACH:,} mock engines ready", "ms", "many",
        f"{HOSTS * EACH:,} bare true"),
    Row("many_px", f"empty px on {HOSTS * EACH:,} mock engines, {HOSTS} hosts", "us", "many",
        f"two hops and a unix hop, {HOSTS * EACH:,} at once"),
    Row("many_status", "tutti status of them", "ms", "many", "python3 -c pass"),
    Row("many_tab", "TAB at the prompt on them", "ms", "many", ""),
    Row("controller_rss", "controller, idle, RSS", "MiB", "memory", "forwarder"),
    Row("controller_pss", "controller, idle, PSS", "MiB", "memory", "forwarder"),
    Row("host_rss", "engine host, idle, RSS", "MiB", "memory", "forwarder"),
    Row("host_pss", "engine host, idle, PSS", "MiB", "memory", "forwarder"),
    Row("engine_rss", "engine, idle, RSS", "MiB", "memory", "bare python3"),
    Row("engine_pss", "engine, idle, PSS", "MiB", "memory", "bare python3"),
    *(Row(f"after_{who}_{kind}", f"{title} after {{tasks}} tasks, {kind.upper()}", "MiB", "growth",
          "", "once")
      for who, title in ROLES[:3] for kind in ("rss", "pss")),
    *(Row(f"grown_{who}", f"{title}: grown from the 10,000th to the last", "MiB", "growth", "",
          "once")
      for who, title in ROLES),
]


class Samples:
    """What was measured so far: who ("tutti", "bare", a peer) -> key -> values."""

    def __init__(self):
        self.values = collections.defaultdict(lambda: collections.defaultdict(list))

    def add(self, who, key, value):
        self.values[who][key].append(float(value))

    def of(self, who, key):
        return self.values[who].get(key, [])


def spread(values):
    low, middle, high = min(values), statistics.median(values), max(values)
    digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
    return f"{middle:,.{digits}f}", f"{low:,.{digits}f} - {high:,.{digits}f}"


def ratio(ours, theirs):
    """Of the medians; None when there is nothing to divide by."""
    if not ours or not theirs or statistics.median(theirs) == 0:
        return None
    return statistics.median(ours) / statistics.median(theirs)


def ratio_text(ours, theirs):
    value = ratio(ours, theirs)
    if value is None:
        return "-"
    if value < 0.1:
        return f"{value:.2g}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def title(row, counts):
    return row.title.format(tasks=f"{counts['growth']:,}")


def table(samples, peers, counts):
    """The lines of the table: a row for each that has a value."""
    head = ["what", "unit", "tutti", "spread", "bare", "spread", "ratio"]
    for peer in peers:
        head += [peer, "tutti : it"]
    lines = [[*head, "bare is"]]
    for row in ROWS:
        ours, bare = samples.of("tutti", row.key), samples.of("bare", row.key)
        if not ours:
            continue
        cells = [title(row, counts), row.unit, *spread(ours),
                 *(spread(bare) if bare else ("-", "")), ratio_text(ours, bare)]
        for peer in peers:
            theirs = samples.of(peer, row.key)
            cells += [spread(theirs)[0] if theirs else "-", ratio_text(ours, theirs)]
        lines.append([*cells, row.bare])
    widths = [max(map(len, column)) for column in zip(*lines)]
    left = {0, 1, len(widths) - 1}
    return ["  ".join(text.ljust(width) if i in left else text.rjust(width)
                      for i, (text, width) in enumerate(zip(line, widths))).rstrip()
            for line in lines]


def write_json(path, samples, peers, counts, rounds, where):
    told = []
    for row in ROWS:
        ours, bare = samples.of("tutti", row.key), samples.of("bare", row.key)
        if not ours:
            continue
        theirs = {peer: samples.of(peer, row.key) for peer in peers if samples.of(peer, row.key)}
        told.append({"key": row.key, "title": title(row, counts), "unit": row.unit,
                     "tutti": ours, "bare": bare, "bare_title": row.bare,
                     "ratio": ratio(ours, bare), "peers": theirs,
                     "peer_ratios": {peer: ratio(ours, theirs[peer]) for peer in theirs}})
    report = {"schema": 2, "rounds": rounds, "machine": where, "rows": told}
    pathlib.Path(path).write_text(json.dumps(report, indent=1) + "\n")
