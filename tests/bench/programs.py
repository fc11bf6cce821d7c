"""Commands that the benchmark runs, and the programs in C beside this file, compiled."""

import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PYTHON = "/usr/bin/python3"
LIMIT_S = 600  # for any one command


class Failed(Exception):
    """Something that was to be measured did not work; the text is for people."""


def command(args, env=None, limit_s=LIMIT_S):
    """A command's output; Failed when it does not end well."""
    try:
        done = subprocess.run(args, env=env, capture_output=True, text=True, timeout=limit_s)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(str(error)) from None
    if done.returncode != 0:
        told = " ".join(done.stderr.split()[-40:])
        raise Failed(f"{' '.join(map(str, args))[:160]}: exit {done.returncode}: {told}")
    return done.stdout


def compile_programs(directory):
    """The programs beside this file, with the sources of this tree, optimised."""
    flags = ["gcc", "-O2", "-std=c11", "-D_GNU_SOURCE", "-iquote", ROOT / "share"]
    share = sorted((ROOT / "share").glob("*.c"))
    for name in "bench_px", "bench_hosts":
        command([*flags, "-o", directory / name, HERE / f"{name}.c", *share, "-lzmq", "-lsodium"])
    repl = [ROOT / "repl" / f"{name}.c"
            for name in ("render", "output", "fold", "error_fold", "label", "answer")]
    command([*flags, "-iquote", ROOT / "repl", "-o", directory / "bench_fold",
             HERE / "bench_fold.c", *repl, *share, "-lzmq", "-lsodium"])
    command([*flags, "-o", directory / "bench_memfd", HERE / "bench_memfd.c"])
    for name in "bench_raw", "bench_link":
        command([*flags, "-o", directory / name, HERE / f"{name}.c", "-lzmq"])
