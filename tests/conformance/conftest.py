"""The runtimes that the suite runs against, and how each of them says the same things."""

import importlib.util
import os
import pathlib
import shlex
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import harness  # noqa: E402

PYTHON = {"print": "print({!r})", "value": "{}", "spin": "while True: pass",
          "fail": "raise ValueError({!r})", "spinning": True}
MOCK = {"print": "print {}", "value": "value {}", "spin": "spin", "fail": "fail {}"}
SHELL = {"print": "echo {}", "value": "echo {}", "spin": "while :; do :; done",
         "fail": "echo {} >&2; (exit 4)"}
IPYTHON = "the environment of a runtime with IPython"


class Kind:
    """One runtime: its command, environment, and whether it keeps the page."""

    def __init__(self, name, command, env=None, page=True, words=PYTHON, version=None):
        self.name, self.command, self.env, self.page = name, command, env, page
        self.words, self.version = words, version

    @property
    def texts_only(self):
        """The shell: its values are what a command writes, its failures statuses."""
        return self.words is SHELL

    @property
    def flags(self):
        """Of an EXECUTE whose answer is to be seen."""
        return 1 if self.texts_only else 0

    def shown(self, result):
        """What such an EXECUTE answered, as text."""
        return result.value if self.texts_only else result.text

    def start(self, page=True, mode="engine", **more):
        return harness.Runtime(self.command_of(mode), page=page, env=self.env, **more)

    def command_of(self, mode):
        """The command line of another mode than engine (Python only)."""
        return [mode if word == "engine" else word for word in self.command]

    def say(self, what, *args):
        return self.words[what].format(*args)


def pytest_addoption(parser):
    parser.addoption("--runtime", default=os.environ.get("TUTTI_RUNTIME"),
                     help="command of one more runtime, which speaks the mock's commands")


def versions(variable, default):
    """Versions to run on, from the environment: TUTTI_PURE_VERSIONS=3.9,3.10 for a wider run."""
    return os.environ.get(variable, default).split(",")


def python_kinds():
    wanted = versions("TUTTI_COMPILED_VERSIONS", "3.11,3.12,3.13")
    for version, program in harness.interpreters(*wanted):
        yield Kind("compiled-" + version, harness.python_command(program), False, version=version)
    for version, program in harness.interpreters(*versions("TUTTI_PURE_VERSIONS", "3.8,3.11")):
        yield Kind("pure-" + version, harness.python_command(program), True, page=False,
                   version=version)


def ipython_kinds():
    """The compiled runtime with cells by IPython, on the Python that tests run on if that has it."""
    if importlib.util.find_spec("IPython"):
        yield Kind("ipython", harness.python_command(sys.executable, "ipython-engine"), IPYTHON)


def mock_kinds(config):
    command = config.getoption("--runtime")
    built = pathlib.Path(os.environ.get("BUILDDIR", harness.ROOT)) / "engine" / "tutti-mock"
    command = command or (str(built) if built.exists() else None)
    if command:
        yield Kind("mock", shlex.split(command), {}, words=MOCK)


def shell_kinds():
    built = pathlib.Path(os.environ.get("BUILDDIR", harness.ROOT)) / "engine" / "tutti-shell"
    if built.exists():
        yield Kind("shell", [str(built), "engine", "bash"], {}, words=SHELL)


def pytest_generate_tests(metafunc):
    kinds = list(python_kinds())
    if "kind" in metafunc.fixturenames:
        kinds += mock_kinds(metafunc.config)
        kinds += shell_kinds()
        kinds += ipython_kinds()
        metafunc.parametrize("kind", kinds, ids=[k.name for k in kinds], indirect=True)
    elif "python" in metafunc.fixturenames:
        metafunc.parametrize("python", kinds, ids=[k.name for k in kinds], indirect=True)
    elif "compiled" in metafunc.fixturenames:
        kinds = [k for k in kinds if k.page]
        metafunc.parametrize("compiled", kinds, ids=[k.name for k in kinds], indirect=True)
    elif "shell" in metafunc.fixturenames:
        kinds = list(shell_kinds())
        metafunc.parametrize("shell", kinds, ids=[k.name for k in kinds], indirect=True)


def ready(request):
    kind = request.param
    if kind.env is IPYTHON:
        kind.env = {**harness.python_env(pure=False), "IPYTHONDIR": harness.scratch()}
    elif isinstance(kind.env, bool):
        kind.env = harness.python_env(pure=kind.env)
    return kind


@pytest.fixture
def kind(request):
    """Every language."""
    return ready(request)


@pytest.fixture
def python(request):
    """Both Python runtimes."""
    return ready(request)


@pytest.fixture
def compiled(request):
    """The compiled Python runtime."""
    return ready(request)


@pytest.fixture
def shell(request):
    """The shell."""
    return ready(request)
