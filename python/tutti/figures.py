"""Figures of matplotlib, and what IPython's display functions show, as displays.

Neither library is imported here: hooks.py tells when user code does it."""

from __future__ import annotations

import atexit
import io
import os
import sys

from . import displays, hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional

    from .displays import Bundle

BACKEND = "module://tutti.backend"
OURS = (BACKEND, "agg", "inline",  # backends that show nothing by themselves; the last two are
        "module://matplotlib_inline.backend_inline")  # IPython's, behind its own cells


def install(own_display: bool = True) -> None:
    """From now on figures need no window; with own_display IPython's `display` is ours."""
    actions: hooks.Actions = {"matplotlib": _on_matplotlib}
    if own_display:
        actions["IPython.core.display_functions"] = _on_ipython
    hooks.on_import(actions)


def _on_matplotlib(module: Any) -> None:
    """Whoever has named a backend gets that."""
    atexit.register(_release_fonts)
    if not os.environ.get("MPLBACKEND"):
        module.rcParams["backend"] = BACKEND


def _release_fonts() -> None:
    """Fonts that matplotlib keeps may crash it where they end with the interpreter."""
    for name in ("_get_font", "get_font"):
        cached = getattr(sys.modules.get("matplotlib.font_manager"), name, None)
        getattr(cached, "cache_clear", int)()


def _on_ipython(module: Any) -> None:
    """IPython's own prints what it is given where no IPython runs."""

    def display(*objs: Any, include: Any = None, exclude: Any = None, metadata: Any = None,
                transient: Optional[Dict[str, Any]] = None, display_id: Any = None,
                raw: bool = False, clear: bool = False, **kwargs: Any) -> Any:
        """Displays objects with the result of the running task; see tutti.display."""
        if display_id is True:
            display_id = os.urandom(16).hex()
        name = display_id or (transient or {}).get("display_id")
        for value in objs:
            found = displays.readable(value) if raw else displays.whole(value)
            found = {mime: data for mime, data in found.items()
                     if (not include or mime in include) and mime not in (exclude or ())}
            displays.publish([found], name, kwargs.get("update", False))
        return module.DisplayHandle(display_id) if display_id else None

    def publish_display_data(data: Any, metadata: Any = None, *args: Any, transient: Any = None,
                             **kwargs: Any) -> None:
        """Displays a map of mime types with the result of the running task."""
        display(data, raw=True, transient=transient, **kwargs)

    module.display, module.publish_display_data = display, publish_display_data


def is_figure(value: Any) -> bool:
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(value, getattr(module, "Figure", ()))


def is_drawn(value: Any) -> bool:
    """Whether a value is nothing but parts of a figure, as plt.plot gives them."""
    module = sys.modules.get("matplotlib.artist")
    kinds = getattr(module, "Artist", ())
    if isinstance(value, (list, tuple)) and value:
        return all(isinstance(one, kinds) for one in value)
    return isinstance(value, kinds)


def png(figure: Any) -> Bundle:
    """The bundle of a figure, drawn as PNG; what went wrong as text."""
    name = getattr(figure, "number", "")
    try:
        file = io.BytesIO()
        figure.savefig(file, format="png")
        return {"image/png": file.getvalue(), "text/plain": "<figure %s>" % name}
    except Exception as error:
        return {"text/plain": "<figure %s cannot be drawn: %s: %s>"
                % (name, type(error).__name__, displays.message(error))}


def close(figure: Any) -> None:
    """A figure that has been shown as a value is not shown again at the end of its task."""
    plt = sys.modules.get("matplotlib.pyplot")
    if plt is not None and plt.fignum_exists(getattr(figure, "number", -1)):
        plt.close(figure)


def as_value(value: Any) -> Optional[Bundle]:
    """The bundle of a figure; None for anything else."""
    if not is_figure(value):
        return None
    found = png(value)
    close(value)
    return found


displays.makers.append(as_value)


def take(numbers: Optional[Iterable[int]] = None) -> List[Bundle]:
    """Bundles of open figures, of these numbers or all; they are closed."""
    plt = sys.modules.get("matplotlib.pyplot")
    found: List[Bundle] = []
    if plt is None:
        return found
    for number in plt.get_fignums() if numbers is None else numbers:
        figure = plt.figure(number)
        found.append(png(figure))
        plt.close(figure)
    return found


def finish() -> List[Bundle]:
    """What a task that ends has left open, unless its backend shows figures itself."""
    plt = sys.modules.get("matplotlib.pyplot")
    if plt is None:
        return []
    try:
        if not plt.get_fignums() or plt.get_backend().lower() not in OURS:
            return []
        return take()
    except Exception:  # half imported, or replaced: the result matters more
        return []
