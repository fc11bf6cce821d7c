"""What all pytest suites share: a deadline for every test, and their marks.

Environment: TUTTI_PREFIX, where tutti is installed (default: ./local); BUILDDIR, the build tree
(default: ./build); TUTTI_TEST_SLOW, a factor for all deadlines (the sanitizers set it).
TUTTI_TEST_SCRATCH is set for the run's processes: a directory that goes with it."""

import os
import pathlib
import shutil
import signal
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEADLINE_S = 60
SLOW = float(os.environ.get("TUTTI_TEST_SLOW", "1"))

os.environ.setdefault("BUILDDIR", str(ROOT / "build"))
os.environ.setdefault("TUTTI_PREFIX", str(ROOT / "local"))


def pytest_configure(config):
    config.addinivalue_line("markers", "deadline(seconds): how long the test may take at most")
    config.addinivalue_line("markers", "sanitize: runs again with the sanitizers built in")
    if not hasattr(config, "workerinput"):  # workers of xdist get it with the environment
        config.tutti_scratch = tempfile.mkdtemp(prefix="tutti-test-")
        os.environ["TUTTI_TEST_SCRATCH"] = config.tutti_scratch


def pytest_unconfigure(config):
    """Removes what the run's processes made there, however they ended."""
    if hasattr(config, "tutti_scratch"):
        shutil.rmtree(config.tutti_scratch, ignore_errors=True)


class TookTooLong(BaseException):
    """Not an Exception: a test that catches those must end all the same."""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """Ends a test, its fixtures included, at its deadline and says where it was."""
    mark = item.get_closest_marker("deadline")
    seconds = (mark.args[0] if mark else DEADLINE_S) * SLOW

    def on_alarm(*_):
        signal.alarm(10)  # for the fixtures' own ends
        raise TookTooLong(f"no end after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(max(1, round(seconds)))
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def prefix():
    """Where tutti is installed."""
    return pathlib.Path(os.environ["TUTTI_PREFIX"])
