"""Displays: what a value looks like beyond its repr, as maps of mime type -> str or bytes."""

from __future__ import annotations

import base64
import binascii
import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Optional, Union

    Bundle = Dict[str, Union[str, bytes]]

LIMIT = 100               # displays of one task
BYTES_LIMIT = 32 << 20    # of one task, in all

_METHODS = (("image/png", "_repr_png_"), ("image/jpeg", "_repr_jpeg_"),
            ("image/svg+xml", "_repr_svg_"), ("text/html", "_repr_html_"),
            ("text/markdown", "_repr_markdown_"), ("text/latex", "_repr_latex_"),
            ("application/json", "_repr_json_"), ("application/pdf", "_repr_pdf_"))
_BINARY = ("image/png", "image/jpeg", "image/gif", "application/pdf")

# functions that give the bundle of a value without such methods, None of others
makers: List[Callable[[Any], Optional[Bundle]]] = []
pending: List[Bundle] = []  # what user code displayed during the running task
_named: Dict[str, Bundle] = {}   # display_id -> its bundle among them
_dropped = 0


def take() -> List[Bundle]:
    """The displays published since the last call."""
    global _dropped
    if not pending and not _dropped:
        return []
    taken = pending[:]
    if _dropped:
        taken.append({"text/plain": "%d more displays are not kept: %d of a task are"
                      % (_dropped, LIMIT)})
    pending.clear()
    _named.clear()
    _dropped = 0
    return taken


def publish(bundles: Iterable[Bundle], name: Optional[str] = None, update: bool = False) -> None:
    """Displays bundles; of one with a name `update` renews what stands there."""
    global _dropped
    for found in bundles:
        if update and name in _named:
            _named[name].clear()
            _named[name].update(found)
        elif len(pending) < LIMIT:
            pending.append(found)
            if name:
                _named[name] = found
        else:
            _dropped += 1


def within_limit(bundles: Iterable[Bundle]) -> List[Bundle]:
    """The same, where what is too large for one result is told and not there."""
    kept: List[Bundle] = []
    size = 0
    for found in bundles:
        own = sum(len(data) for data in found.values())
        if size + own > BYTES_LIMIT:
            found = {"text/plain": "<a display of %.1f MB is not kept: %d MB of a task are>"
                     % (own / 1e6, BYTES_LIMIT >> 20)}
            own = 0
        size += own
        kept.append(found)
    return kept


def safe_repr(value: Any) -> str:
    """repr(value), or a text that tells how it failed."""
    try:
        text = repr(value)
        return text if type(text) is str else str(text)
    except Exception as error:
        return "<repr of %s failed: %s: %s>" % (type(value).__name__, type(error).__name__,
                                                message(error))


def message(error: BaseException) -> str:
    """str(error), whatever it is."""
    try:
        return str(error)
    except Exception:
        return "?"


def _call(value: Any, name: str) -> Any:
    """The method's answer; None when there is none, it fails, or the value is a class."""
    method = getattr(type(value), name, None)
    if isinstance(value, type) or method is None:
        return None
    try:
        data = getattr(value, name)()
    except Exception:
        return None
    return data[0] if type(data) is tuple and data else data


def _data(mime: str, data: Any) -> Union[str, bytes, None]:
    """Data as str or bytes: JSON is written out, other buffers are copied, base64 is undone."""
    if isinstance(data, str) and mime in _BINARY:
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except (ValueError, binascii.Error):
            return None
    if isinstance(data, str):
        return str(data)
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    return json.dumps(data) if "json" in mime else None


def readable(bundle: Any) -> Bundle:
    """Of a map of mime types what can travel."""
    found: Bundle = {}
    for mime, data in bundle.items() if isinstance(bundle, dict) else ():
        try:
            data = None if data is None else _data(mime, data)
        except (TypeError, ValueError):
            data = None
        if data is not None and isinstance(mime, str):
            found[str(mime)] = data
    return found


def bundle(value: Any) -> Bundle:
    """{mime: str or bytes} of a value with display methods; empty when it has none."""
    for make in makers:
        found = make(value)
        if found:
            return found
    found = readable(_call(value, "_repr_mimebundle_"))
    found.update(readable({mime: _call(value, name) for mime, name in _METHODS
                           if mime not in found}))
    return found


def whole(value: Any) -> Bundle:
    """The bundle of a value with, in any case, its text."""
    found = {} if isinstance(value, str) else bundle(value)
    found.setdefault("text/plain", value if type(value) is str else safe_repr(value))
    return found


def display(*objects: Any) -> None:
    """Publishes objects with the running task's result: figures, tables, anything with
    `_repr_png_`, `_repr_html_`, `_repr_mimebundle_` and the like; others by their repr."""
    publish([whole(value) for value in objects])


DATA = "application/x-tutti-data"  # what publish_data sends


def publish_data(data: Dict[str, Any]) -> None:
    """Publishes a dict with the running task's result: `ar.data` of the client that waits for it."""
    from . import values

    if not isinstance(data, dict):
        raise TypeError("publish_data takes a dict, not %s" % type(data).__name__)
    publish([{DATA: values.encode(data, 1 << 62)[0]}])
