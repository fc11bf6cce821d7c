"""The backend of matplotlib on engines: what is shown goes with the task's result. figures.py makes
it the one that is used."""

from __future__ import annotations

from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

from . import displays, figures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class FigureManager(FigureManagerBase):  # type: ignore[misc]
    """A figure whose `show()` displays it."""

    def show(self) -> None:
        displays.publish(figures.take([self.num]))


class FigureCanvas(FigureCanvasAgg):  # type: ignore[misc]
    manager_class = FigureManager


def show(*args: Any, **kwargs: Any) -> None:
    """plt.show(): every open figure is displayed, and closed. Nothing blocks."""
    displays.publish(figures.take())
