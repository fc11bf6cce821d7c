"""What results say, as text: outputs by engine, in ipyparallel's shapes; inline in a notebook."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

if TYPE_CHECKING:
    from .asyncresult import AsyncResult, Part

GROUPS = ("type", "engine", "order")


def _shell() -> Any:
    """IPython's shell, if this is one."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


def in_notebook() -> bool:
    shell = _shell()
    return shell is not None and hasattr(shell, "kernel")


def _colour(text: str) -> str:
    shell = _shell()
    colours = getattr(shell, "colors", "NoColor") if shell is not None else "NoColor"
    return "\x1b[0;31m%s\x1b[0m" % text if colours not in ("NoColor", "nocolor") else text


def _folded(text: str) -> str:
    """What a terminal would show of lines with carriage returns in them."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


class Writer:
    """Texts of engines on stdout and stderr, each behind the engine it is of."""

    def __init__(self, single: bool = False) -> None:
        self.single = single  # one engine: without prefix
        self.last: Optional[Tuple[str, Optional[int]]] = None
        self.open: Any = None  # the file whose last text had no newline at its end
        self.lock = threading.RLock()

    def write(self, stream: str, engine: Optional[int], text: str) -> None:
        if not text:
            return
        text = _folded(text)
        file = sys.stdout if stream == "stdout" else sys.stderr
        with self.lock:
            if self.last != (stream, engine) and not self.single:
                self.end()
                file.write("[%s:%s] " % (stream, engine) + ("" if in_notebook() else "\n"))
            self.last = (stream, engine)
            self.open = None if text.endswith("\n") else file
            file.write(text)
            file.flush()

    def end(self) -> None:
        """What comes next begins on a line of its own."""
        if self.open is not None:
            self.open.write("\n")
            self.open.flush()
            self.open = None


def _display(part: "Part", bundle: Dict[str, Any]) -> None:
    """A display of an engine, here."""
    if _shell() is not None:
        from IPython.display import publish_display_data

        publish_display_data(_for_ipython(bundle), {"engine": part.engine})
    else:
        print(bundle.get("text/plain", "<%s>" % ", ".join(bundle)))


def _for_ipython(bundle: Dict[str, Any]) -> Dict[str, Any]:
    """Bytes as base64, as Jupyter's messages have them."""
    import base64

    return {mime: base64.b64encode(data).decode("ascii") if isinstance(data, (bytes, bytearray))
            else data for mime, data in bundle.items()}


def _label(part: "Part", alone: bool) -> None:
    if not alone:
        print("[output:%s]" % part.engine)
        sys.stdout.flush()


def _has_value(part: "Part") -> bool:
    return part.method == "execute" and part.text is not None


def _show_value(part: "Part") -> None:
    if _has_value(part):
        text = part.text or ""
        print(_colour("Out[%s:%s]: " % (part.engine, part.number))
              + ("\n" if "\n" in text else "") + text)


def display_outputs(result: "AsyncResult", groupby: str = "type", result_only: bool = False,
                    streams: bool = True) -> None:
    """Writes what the engines of a result have written, displayed and answered.

    groupby: 'type', 'engine' or 'order'. result_only: only what they answered. Without `streams`
    what they have written is left out, as where it was seen when it came. Raises ValueError for
    another groupby."""
    if groupby not in GROUPS:
        raise ValueError("groupby must be one of %s, not %r" % (", ".join(map(repr, GROUPS)), groupby))
    result.wait()
    parts = sorted(result._parts, key=lambda part: -1 if part.engine is None else part.engine)
    alone = result._single
    groups = [[part] for part in parts] if groupby == "engine" else [parts]
    for group in groups:
        if streams and not result_only:
            _show_streams(group, alone)
        if not result_only:
            _shows[groupby](group, alone)
        for part in group:
            _show_value(part)


