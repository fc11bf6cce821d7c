"""Cluster: starting and stopping clusters of this machine from Python.

Each method is a coroutine; the same with `_sync` behind its name waits. `with Cluster(n=4) as rc:`
gives a client of a cluster that ends with the block."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import pathlib
import random
import shutil
import string
import subprocess
import sys
import time
import weakref
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from .client import Client

PathLike = Union[str, "os.PathLike[str]"]


def command() -> str:
    """The program `tutti`: the one that this package was installed with, else that on PATH. Raises
    FileNotFoundError when there is none."""
    beside = pathlib.Path(__file__).resolve().parents[4] / "bin" / "tutti"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("tutti")
    if found is None:
        raise FileNotFoundError("no program 'tutti' beside this package or on PATH")
    return found


def _run(*words: str, timeout: Optional[float] = None, codes: Sequence[int] = (0,)) -> str:
    """Runs `tutti WORDS`: what it prints. Raises RuntimeError with its words when it fails."""
    got = subprocess.run([command(), *words], stdin=subprocess.DEVNULL, capture_output=True,
                         text=True, timeout=timeout)
    if got.returncode not in codes:
        raise RuntimeError((got.stderr or got.stdout).strip() or "tutti %s ended with %d"
                           % (words[0], got.returncode))
    return got.stdout


def _set_name() -> str:
    """The name of a set of engines: when it was started, Unix time."""
    return "%.6f" % time.time()


def _new_id() -> str:
    letters = string.ascii_lowercase + string.digits
    return "%d-%s" % (time.time(), "".join(random.choices(letters, k=4)))


def _sync(name: str) -> Callable[..., Any]:
    """The waiting form of a coroutine."""
    def call(self: "Cluster", *args: Any, **kwargs: Any) -> Any:
        return getattr(self, "_" + name)(*args, **kwargs)

    call.__name__ = name + "_sync"
    call.__doc__ = "%s, waited for" % name
    return call


class Cluster:
    """A cluster of this machine, started when it is asked for.

    n           engines; None: one for each core
    cluster_id  its name; without one a new one
    profile     the section of tutti's settings that is used; '' for none
    engines     options for `tutti start` as a list of words, e.g. ['--lang', 'sh']; 'local' for
                none
    engine_timeout  seconds that engines may take to be ready
    shutdown_atexit  whether it is stopped with this process

    What other arguments of ipyparallel's Cluster tell has no meaning here."""

    def __init__(self, *, n: Optional[int] = None, engines: Any = "local", controller: Any = None,
                 profile: str = "", profile_dir: Optional[str] = None, cluster_id: Optional[str] = None,
                 engine_timeout: float = 60, shutdown_atexit: bool = True, **ignored: Any) -> None:
        self.n = n
        self.profile = profile
        self.cluster_id = cluster_id if cluster_id else _new_id()
        self.engine_timeout = engine_timeout
        self.shutdown_atexit = shutdown_atexit
        self.options: List[str] = [] if isinstance(engines, str) else [str(one) for one in engines]
        self.engines: Dict[str, Dict[str, Any]] = {}
        self.controller: Optional[Dict[str, Any]] = None
        self._client: Optional[Client] = None
        self._finalizer: Any = None

    @property
    def name(self) -> str:
        return self.cluster_id

    def __repr__(self) -> str:
        fields = ["cluster_id=%r" % self.cluster_id, "profile=%r" % (self.profile or "default")]
        if self.controller is not None:
            fields.append("controller=<running>")
        if self.engines:
            fields.append("engine_sets=%r" % list(self.engines))
        return "<Cluster(%s)>" % ", ".join(fields)

    # ---- starting

    def _words(self) -> List[str]:
        profile = ["--profile", self.profile] if self.profile and self.profile != "default" else []
        return [*profile, "--name", self.cluster_id]

    def _start_cluster(self, n: Optional[int] = None) -> "Cluster":
        if self.controller is not None:
            raise RuntimeError("the cluster is already running: %r" % self)
        wanted = n if n is not None else self.n
        count = ["-n", str(wanted)] if wanted is not None else []
        _run("start", *self._words(), *count, *self.options, timeout=self.engine_timeout + 10)
        self._look()
        if self.shutdown_atexit:
            self._finalizer = weakref.finalize(self, _stop, self.cluster_id)
        return self

    def _look(self) -> None:
        """What runs."""
        report = json.loads(_run("status", "--json", "--name", self.cluster_id, timeout=20))
        self.controller = dict(report["controller"])
        ids = [int(one["id"]) for one in report["engines"]]
        self.engines = {_set_name(): {"n": len(ids), "ids": ids}} if ids else {}

    def _start_controller(self) -> "Cluster":
        _run("start", *self._words(), "-n", "0", timeout=self.engine_timeout)
        self._look()
        self.engines = {}
        if self.shutdown_atexit:
            self._finalizer = weakref.finalize(self, _stop, self.cluster_id)
        return self

    def _start_engines(self, n: Optional[int] = None, engine_set_id: Optional[str] = None,
                       **ignored: Any) -> str:
        wanted = n if n is not None else self.n if self.n is not None else os.cpu_count() or 1
        with Client(cluster_id=self.cluster_id) as client:
            here = set(client._connection.engines)
            if here:  # more of the same kind
                _run("-c", "%%scale +%d" % wanted, "--name", self.cluster_id,
                     timeout=self.engine_timeout + 10)
            else:
                _run("start", *self._words(), "-n", str(wanted), *self.options,
                     timeout=self.engine_timeout + 10)
            client.wait_for_engines(len(here) + wanted, timeout=self.engine_timeout)
            ids = sorted(set(client._connection.engines) - here)
        name = engine_set_id or _set_name()
        self.engines[name] = {"n": len(ids), "ids": ids}
        return name

    def _ids_of(self, engine_set_id: Optional[str], client: Client) -> List[int]:
        """The engines of a set that are there; of all with None. Raises KeyError for no set."""
        if engine_set_id is None:
            return client.ids
        if engine_set_id not in self.engines:
            raise KeyError("no engine set %r: there are %s"
                           % (engine_set_id, ", ".join(self.engines) or "none"))
        return [one for one in client.ids if one in self.engines[engine_set_id]["ids"]]

    def _connect_client(self, **options: Any) -> Client:
        return Client(cluster=self, **options)

    def _start_and_connect(self, n: Optional[int] = None, activate: bool = False) -> Client:
        self._start_cluster(n)
        client = self._connect_client()
        wanted = n if n is not None else self.n
        client.wait_for_engines(wanted, timeout=self.engine_timeout)
        if activate:
            client.activate()
        return client

    # ---- ending

    def _stop_cluster(self) -> None:
        if self._finalizer is not None:
            self._finalizer.detach()
            self._finalizer = None
        _run("stop", "--name", self.cluster_id, codes=(0, 3), timeout=40)
        self.controller = None
        self.engines = {}

    def _stop_controller(self) -> None:
        self._stop_cluster()

    def _stop_engines(self, engine_set_id: Optional[str] = None) -> None:
        with Client(cluster_id=self.cluster_id) as client:
            ids = self._ids_of(engine_set_id, client)
            if ids:
                client.shutdown(ids)
        if engine_set_id is None:
            self.engines = {}
        else:
            del self.engines[engine_set_id]

    def _restart_engines(self, engine_set_id: Optional[str] = None) -> None:
        with Client(cluster_id=self.cluster_id) as client:
            ids = self._ids_of(engine_set_id, client)
            born = {one: client._uuid_of(one) for one in ids}
            client._connection.ask("restart", ids)
            client._connection.wait(
                lambda: all(one in client._engines and client._uuid_of(one) != born[one]
                            for one in ids), self.engine_timeout)

    def _signal_engines(self, signum: Union[int, str], engine_set_id: Optional[str] = None) -> None:
        with Client(cluster_id=self.cluster_id) as client:
            client.send_signal(signum, self._ids_of(engine_set_id, client), block=True)

    # ---- coroutines, and their waiting forms

    async def _later(self, name: str, *args: Any, **kwargs: Any) -> Any:
        call = functools.partial(getattr(self, "_" + name), *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(None, call)

    async def start_cluster(self, n: Optional[int] = None) -> "Cluster":
        """Starts it: controller and engines. Raises RuntimeError with what went wrong."""
        await self._later("start_cluster", n)
        return self

    async def start_controller(self) -> None:
        """Starts it without engines."""
        await self._later("start_controller")

    async def start_engines(self, n: Optional[int] = None, engine_set_id: Optional[str] = None,
                            **options: Any) -> str:
        """Starts n engines more: the name of their set."""
        return str(await self._later("start_engines", n, engine_set_id, **options))

    async def start_and_connect(self, n: Optional[int] = None, activate: bool = False) -> Client:
        """Starts it, and waits for its engines: a client."""
        found: Client = await self._later("start_and_connect", n, activate)
        return found

    async def connect_client(self, **options: Any) -> Client:
        """A client of it."""
        found: Client = await self._later("connect_client", **options)
        return found

    async def stop_cluster(self) -> None:
        """Stops it. Harmless when it does not run."""
        await self._later("stop_cluster")

    async def stop_controller(self) -> None:
        """The same: engines end with their controller."""
        await self._later("stop_cluster")

    async def stop_engines(self, engine_set_id: Optional[str] = None) -> None:
        """Ends all engines; the controller stays."""
        await self._later("stop_engines", engine_set_id)

    async def restart_engines(self, engine_set_id: Optional[str] = None) -> None:
        """Kills the engines and starts them again, empty, under their numbers."""
        await self._later("restart_engines", engine_set_id)

    async def signal_engines(self, signum: Union[int, str],
                             engine_set_id: Optional[str] = None) -> None:
        """Sends the engines a signal."""
        await self._later("signal_engines", signum, engine_set_id)

    start_cluster_sync = _sync("start_cluster")
    start_controller_sync = _sync("start_controller")
    start_engines_sync = _sync("start_engines")
    start_and_connect_sync = _sync("start_and_connect")
    connect_client_sync = _sync("connect_client")
    stop_cluster_sync = _sync("stop_cluster")
    stop_controller_sync = _sync("stop_controller")
    stop_engines_sync = _sync("stop_engines")
    restart_engines_sync = _sync("restart_engines")
    signal_engines_sync = _sync("signal_engines")

    def stop_engine(self, *args: Any) -> None:
        raise NotImplementedError("rc.shutdown(targets=[ID]) ends one engine")

    def restart_engine(self, *args: Any) -> None:
        raise NotImplementedError("`tutti` has %restart ID for one engine")

    def signal_engine(self, *args: Any) -> None:
        raise NotImplementedError("rc.send_signal(SIGNAL, targets=[ID]) signals one engine")

    # ---- context managers

    def __enter__(self) -> Client:
        if self.controller is None:
            self._start_cluster()
        self._client = self._connect_client()
        self._client.wait_for_engines(self.n, timeout=self.engine_timeout)
        return self._client

    def __exit__(self, *_: Any) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        self._stop_cluster()

    async def __aenter__(self) -> Client:
        found: Client = await asyncio.get_running_loop().run_in_executor(None, self.__enter__)
        return found

    async def __aexit__(self, *_: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.__exit__)

    # ---- clusters that run already

    def to_dict(self) -> Dict[str, Any]:
        return {"class": "%s.%s" % (type(self).__module__, type(self).__name__),
                "cluster": {"cluster_id": self.cluster_id, "profile": self.profile},
                "controller": self.controller, "engines": {"sets": self.engines}}

    @classmethod
    def from_dict(cls, found: Dict[str, Any], **options: Any) -> "Cluster":
        """A cluster that to_dict told of."""
        told = found.get("cluster", {})
        self = cls(cluster_id=told.get("cluster_id"), profile=told.get("profile") or "",
                   shutdown_atexit=False, **options)
        self.controller = found.get("controller")
        self.engines = dict((found.get("engines") or {}).get("sets") or {})
        return self

    @classmethod
    def from_file(cls, cluster_file: Optional[PathLike] = None, *, profile: Optional[str] = None,
                  profile_dir: Optional[PathLike] = None, cluster_id: str = "",
                  **options: Any) -> "Cluster":
        """A cluster that runs: by its name (cluster_id, else profile, else 'default'), or by a file
        that has what to_dict tells. Raises FileNotFoundError when it does not run."""
        if cluster_file is not None:
            with open(cluster_file, encoding="utf-8") as file:
                return cls.from_dict(json.load(file), **options)
        self = cls(cluster_id=cluster_id or profile or "default", profile="",
                   shutdown_atexit=False, **options)
        try:
            self._look()
        except RuntimeError as problem:
            raise FileNotFoundError(str(problem)) from None
        return self


def _stop(name: str) -> None:
    try:
        _run("stop", "--name", name, codes=(0, 3), timeout=40)
    except (OSError, RuntimeError, subprocess.SubprocessError) as problem:
        print("tutti: cluster %r is not stopped: %s" % (name, problem), file=sys.stderr)


class ClusterManager:
    """The clusters of this machine, by their names."""

    def __init__(self) -> None:
        self.clusters: Dict[str, Cluster] = {}

    def load_clusters(self, *, init_default_clusters: bool = False,
                      **ignored: Any) -> Dict[str, Cluster]:
        """Those that run, {name: Cluster}."""
        rows = [json.loads(line) for line in _run("list", "--json", timeout=20).splitlines()]
        names = [str(row["cluster"]) for row in rows if row["answers"]]
        for gone in set(self.clusters) - set(names):
            if self.clusters[gone].controller is not None:
                del self.clusters[gone]
        for name in names:
            if name not in self.clusters:
                self.clusters[name] = Cluster.from_file(cluster_id=name)
        return self.clusters

    def new_cluster(self, **options: Any) -> "tuple[str, Cluster]":
        """(name, Cluster), not started."""
        cluster = Cluster(**options)
        if cluster.cluster_id in self.clusters:
            raise KeyError("Cluster with key %r already exists!" % cluster.cluster_id)
        self.clusters[cluster.cluster_id] = cluster
        return cluster.cluster_id, cluster

    def get_cluster(self, name: str) -> Cluster:
        """Raises KeyError for one that is not known."""
        return self.clusters[name]

    def remove_cluster(self, name: str) -> None:
        """Forgets one. Raises KeyError for one that is not known."""
        del self.clusters[name]
