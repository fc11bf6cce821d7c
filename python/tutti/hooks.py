"""What is done when user code first imports a library: nothing is imported ahead for it."""

import contextlib
import sys


class _Loader:
    """A module's own loader, and what is done behind it."""

    def __init__(self, inner, done):
        self.inner = inner
        self.done = done

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def create_module(self, spec):
        return self.inner.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.inner
        self.inner.exec_module(module)
        self.done(module)


class _Finder:
    """Finds what `actions` names as the other finders do, and nothing else."""

    def __init__(self, actions):
        self.actions = actions  # module's name -> what is done with it

    def find_spec(self, name, path=None, target=None):
        if name not in self.actions:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and hasattr(spec.loader, "exec_module"):
                spec.loader = _Loader(spec.loader, self.done)
            if spec is not None:
                return spec
        return None

    def done(self, module):
        action = self.actions.pop(module.__name__, None)
        with contextlib.suppress(Exception):  # the library is there all the same
            if action:
                action(module)


def on_import(actions):
    """Calls `actions[name](module)` behind the first import of each module of these names."""
    sys.meta_path.insert(0, _Finder(dict(actions)))
