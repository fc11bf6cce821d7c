"""What all pytest suites share: a deadline for every test, and their marks.

Environment: TUTTI_PREFIX, where tutti is installed (default: ./local); BUILDDIR, the build tree
(default: ./build); TUTTI_TEST_SLOW, a factor for all deadlines (the sanitizers set it)."""

import os
import pathlib
import signal

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEADLINE_S = 60
SLOW = float(os.environ.get("TUTTI_TEST_SLOW", "1"))

os.environ.setdefault("BUILDDIR", str(ROOT / "build"))
os.environ.setdefault("TUTTI_PREFIX", str(ROOT / "local"))


def pytest_configure(config):
    config.addinivalue_line("markers", "deadline(seconds): how long the test may take at most")
    config.addinivalue_line("markers", "sanitize: runs again with the sanitizers built in")


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
