"""joblib's work on the engines of a view: `view.register_joblib_backend()`, then
`with joblib.parallel_backend('ipyparallel'):`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

import joblib
from joblib._parallel_backends import AutoBatchingMixin, ParallelBackendBase

if TYPE_CHECKING:
    from .view import LoadBalancedView


class TuttiBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]
    """Batches of calls are tasks of a balanced view."""

    supports_timeout = True
    supports_retrieve_callback = False

    def __init__(self, view: "Optional[LoadBalancedView]" = None, **options: Any) -> None:
        super().__init__(**options)
        if view is None:
            from .client import Client

            view = Client().load_balanced_view()
        self._view = view

    def effective_n_jobs(self, n_jobs: int) -> int:
        """As many as there are engines, or as were asked for."""
        most = len(self._view)
        return most if n_jobs is None or n_jobs < 0 else max(1, min(n_jobs, most))

    def configure(self, n_jobs: int = 1, parallel: Any = None, **ignored: Any) -> int:
        self.parallel = parallel
        return self.effective_n_jobs(n_jobs)

    def apply_async(self, func: Callable[..., Any], callback: Optional[Callable[..., Any]] = None) -> Any:
        result = self._view.apply_async(func)
        if callback is not None:
            result.add_done_callback(callback)
        return result

    def abort_everything(self, ensure_ready: bool = True) -> None:
        self._view.abort()
        if ensure_ready:
            self.configure(n_jobs=self.parallel.n_jobs, parallel=self.parallel)


def register(name: str, view: "LoadBalancedView", make_default: bool = False) -> None:
    """Makes the view a backend of joblib's under this name."""
    joblib.register_parallel_backend(name, lambda **options: TuttiBackend(view, **options),
                                     make_default=make_default)


def register_joblib_backend(name: str = "ipyparallel", make_default: bool = False) -> None:
    """The same, with a balanced view of the default cluster, made when it is first used."""
    joblib.register_parallel_backend(name, TuttiBackend, make_default=make_default)