def _show_streams(parts: Sequence["Part"], alone: bool) -> None:
    writer = Writer(alone)
    for part in parts:
        writer.write("stdout", part.engine, part.stdout)
    for part in parts:
        writer.write("stderr", part.engine, part.stderr)
    writer.end()


def _by_type(parts: Sequence["Part"], alone: bool) -> None:
    for part in parts:
        if part.displays:
            _label(part, alone)
        for bundle in part.displays:
            _display(part, bundle)


def _by_engine(parts: Sequence["Part"], alone: bool) -> None:
    """The label stands above the value, too."""
    for part in parts:
        if part.displays or _has_value(part):
            _label(part, alone)
        for bundle in part.displays:
            _display(part, bundle)


def _in_order(parts: Sequence["Part"], alone: bool) -> None:
    """The first display of every engine, then the second ones ..."""
    for n in range(max([len(part.displays) for part in parts], default=0)):
        for part in parts:
            if n < len(part.displays):
                _label(part, alone)
                _display(part, part.displays[n])


_shows = {"type": _by_type, "engine": _by_engine, "order": _in_order}


@contextlib.contextmanager
def streaming(result: "AsyncResult") -> Iterator[None]:
    """What engines write appears while the with block runs, what has been written already first."""
    writer = Writer()
    shown: Dict[Tuple[int, int], int] = {}

    def look(part: "Part", stream: Optional[int]) -> None:
        for number, kept, name in ((1, part.out, "stdout"), (2, part.err, "stderr")):
            key = (id(part), number)
            with writer.lock:  # what comes meanwhile is another thread's to tell
                start, shown[key] = shown.get(key, 0), len(kept)
                writer.write(name, part.engine, "".join(kept[start:shown[key]]))

    result._hearers += (look,)
    try:
        for part in result._parts:
            look(part, None)
        yield
    finally:
        result._hearers = tuple(one for one in result._hearers if one is not look)
        for part in result._parts:
            look(part, None)
        writer.end()


def wait_interactive(result: "AsyncResult", interval: float = 0.1,
                     timeout: Optional[float] = -1, widget: Optional[bool] = None,
                     return_when: Optional[str] = None, unit: str = "tasks") -> None:
    """Waits, with a line of progress: tqdm's where there is one."""
    import time

    until = None if timeout is None or timeout < 0 else time.monotonic() + timeout
    total = len(result)
    show = _progress(total, result._fname, unit, widget)
    met = result._met(return_when)
    while True:
        show(result.progress)
        left = interval if until is None else min(interval, until - time.monotonic())
        if met() or left <= 0 or result._client._connection.wait(met, left):
            break
    show(result.progress)
    show(-1)


def _progress(total: int, name: str, unit: str, widget: Optional[bool]) -> Callable[[int], None]:
    """A function that is told how much is done; -1 ends it."""
    tqdm = _tqdm(widget)
    if tqdm is None:
        return _plain_progress(total, name, unit)
    bar = tqdm(total=total, desc=name, unit=unit)

    def show(done: int) -> None:
        if done < 0:
            bar.close()
        elif done > bar.n:
            bar.update(done - bar.n)

    return show


def _tqdm(widget: Optional[bool]) -> Any:
    """Its bar: a widget, a line, or (None) what fits here; None where there is no tqdm."""
    import importlib
    import warnings

    module = {None: "tqdm.auto", True: "tqdm.notebook", False: "tqdm"}[widget]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a notebook has no widgets: then it is a line
            return importlib.import_module(module).tqdm
    except ImportError:
        return None


def _plain_progress(total: int, name: str, unit: str) -> Callable[[int], None]:
    shown: List[str] = []

    def show(done: int) -> None:
        if done < 0:
            sys.stderr.write("\n")
            return
        text = "\r%s: %3d%% %d/%d %s" % (name, 100 * done // total if total else 100, done, total, unit)
        if not shown or shown[-1] != text:
            shown[:] = [text]
            sys.stderr.write(text)
            sys.stderr.flush()

    return show
