"""The backend of matplotlib on engines: what is shown goes with the task's result. figures.py makes
it the one that is used."""

from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

from . import displays, figures


class FigureManager(FigureManagerBase):
    """A figure whose `show()` displays it."""

    def show(self):
        displays.publish(figures.take([self.num]))


class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager


def show(*args, **kwargs):
    """plt.show(): every open figure is displayed, and closed. Nothing blocks."""
    displays.publish(figures.take())
