"""A concurrent.futures.Executor over a view."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any, Callable, Iterator

if TYPE_CHECKING:
    from .asyncresult import AsyncResult
    from .view import View


class ViewExecutor(concurrent.futures.Executor):
    """Calls go to the view's engines; their Futures are AsyncResults."""

    def __init__(self, view: "View") -> None:
        self.view = view
        self._max_workers = len(view)
        self._shut = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "AsyncResult":
        """Calls fn(*args, **kwargs) there."""
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        return self.view.apply_async(fn, *args, **kwargs)

    def map(self, fn: Callable[..., Any], *iterables: Any, timeout: Any = None,
            chunksize: int = 1) -> Iterator[Any]:
        """The values of fn over items, in order. Raises TimeoutError when they take longer than
        `timeout` seconds from this call on."""
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        result = self.view.map_async(fn, *iterables)
        if timeout is None:
            return iter(result)
        return iter(result.get(timeout))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No more calls; with `wait` those that were made have ended. The engines stay."""
        self._shut = True
        if cancel_futures:
            self.view.abort()
        if wait:
            self.view.wait()
