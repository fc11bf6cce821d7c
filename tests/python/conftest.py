"""Unit tests of the Python package, in this process."""

import importlib.util
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "conformance"))
import harness  # noqa: E402


@pytest.fixture(scope="session")
def compiled():
    """The compiled codec."""
    spec = importlib.util.spec_from_file_location("tutti._runtime", harness.extension())
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
