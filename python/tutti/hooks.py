"""What is done when user code first imports a library: nothing is imported ahead for it."""

from __future__ import annotations

import contextlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from importlib.machinery import ModuleSpec
    from typing import Any, Callable, Dict, Optional

    Actions = Dict[str, Callable[[Any], None]]


class _Loader:
    """A module's own loader, and what is done behind it."""

    def __init__(self, inner: Any, done: Callable[[types.ModuleType], None]) -> None:
        self.inner = inner
        self.done = done

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def create_module(self, spec: ModuleSpec) -> Any:
        return self.inner.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self.inner
        self.inner.exec_module(module)
        self.done(module)


class _Finder:
    """Finds what `actions` names as the other finders do, and nothing else."""

    def __init__(self, actions: Actions) -> None:
        self.actions = actions  # module's name -> what is done with it

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Optional[ModuleSpec]:
        if name not in self.actions:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and hasattr(spec.loader, "exec_module"):
                spec.loader = _Loader(spec.loader, self.done)  # type: ignore[assignment]
            if spec is not None:
                return spec
        return None

    def done(self, module: types.ModuleType) -> None:
        action = self.actions.pop(module.__name__, None)
        with contextlib.suppress(Exception):  # the library is there all the same
            if action:
                action(module)


def on_import(actions: Actions) -> None:
    """Calls `actions[name](module)` behind the first import of each module of these names."""
    sys.meta_path.insert(0, _Finder(dict(actions)))
