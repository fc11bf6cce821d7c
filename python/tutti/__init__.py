"""tutti for Python: what user code on engines and at the prompt may import.

display(*objects) publishes figures and tables with the result of the running task. Result and
Handle are what assigned magics give, RemoteError what a failed engine raises, and Reference names
an expression to look up on the engine.
"""

from .displays import display
from .result import Handle, RemoteError, Result
from .values import Reference

__all__ = ["Handle", "Reference", "RemoteError", "Result", "display"]
