"""The extensions of the wheel. What they are made of stands in ../Makefile.am, their version in
../configure.ac: so this builds from a checkout, and `pip install ./python` is the way."""

import pathlib
import re
import shlex
import subprocess

from setuptools import Extension, setup

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
LIMITED_API = "0x030b0000"  # Python 3.11 and all that come after it


def makefile_list(name):
    """The words of a variable of Makefile.am."""
    text = (ROOT / "Makefile.am").read_text().replace("\\\n", " ")
    found = re.search(r"^%s = (.*)$" % re.escape(name), text, re.M)
    if not found:
        raise SystemExit("Makefile.am has no %s" % name)
    return found.group(1).split()


def version():
    """The version of the whole."""
    return re.search(r"AC_INIT\(\[tutti\], \[([^]]+)\]", (ROOT / "configure.ac").read_text())[1]


def pkg_config(what, *names):
    """Flags of the first of these libraries that is there."""
    for name in names:
        done = subprocess.run(["pkg-config", what, name], capture_output=True, text=True)
        if done.returncode == 0:
            return shlex.split(done.stdout)
    raise SystemExit("tutti's client needs %s with its headers" % " or ".join(names))


def extension(name, *libraries):
    """One extension: C, for every Python from 3.11 on, nothing visible but its init function."""
    sources = makefile_list("python_tutti_%s_abi3_so_SOURCES" % name)
    flags = pkg_config("--cflags", "msgpack", "msgpack-c")
    for library in libraries:
        flags += pkg_config("--cflags", library)
    return Extension(
        "tutti." + name,
        # relative to here, so that the objects stay in build/
        [str(pathlib.Path("..") / one) if not one.startswith("python/") else one[len("python/"):]
         for one in sources if one.endswith(".c")],
        depends=[str(ROOT / one) for one in sources],
        define_macros=[("_GNU_SOURCE", None), ("Py_LIMITED_API", LIMITED_API),
                       ("TT_VERSION", '"%s"' % version())],
        extra_compile_args=["-std=c11", "-fvisibility=hidden", "-iquote", str(ROOT / "share"),
                            "-iquote", str(ROOT), *flags],
        extra_link_args=[flag for library in libraries for flag in pkg_config("--libs", library)],
        py_limited_api=True)


setup(version=version(),
      ext_modules=[extension("_runtime"), extension("_client", "libzmq")],
      options={"bdist_wheel": {"py_limited_api": "cp311"}})
