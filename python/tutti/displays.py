"""Displays: what a value looks like beyond its repr, as maps of mime type -> str or bytes."""

import io
import json
import sys

_METHODS = (("image/png", "_repr_png_"), ("image/jpeg", "_repr_jpeg_"),
            ("image/svg+xml", "_repr_svg_"), ("text/html", "_repr_html_"),
            ("text/markdown", "_repr_markdown_"), ("text/latex", "_repr_latex_"),
            ("application/json", "_repr_json_"), ("application/pdf", "_repr_pdf_"))

pending = []  # what user code displayed during the running task


def take():
    """The displays published since the last call."""
    taken = pending[:]
    pending.clear()
    return taken


def safe_repr(value):
    """repr(value), or a text that tells how it failed."""
    try:
        text = repr(value)
        return text if type(text) is str else str(text)
    except Exception as error:
        return "<repr of %s failed: %s: %s>" % (type(value).__name__, type(error).__name__,
                                                _text(error))


def _text(error):
    try:
        return str(error)
    except Exception:
        return "?"


def _call(value, name):
    """The method's answer; None when there is none, it fails, or the value is a class."""
    method = getattr(type(value), name, None)
    if isinstance(value, type) or method is None:
        return None
    try:
        data = getattr(value, name)()
    except Exception:
        return None
    return data[0] if type(data) is tuple and data else data


def _data(mime, data):
    """Data as str or bytes: JSON is written out, other buffers are copied."""
    if isinstance(data, str):
        return str(data)
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    return json.dumps(data) if "json" in mime else None


def bundle(value):
    """{mime: str or bytes} of a value with display methods; empty when it has none."""
    found = {}
    whole = _call(value, "_repr_mimebundle_")
    candidates = list(whole.items()) if isinstance(whole, dict) else []
    candidates += [(mime, _call(value, name)) for mime, name in _METHODS if mime not in found]
    for mime, data in candidates:
        try:
            data = None if data is None or mime in found else _data(mime, data)
        except (TypeError, ValueError):
            data = None
        if data is not None and isinstance(mime, str):
            found[mime] = data
    return found


def display(*objects):
    """Publishes objects with the running task's result: figures, tables, anything with
    `_repr_png_`, `_repr_html_`, `_repr_mimebundle_` and the like; others by their repr."""
    for value in objects:
        found = {} if isinstance(value, str) else bundle(value)
        found.setdefault("text/plain", value if type(value) is str else safe_repr(value))
        pending.append(found)


def figures():
    """Bundles of the open figures of matplotlib, which are closed; none when it is not in use or
    shows its figures itself."""
    plt = sys.modules.get("matplotlib.pyplot")
    if plt is None or not plt.get_fignums() or plt.get_backend().lower() != "agg":
        return []
    found = []
    for number in plt.get_fignums():
        file = io.BytesIO()
        plt.figure(number).savefig(file, format="png")
        found.append({"image/png": file.getvalue(), "text/plain": "<figure %d>" % number})
    plt.close("all")
    return found
