"""Fixtures of the end-to-end tests: `cluster`, not started yet, and `new_cluster`."""

import pytest

from . import harness

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    if outcome.get_result().failed:
        item.stash[FAILED] = True


@pytest.fixture
def new_cluster(request):
    """Makes further clusters, each with its own directories, for tests that need several."""
    made = []

    def make():
        made.append(harness.Cluster())
        return made[-1]
    yield make
    failed = request.node.stash.get(FAILED, False)
    problems = []
    for one in made:
        try:
            one.finish(failed)
        except AssertionError as error:
            problems.append(str(error))
    assert not problems, "\n".join(problems)


@pytest.fixture
def cluster(new_cluster):
    """A harness.Cluster; nothing runs yet."""
    return new_cluster()


@pytest.fixture(scope="module")
def shared_four():
    """A cluster of four engines for the tests of one module that change nothing on it."""
    one = harness.Cluster()
    try:
        one.start(4)
        yield one
    finally:
        one.finish()
