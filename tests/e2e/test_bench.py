"""The benchmark is not run here, but its programs are built, as it builds them."""

import importlib.util
import pathlib
import subprocess

BENCH = pathlib.Path(__file__).resolve().parents[1] / "bench"


def test_the_programs_of_the_benchmark_are_built_and_run(cluster):
    spec = importlib.util.spec_from_file_location("bench_programs", BENCH / "programs.py")
    programs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(programs)
    programs.compile_programs(cluster.work_dir)
    cluster.start(1, "--lang", "mock")
    took = subprocess.run([cluster.work_dir / "bench_px", "default", "one", "10"], env=cluster.env,
                          capture_output=True, text=True, timeout=30)
    assert took.returncode == 0 and float(took.stdout) > 0, took
    took = subprocess.run([cluster.work_dir / "bench_fold", "10000"], capture_output=True, text=True,
                          timeout=30)
    assert float(took.stdout) > 0 and took.stderr.startswith(
        "[items 0-9999] ValueError at clean:12, 10000 messages, first 3: bad row 0 of 0 · "), took
