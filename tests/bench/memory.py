"""What processes hold: RSS and PSS, and how much they grew at most."""

import pathlib
import re
import statistics


def memory(pid):
    """{"rss": MiB, "pss": MiB} of a process."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = dict(line.split(":", 1) for line in text.splitlines()[1:])
    return {key.lower(): int(found[key].split()[0]) / 1024 for key in ("Rss", "Pss")}


def median_memory(pids):
    found = [memory(pid) for pid in pids]
    return {key: statistics.median(each[key] for each in found) for key in ("rss", "pss")}


def _status(pid, field):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.M).group(1)) / 1024


def watch(pid):
    """Forgets the peak of a process; call the answer for how many MiB it grew at most since."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = _status(pid, "VmRSS")
    return lambda: max(0.0, _status(pid, "VmHWM") - before)
