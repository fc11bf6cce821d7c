"""The peers that are measured as well with --peers: ipyparallel and Dask, as Debian has them.
Each cluster of theirs is one process of bench_peer.py and what that starts."""

import json
import pathlib
import shutil
import subprocess
import sys
import time

from cluster import end_leftovers
from parts import MB100, texts
from programs import HERE, PYTHON, Failed, command
from rows import ENGINES

LIMIT_S = 300
PACKAGES = {"ipyparallel": "python3-ipyparallel", "dask": "python3-distributed"}
MODULES = {"ipyparallel": "ipyparallel", "dask": "distributed"}

# engines of the cluster -> the rows that it is for, of those that tutti has
ROWS_OF = {8: ("start_8", "engine_rss", "engine_pss", "py_one", "py_all", "push"),
           2: ("py_tasks", "py_map", "wordcount")}
assert ENGINES in ROWS_OF


def present():
    """The peers that are there; the packages of the others are told."""
    found = []
    for name, module in MODULES.items():
        try:
            command([PYTHON, "-c", f"import {module}"])
            found.append(name)
        except Failed:
            print(f"bench: {name} is left out: install {PACKAGES[name]}", file=sys.stderr)
    return found


def environment(bench, directory):
    """Where a peer may write, and that clean_up finds what it started."""
    env = {name: value for name, value in bench.cluster.env.items()
           if name in ("PATH", "LANG", "LC_ALL", "TZ", "TUTTI_RUNTIME_DIR")}
    return {**env, "HOME": str(directory), "IPYTHONDIR": str(directory / "ipython"),
            "DASK_CONFIG": str(directory / "dask"), "TMPDIR": str(directory),
            "XDG_CONFIG_HOME": str(directory / "config"), "PYTHONPATH": str(HERE)}


def case_of(bench, key):
    """[key, case, argument] for bench_peer.py."""
    counts = bench.counts
    case, argument = {"py_one": ("one", counts["peer"]), "py_all": ("all", counts["peer"]),
                      "push": ("push", MB100), "py_tasks": ("tasks", counts["peer_tasks"]),
                      "py_map": ("map", counts["peer_tasks"]),
                      "wordcount": ("wordcount", str(texts(bench)))}.get(key, (key, 0))
    return [key, case, argument]


def run(args, env):
    """Lines that a process prints; it and its session are gone afterwards."""
    process = subprocess.Popen(args, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True)
    try:
        out, err = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Failed(f"{args[2]} has not ended after {LIMIT_S} s") from None
    if process.returncode != 0:
        raise Failed(f"{args[2]}: exit {process.returncode}: {' '.join(err.split()[-40:])}")
    return out.splitlines()


def measure_cluster(bench, peer, engines, keys):
    directory = pathlib.Path(bench.directory, "peer")
    directory.mkdir()
    cases = json.dumps([case_of(bench, key) for key in keys])
    try:
        lines = run([PYTHON, HERE / "bench_peer.py", peer, str(engines), str(time.monotonic()),
                     cases], environment(bench, directory))
        for told in map(json.loads, lines):
            if "error" in told:
                bench.fail_peer(peer, {told["key"]}, told["error"])
            else:
                bench.samples.add(peer, told["key"], told["value"])
    finally:
        end_leftovers(bench.directory)
        shutil.rmtree(directory, ignore_errors=True)


def measure(bench, peer):
    """One round of a peer: what of its rows is wanted."""
    for engines, keys in ROWS_OF.items():
        keys = [key for key in keys if bench.wants(key) and (peer, key) not in bench.failed]
        if not keys:
            continue
        try:
            measure_cluster(bench, peer, engines, keys)
        except (Failed, OSError, ValueError) as error:
            bench.fail_peer(peer, set(keys), error)
