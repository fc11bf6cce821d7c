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

TYPE_CHECKING = False
if TYPE_CHECKING:  # the names of _LAZY, as they are found by whoever checks types
    from concurrent.futures import (  # noqa: F401
        ALL_COMPLETED as ALL_COMPLETED, FIRST_COMPLETED as FIRST_COMPLETED,
        FIRST_EXCEPTION as FIRST_EXCEPTION)

    from . import error as error
    from .asyncresult import (
        AsyncHubResult as AsyncHubResult, AsyncMapResult as AsyncMapResult,
        AsyncResult as AsyncResult, ExecuteReply as ExecuteReply)
    from .client import Client as Client
    from .cluster import Cluster as Cluster, ClusterManager as ClusterManager
    from .dependency import Dependency as Dependency
    from .depends import (
        depend as depend, dependent as dependent, interactive as interactive, require as require)
    from .error import (
        AlreadyDisplayedError as AlreadyDisplayedError, CompositeError as CompositeError,
        DependencyTimeout as DependencyTimeout, EngineError as EngineError,
        ImpossibleDependency as ImpossibleDependency, InvalidDependency as InvalidDependency,
        IPythonError as IPythonError, KernelError as KernelError,
        NoEnginesRegistered as NoEnginesRegistered,
        ResultAlreadyRetrieved as ResultAlreadyRetrieved,
        ResultNotCompleted as ResultNotCompleted, SerializationError as SerializationError,
        TaskAborted as TaskAborted, TaskRejectError as TaskRejectError,
        TaskTimeout as TaskTimeout, TimeoutError as TimeoutError,
        UnmetDependency as UnmetDependency)
    from .executor import ViewExecutor as ViewExecutor
    from .functions import (
        LazyMapIterator as LazyMapIterator, ParallelFunction as ParallelFunction,
        RemoteFunction as RemoteFunction, parallel as parallel, remote as remote)
    from .joblib import register_joblib_backend as register_joblib_backend
    from .serialize import (
        PrePickled as PrePickled, bind_kernel as bind_kernel, can as can, can_map as can_map,
        deserialize_object as deserialize_object, pack_apply_message as pack_apply_message,
        serialize_object as serialize_object, uncan as uncan, uncan_map as uncan_map,
        unpack_apply_message as unpack_apply_message, use_cloudpickle as use_cloudpickle,
        use_dill as use_dill, use_pickle as use_pickle)
    from .view import (
        BroadcastView as BroadcastView, DirectView as DirectView,
        LoadBalancedView as LoadBalancedView)

    __version__ = ""  # no annotations here: a Python 2 is to read this
    version_info = ()  # type: tuple[int, ...]

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
    "FIRST_COMPLETED": "asyncresult", "FIRST_EXCEPTION": "asyncresult",
    "ALL_COMPLETED": "asyncresult",
}


_ERRORS = (
    "AlreadyDisplayedError", "CompositeError", "DependencyTimeout", "EngineError", "IPythonError",
    "ImpossibleDependency", "InvalidDependency", "KernelError", "NoEnginesRegistered",
    "ResultAlreadyRetrieved", "ResultNotCompleted", "SerializationError", "TaskAborted",
    "TaskRejectError", "TaskTimeout", "TimeoutError", "UnmetDependency")
_SERIALIZE = (
    "PrePickled", "bind_kernel", "can", "can_map", "deserialize_object", "pack_apply_message",
    "serialize_object", "uncan", "uncan_map", "unpack_apply_message", "use_cloudpickle",
    "use_dill", "use_pickle")
_LAZY.update(dict.fromkeys(_SERIALIZE, "serialize"))
_LAZY.update(dict.fromkeys(_ERRORS, "error"))


def _get(name):  # type: (str) -> object
    import importlib

    if name == "error":
        return importlib.import_module(".error", __name__)
    if name == "__version__":
        return getattr(importlib.import_module("._runtime", __name__), "VERSION")
    if name == "version_info":
        return tuple(int(part) for part in str(_get("__version__")).split("."))
    if name not in _LAZY:
        raise AttributeError("module 'tutti' has no attribute %r" % name)
    value = getattr(importlib.import_module("." + _LAZY[name], __name__), name)
    globals()[name] = value  # also over a module of that name
    return value


if not TYPE_CHECKING:
    __getattr__ = _get


__all__ = ["Handle", "Reference", "RemoteError", "Result", "display", "publish_data"] + list(_LAZY)


def load_ipython_extension(shell):  # type: (object) -> None
    """`%load_ext tutti`: the magics %px and the like for the default cluster."""
    from .ipython import load

    load(shell)
