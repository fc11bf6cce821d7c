"""tutti for Python: what user code on engines and at the prompt may import.

display(*objects) publishes figures and tables with the result of the running task. Result and
Handle are what assigned magics give, RemoteError what a failed engine raises, and Reference names
an expression to look up on the engine.
"""

import sys

if sys.version_info < (3, 8):  # ahead of everything that an older one cannot read
    raise ImportError("tutti needs Python 3.8 or newer; %s is %s"
                      % (sys.executable, sys.version.split()[0]))

from .displays import display, publish_data  # noqa: E402
from .error import RemoteError  # noqa: E402
from .result import Handle, Result  # noqa: E402
from .values import Reference  # noqa: E402

# The client's names, which engines do not need, come with their modules when they are asked for.
_LAZY = {
    "Client": "client",
    "AsyncResult": "asyncresult", "AsyncMapResult": "asyncresult",
    "AsyncHubResult": "asyncresult", "ExecuteReply": "asyncresult",
    "DirectView": "view", "BroadcastView": "view", "LoadBalancedView": "view",
    "Dependency": "dependency",
    "Cluster": "cluster", "ClusterManager": "cluster", "ViewExecutor": "executor",
    "RemoteFunction": "functions", "ParallelFunction": "functions", "remote": "functions",
    "parallel": "functions", "LazyMapIterator": "functions",
    "depend": "depends", "require": "depends", "dependent": "depends", "interactive": "depends",
    "register_joblib_backend": "joblib",
    "FIRST_COMPLETED": "asyncresult", "FIRST_EXCEPTION": "asyncresult", "ALL_COMPLETED": "asyncresult",
}


_ERRORS = (
    "AlreadyDisplayedError", "CompositeError", "DependencyTimeout", "EngineError", "IPythonError",
    "ImpossibleDependency", "InvalidDependency", "KernelError", "NoEnginesRegistered",
    "ResultAlreadyRetrieved", "ResultNotCompleted", "SerializationError", "TaskAborted",
    "TaskRejectError", "TaskTimeout", "TimeoutError", "UnmetDependency")
_LAZY.update(dict.fromkeys(_ERRORS, "error"))


def __getattr__(name):
    import importlib

    if name == "error":
        return importlib.import_module(".error", __name__)
    if name not in _LAZY:
        raise AttributeError("module 'tutti' has no attribute %r" % name)
    value = getattr(importlib.import_module("." + _LAZY[name], __name__), name)
    globals()[name] = value  # also over a module of that name
    return value


__all__ = ["Handle", "Reference", "RemoteError", "Result", "display", "publish_data", *_LAZY]


def load_ipython_extension(shell):
    """`%load_ext tutti`: the magics %px and the like for the default cluster."""
    from .ipython import load

    load(shell)
