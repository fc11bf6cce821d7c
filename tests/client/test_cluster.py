"""Cluster and ClusterManager. (rows 75 to 78)"""

import asyncio
import json
import os
import subprocess
import sys

import pytest

import tutti as ipp
from e2e.harness import wait_until


def test_a_block_has_a_client_and_its_cluster_ends_with_it(cluster):
    made = ipp.Cluster(n=2)
    with made as rc:
        assert len(rc) == 2 and rc.cluster is made and rc[:].apply_sync(lambda: 1) == [1, 1]
        assert repr(made).startswith("<Cluster(cluster_id='%s', profile='default', controller=<running>, engine_sets="
                                     % made.cluster_id)
        with pytest.raises(RuntimeError, match="already running"):
            made.start_cluster_sync()
    cluster.wait_gone()
    assert repr(made) == "<Cluster(cluster_id='%s', profile='default')>" % made.cluster_id


def test_the_methods_that_wait(cluster):
    made = ipp.Cluster(cluster_id="mine", n=1)
    rc = made.start_and_connect_sync()
    pid = rc[0].apply_sync(os.getpid)
    made.restart_engines_sync()
    rc.wait_for_engines(1, timeout=20)
    assert rc[0].apply_sync(os.getpid) != pid
    made.start_engines_sync(1)
    rc.wait_for_engines(2, timeout=20)
    made.stop_engines_sync()
    with made.connect_client_sync() as other:
        wait_until(lambda: len(other) == 0)
        made.start_engines_sync(1)
        other.wait_for_engines(1, timeout=20)
    rc.close()
    made.stop_cluster_sync()
    made.stop_cluster_sync()
    cluster.wait_gone()
    for name in ("stop_engine", "restart_engine", "signal_engine"):
        with pytest.raises(NotImplementedError):
            getattr(made, name)(0)


def test_without_engines(cluster):
    made = ipp.Cluster(cluster_id="bare")
    made.start_controller_sync()
    with made.connect_client_sync() as rc:
        assert rc.ids == []
        made.start_engines_sync(2)
        rc.wait_for_engines(2, timeout=20)
    made.stop_cluster_sync()
    cluster.wait_gone()


def test_sets_of_engines(cluster):
    made = ipp.Cluster(cluster_id="sets")
    made.start_controller_sync()
    first, second = made.start_engines_sync(2, "first"), made.start_engines_sync(1)
    assert first == "first" and second != first and list(made.engines) == [first, second]
    with made.connect_client_sync() as rc:
        pids = rc[:].apply_sync(os.getpid)
        made.restart_engines_sync("first")
        rc.wait_for_engines(3, timeout=20)
        again = rc[:].apply_sync(os.getpid)
        assert set(again) & set(pids) == {pids[2]}
        rc[:].execute("import signal; signal.signal(signal.SIGUSR1, lambda *_: None)", block=True)
        made.signal_engines_sync("SIGUSR1", second)
        with pytest.raises(KeyError, match="no engine set 'third': there are first"):
            made.stop_engines_sync("third")
        made.stop_engines_sync("first")
        wait_until(lambda: rc.ids == [2])
        assert rc[0:].apply_sync(os.getpid) == again[2:]
    with ipp.Cluster.from_dict(made.to_dict()).connect_client_sync() as rc:
        assert rc.ids == [2]
    made.stop_cluster_sync()
    cluster.wait_gone()


def test_engines_of_another_language(cluster):
    with ipp.Cluster(n=1, engines=["--lang", "sh"]) as rc:
        assert rc._connection.engines[0].language == "sh"
    bare = ipp.Cluster(engines=["--lang", "sh"])
    bare.start_controller_sync()
    bare.start_engines_sync(1)
    bare.start_engines_sync(1)
    with bare.connect_client_sync() as rc:
        assert [one.language for one in rc._connection.engines.values()] == ["sh", "sh"]
    bare.stop_cluster_sync()
    cluster.wait_gone()


def test_coroutines(cluster):
    async def main():
        async with ipp.Cluster(n=1) as rc:
            return await rc[0].apply_async(lambda: 5)

    assert asyncio.run(main()) == 5

    async def parts():
        made = ipp.Cluster(n=1, cluster_id="parts")
        await made.start_cluster()
        rc = await made.connect_client()
        found = rc.ids
        rc.close()
        await made.stop_cluster()
        return found

    assert asyncio.run(parts()) == [0]
    cluster.wait_gone()


def test_one_that_runs_already(cluster, tmp_path):
    cluster.start(2)
    found = ipp.Cluster.from_file()
    with found.connect_client_sync() as rc:
        assert len(rc) == 2
    told = found.to_dict()
    path = tmp_path / "cluster.json"
    path.write_text(json.dumps(told))
    again = ipp.Cluster.from_file(path)
    assert again.cluster_id == "default" and again.controller["pid"] == cluster.controller_pid()
    manager = ipp.ClusterManager()
    assert list(manager.load_clusters()) == ["default"] and manager.get_cluster("default").cluster_id == "default"
    name, new = manager.new_cluster(n=1)
    assert manager.get_cluster(name) is new
    manager.remove_cluster(name)
    with pytest.raises(KeyError):
        manager.get_cluster(name)
    with pytest.raises(FileNotFoundError, match="no cluster 'nothing' is running"):
        ipp.Cluster.from_file(cluster_id="nothing")


def test_what_cannot_start_says_why(cluster):
    with pytest.raises(RuntimeError, match="no_python_of_this_name"):
        ipp.Cluster(n=1, engines=["--python", "/no_python_of_this_name"]).start_cluster_sync()


def test_it_ends_with_its_process(cluster):
    code = ("import sys; sys.path.insert(0, %r)\nimport tutti as ipp\n"
            "rc = ipp.Cluster(n=1).start_and_connect_sync()\nprint(rc.ids)"
            % os.path.dirname(os.path.dirname(ipp.__file__)))
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert got.stdout == "[0]\n" and got.returncode == 0, got
    cluster.wait_gone()
