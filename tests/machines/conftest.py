"""Fixtures of the tests with machines: `machines`, and the clusters of tests/e2e."""

import pytest

# The hook too: the fixtures ask it whether the test has failed.
from e2e.conftest import (FAILED, cluster, new_cluster,  # noqa: F401
                          pytest_runtest_makereport)

from .machines import Machines, Supply, why_not


@pytest.fixture(scope="session")
def supply():
    """What all machines share; without root, sshd or namespaces the tests are skipped."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    one = Supply()
    yield one
    one.close()


@pytest.fixture(autouse=True)
def machines_of_test(request):
    """Where `machines` puts what it has made. As this is used by itself it comes before all other
    fixtures and ends after them: the clusters, whose engines run on the machines, end first."""
    made = []
    yield made
    for one in made:
        one.finish(request.node.stash.get(FAILED, False))


@pytest.fixture
def machines(supply, machines_of_test):
    """A Machines; it has none yet."""
    machines_of_test.append(Machines(supply))
    return machines_of_test[-1]
