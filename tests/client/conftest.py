"""Fixtures of the tests of the Python client: a cluster of four engines for each module, and `rc`, a
client of it. The package is that of the installed tutti, as users have it."""

import os
import sys

import pytest

from e2e.conftest import FAILED, pytest_runtest_makereport  # noqa: F401
from e2e.harness import Cluster

sys.path.insert(0, os.path.join(os.environ["TUTTI_PREFIX"], "lib", "tutti", "python"))

ENGINES = 4
DIRECTORIES = ("TUTTI_RUNTIME_DIR", "TUTTI_STATE_DIR", "XDG_CONFIG_HOME")


class Here:
    """The environment of this process is that of a cluster, for as long as it is there."""

    def __init__(self, cluster):
        self.before = {name: os.environ.get(name) for name in DIRECTORIES}
        os.environ.update({name: cluster.env[name] for name in DIRECTORIES if name in cluster.env})

    def leave(self):
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@pytest.fixture(scope="module")
def four():
    """A running cluster of four engines (e2e.harness.Cluster)."""
    cluster = Cluster()
    here = Here(cluster)
    try:
        cluster.start(ENGINES)
        yield cluster
    finally:
        here.leave()
        cluster.finish()


@pytest.fixture(scope="module")
def rc(four):
    """A client of it."""
    import tutti as ipp

    with ipp.Client() as client:
        client.wait_for_engines(ENGINES, timeout=20)
        yield client


@pytest.fixture
def cluster():
    """A cluster of one's own, not started: for tests that break it."""
    one = Cluster()
    here = Here(one)
    try:
        yield one
    finally:
        here.leave()
        one.finish()


@pytest.fixture
def own(cluster):
    """A client of a cluster of one's own, of four engines."""
    import tutti as ipp

    cluster.start(ENGINES)
    with ipp.Client() as client:
        client.wait_for_engines(ENGINES, timeout=20)
        yield client
