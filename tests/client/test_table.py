"""The public API of ipyparallel, row by row: names, signatures and defaults of all of it, and what
the other modules do not try. Row 24 (dask) is not wanted."""

import concurrent.futures
import datetime
import inspect
import time

import pytest
import tutti as ipp

EMPTY = inspect.Parameter.empty

# Row: what it is of, and its parameters with their defaults, in this order; others may follow, with
# defaults. "-" stands for one without a default.
SIGNATURES = [
    (1, "Client", "connection_info=None *profile=None *profile_dir=None *ipython_dir=None *cluster_id=None "
     "*cluster=None *debug=False *timeout=10"),
    (4, "Client.direct_view", "targets='all'"),
    (5, "Client.load_balanced_view", "targets=None"),
    (6, "Client.broadcast_view", "targets='all' is_coalescing=False"),
    (7, "Client.executor", "targets=None"),
    (8, "Client.activate", "targets='all' suffix=''"),
    (9, "Client.wait", "jobs=None timeout=-1"),
    (10, "Client.wait_interactive", "jobs=None interval=1.0 timeout=-1.0"),
    (11, "Client.wait_for_engines", "n=None *timeout=-1 *block=True *interactive=None *widget=None"),
    (12, "Client.get_result", "indices_or_msg_ids=None block=None owner=True"),
    (13, "Client.resubmit", "indices_or_msg_ids=None metadata=None block=None"),
    (14, "Client.result_status", "msg_ids=- status_only=True"),
    (15, "Client.queue_status", "targets='all' verbose=False"),
    (16, "Client.abort", "jobs=None targets=None block=None"),
    (17, "Client.clear", "targets=None block=None"),
    (18, "Client.send_signal", "sig=- targets=None block=None"),
    (19, "Client.shutdown", "targets='all' restart=False hub=False block=None"),
    (20, "Client.purge_local_results", "jobs=[] targets=[]"),
    (20, "Client.purge_hub_results", "jobs=[] targets=[]"),
    (20, "Client.purge_results", "jobs=[] targets=[]"),
    (21, "Client.purge_everything", ""),
    (22, "Client.hub_history", ""),
    (23, "Client.db_query", "query=- keys=None"),
    (25, "Client.close", "linger=None"),
    (27, "Client.spin", ""),
    (27, "Client.stop_spin_thread", ""),
    (29, "DirectView.apply", "f=-"),
    (29, "DirectView.apply_async", "f=-"),
    (29, "DirectView.apply_sync", "f=-"),
    (30, "DirectView.map", "f=-"),
    (31, "LoadBalancedView.map", "f=- *block=None *chunksize=None *ordered=True "
     "*return_exceptions=False *label=None"),
    (32, "DirectView.map", "f=- *block=None *track=False *return_exceptions=False *label=None"),
    (33, "LoadBalancedView.imap", "f=- *ordered=True *max_outstanding='auto' *return_exceptions=False"),
    (34, "DirectView.imap", "f=-"),
    (37, "DirectView.remote", "block=None"),
    (38, "DirectView.parallel", "dist='b' block=None"),
    (39, "remote", "view=- block=None"),
    (39, "parallel", "view=- dist='b' block=None ordered=True"),
    (40, "LoadBalancedView.register_joblib_backend", "name='ipyparallel' make_default=False"),
    (41, "DirectView.execute", "code=- silent=True targets=None block=None label=None"),
    (42, "DirectView.run", "filename=- targets=None block=None label=None"),
    (43, "DirectView.push", "ns=- targets=None block=None track=None"),
    (44, "DirectView.pull", "names=- targets=None block=None"),
    (46, "DirectView.scatter", "key=- seq=- dist='b' flatten=False targets=None block=None track=None"),
    (47, "DirectView.gather", "key=- dist='b' targets=None block=None"),
    (48, "DirectView.clear", "targets=None block=None"),
    (49, "DirectView.sync_imports", "local=True quiet=False"),
    (50, "DirectView.use_dill", ""),
    (51, "DirectView.activate", "suffix=''"),
    (53, "AsyncResult.get", "timeout=None return_exceptions=None return_when=None"),
    (54, "AsyncResult.result", "timeout=None"),
    (55, "AsyncResult.wait", "timeout=-1 return_when=None"),
    (57, "AsyncResult.wait_for_output", "timeout=-1"),
    (58, "AsyncResult.wait_interactive", "interval=0.1 timeout=-1 widget=None return_when='ALL_COMPLETED'"),
    (59, "AsyncResult.wait_for_send", "timeout=-1"),
    (60, "AsyncResult.get_dict", "timeout=-1"),
    (66, "AsyncResult.timedelta", "start=- end=- start_key=min end_key=max"),
    (68, "AsyncResult.abort", ""),
    (69, "AsyncResult.display_outputs", "groupby='type' result_only=False"),
    (70, "AsyncResult.stream_output", ""),
    (71, "AsyncResult.split", ""),
    (75, "Cluster", "*n=None *engines='local' *profile='' *profile_dir=None *cluster_id=None "
     "*engine_timeout=60 *shutdown_atexit=True"),
    (76, "Cluster.start_engines", "n=None engine_set_id=None"),
    (76, "Cluster.start_cluster", "n=None"),
    (76, "Cluster.start_and_connect", "n=None activate=False"),
    (77, "Cluster.from_file", "cluster_file=None *profile=None *profile_dir=None *cluster_id=''"),
    (79, "Dependency", "dependencies=() all=True success=True failure=False"),
]

# Row: where it is tried, as module.test.
TRIED = {
    1: "client.test_there_is_no_cluster client.test_a_cluster_that_is_being_started_is_waited_for "
       "client.test_the_cluster_of_a_name ipython.test_suffixes_and_several_views",
    2: "client.test_ids_and_length",
    3: "client.test_views_by_index client.test_what_is_no_target",
    4: "client.test_a_view_of_all_looks_its_targets_up_and_a_list_does_not",
    5: "client.test_views_of_other_kinds", 6: "client.test_views_of_other_kinds",
    7: "functions.test_an_executor", 8: "ipython.test_suffixes_and_several_views",
    9: "client.test_wait", 10: "show.test_progress_counts_items",
    11: "client.test_waiting_for_engines client.test_without_engines",
    12: "client.test_results_by_id hub.test_results_of_a_client_that_lives "
        "hub.test_work_goes_on_when_its_client_leaves",
    13: "client.test_work_is_done_again",
    14: "client.test_result_status hub.test_what_is_pending_comes_to_both",
    15: "client.test_queue_status", 16: "results.test_abort hub.test_what_was_left_can_be_ended",
    17: "client.test_clear", 18: "client.test_signals", 19: "client.test_shutdown_of_the_cluster",
    20: "client.test_purging hub.test_purging", 21: "client.test_purging",
    22: "hub.test_history", 23: "hub.test_queries hub.test_queries_for_what_only_results_tell",
    25: "table.test_a_client_that_is_closed", 26: "client.test_history_and_outstanding",
    27: "client.test_harmless_names", 28: "views.test_flags", 29: "views.test_calls views.test_shapes_of_results",
    30: "views.test_maps_of_a_direct_view", 31: "views.test_balanced_maps",
    32: "views.test_maps_of_a_direct_view", 33: "functions.test_imap", 34: "functions.test_imap",
    35: "views.test_views_have_the_methods_of_the_client",
    36: "table.test_what_a_view_knows_of_its_work", 37: "functions.test_a_remote_function",
    38: "functions.test_a_parallel_function", 39: "functions.test_a_parallel_function",
    40: "functions.test_joblib", 41: "views.test_execute", 42: "views.test_run",
    43: "views.test_dotted_names views.test_references_in_containers_and_pushed",
    44: "views.test_names views.test_a_name_of_one_engine", 45: "views.test_names",
    46: "views.test_scatter_and_gather", 47: "views.test_scatter_and_gather views.test_arrays",
    48: "client.test_clear", 49: "functions.test_imports_on_both_sides",
    50: "views.test_what_pickles serialize.test_how_this_process_pickles",
    51: "ipython.test_outside_of_ipython", 52: "table.test_a_broadcast_view",
    53: "results.test_pending_and_finished results.test_a_failure results.test_several_failures",
    54: "results.test_it_is_a_future", 55: "results.test_return_when",
    56: "results.test_pending_and_finished", 57: "table.test_output_and_sending",
    58: "show.test_a_wait_for_the_first", 59: "table.test_output_and_sending",
    60: "results.test_a_dict_by_engine", 61: "results.test_pending_and_finished",
    62: "results.test_metadata", 63: "results.test_times", 64: "results.test_times",
    65: "results.test_times", 66: "table.test_seconds_between_moments",
    67: "results.test_a_map_gives_what_is_there", 68: "results.test_abort",
    69: "show.test_by_type_is_the_default", 70: "show.test_streaming_loses_and_repeats_nothing",
    71: "table.test_split_and_join", 72: "results.test_as_a_sequence",
    73: "views.test_balanced_maps results.test_a_map_gives_what_is_there",
    74: "hub.test_what_is_pending_comes_to_both", 75: "cluster.test_what_cannot_start_says_why",
    76: "cluster.test_the_methods_that_wait cluster.test_sets_of_engines cluster.test_coroutines",
    77: "cluster.test_one_that_runs_already", 78: "cluster.test_one_that_runs_already",
    79: "table.test_dependencies views.test_after_and_follow",
    80: "table.test_the_family_of_errors",
}


def thing(name):
    first, _, rest = name.partition(".")
    found = getattr(ipp, first)
    return getattr(found, rest) if rest else found


def shown(value):
    if value is EMPTY:
        return "-"
    return value.__name__ if inspect.isbuiltin(value) else repr(value)


@pytest.mark.parametrize("row, name, wanted", SIGNATURES, ids=["%d-%s" % one[:2] for one in SIGNATURES])
def test_signatures(row, name, wanted):
    found = inspect.signature(thing(name)).parameters
    for word in wanted.split():
        key, _, default = word.lstrip("*").partition("=")
        assert key in found, "%s takes no %s" % (name, key)
        assert shown(found[key].default) == default
        keyword = found[key].kind is inspect.Parameter.KEYWORD_ONLY
        assert word.startswith("*") or not keyword
    names = [word.partition("=")[0] for word in wanted.split() if not word.startswith("*")]
    given = [key for key, one in found.items() if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
             and key not in ("self", "cls")]
    assert given[:len(names)] == names


def test_every_row_is_tried():
    """In a test that there is."""
    assert sorted(TRIED) == [row for row in range(1, 81) if row != 24]
    for row, tests in TRIED.items():
        for test in tests.split():
            module, _, name = test.partition(".")
            text = open(__file__.replace("test_table", "test_" + module)).read()
            assert "\ndef %s(" % name in text, "row %d: there is no %s" % (row, test)


@pytest.mark.parametrize("name", (
    "Client Cluster ClusterManager AsyncResult AsyncMapResult AsyncHubResult DirectView LoadBalancedView "
    "BroadcastView ViewExecutor remote parallel RemoteFunction ParallelFunction depend require dependent "
    "Dependency Reference PrePickled interactive can uncan can_map uncan_map serialize_object "
    "deserialize_object pack_apply_message unpack_apply_message use_dill use_cloudpickle use_pickle error "
    "ALL_COMPLETED FIRST_COMPLETED FIRST_EXCEPTION bind_kernel register_joblib_backend __version__ "
    "version_info").split())
def test_names(name):
    assert getattr(ipp, name) is not None
    assert name in dir(ipp) or name in ipp.__all__ or name.startswith("__") or name == "version_info"


# ---- row 25

def test_a_client_that_is_closed(four):
    rc = ipp.Client()
    rc.wait_for_engines(4, timeout=20)
    view = rc[:]
    done = view.apply_async(int)
    assert done.get(20) == [0] * 4
    rc.close()
    rc.close(linger=1)
    assert done.get() == [0] * 4
    with pytest.raises(ipp.EngineError, match="closed"):
        view.apply_async(int)
    with ipp.Client() as other:
        pass
    with pytest.raises(ipp.EngineError, match="closed"):
        other.load_balanced_view().apply(int)


# ---- row 36

def test_what_a_view_knows_of_its_work(rc):
    view, other = rc[:2], rc.load_balanced_view()
    slow = view.apply_async(time.sleep, 0.3)
    assert view.client is rc and view.history == slow.msg_ids and other.history == []
    assert set(slow.msg_ids) <= view.outstanding <= rc.outstanding
    assert view.wait(timeout=20) and not view.outstanding & set(slow.msg_ids)
    assert view.results[slow.msg_ids[0]] is None
    assert isinstance(other.executor, ipp.ViewExecutor)
    assert other.executor.submit(lambda: 5).result(20) == 5


# ---- row 52

@pytest.mark.parametrize("coalescing", [False, True])
def test_a_broadcast_view(rc, coalescing):
    view = rc.broadcast_view(is_coalescing=coalescing)
    assert view.is_coalescing is coalescing and isinstance(view, ipp.DirectView)
    pids = view.apply_sync(lambda: __import__("os").getpid())
    assert pids == rc[:].apply_sync(lambda: __import__("os").getpid())
    view.push({"bv": 5}, block=True)
    assert view.pull("bv", block=True) == [5] * 4 and view["bv"] == [5] * 4
    view.execute("bv += 1", block=True)
    assert view.gather("[bv]", block=True) == [6] * 4
    view.scatter("part", list(range(8)), block=True)
    assert view.map_sync(abs, [-1] * 8) == [1] * 8 and view["part"] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    with pytest.raises(ipp.CompositeError) as failure:
        view.apply_sync(lambda: 1 / 0)
    assert len(failure.value.elist) == 4  # ipyparallel's loses those of other engines


# ---- rows 57, 59

def test_output_and_sending(rc):
    done = rc[:].execute("print('said')")
    assert done.wait_for_output(20) is True and done.stdout == ["said\n"] * 4
    slow = rc[0].apply_async(time.sleep, 0.5)
    assert slow.wait_for_output(0.05) is False
    assert slow.wait_for_send(5) is True and slow.sent is True
    slow.wait(20)


# ---- row 66

def test_seconds_between_moments(rc):
    done = rc[:].apply_async(time.sleep, 0.1)
    done.wait(20)
    first, last = min(done.submitted), max(done.received)
    assert done.timedelta(done.submitted, done.received) == (last - first).total_seconds() >= 0.1
    assert done.timedelta(first, first + datetime.timedelta(seconds=2)) == 2.0
    assert done.timedelta(done.submitted, done.received, start_key=max, end_key=min) <= done.wall_time


# ---- row 71

def test_split_and_join(rc):
    done = rc[:].apply_async(lambda: __import__("os").getpid())
    pids = done.get(20)
    single = done.split()
    assert [one.get() for one in single] == pids and [one.msg_ids for one in single] == [
        [name] for name in done.msg_ids]
    assert ipp.AsyncResult.join(single[2], single[0]).get() == [pids[2], pids[0]]
    assert ipp.AsyncResult.join(*single).msg_ids == done.msg_ids
    with pytest.raises(ValueError):
        ipp.AsyncResult.join()


# ---- row 79

def test_dependencies(rc):
    view = rc.load_balanced_view()
    good, bad = view.apply_async(int), view.apply_async(lambda: 1 / 0)
    rc.wait([good, bad], 20)
    ids = [good.msg_ids[0], bad.msg_ids[0]]
    assert not ipp.Dependency(ids).check({ids[0]}) and ipp.Dependency(ids, all=False).check({ids[0]})
    assert ipp.Dependency(ids[0]).check({ids[0]}) and isinstance(ipp.Dependency(), set)
    assert ipp.Dependency(ids).unreachable(set(ids[:1]), set(ids[1:]))
    assert not ipp.Dependency(ids, all=False).unreachable(set(ids[:1]), set(ids[1:]))
    assert ipp.Dependency(ids, success=False, failure=True, all=False).check(set(ids[:1]), set(ids[1:]))
    told = ipp.Dependency(ids, all=False).as_dict()
    assert set(told.pop("dependencies")) == set(ids) and told == {
        "all": False, "success": True, "failure": False}
    with pytest.raises(ValueError):
        ipp.Dependency(ids, success=False, failure=False)
    with view.temp_flags(after=ipp.Dependency(ids, failure=True)):
        assert view.apply_async(lambda: 5).get(20) == 5
    with view.temp_flags(after=ipp.Dependency(ids)), pytest.raises(ipp.ImpossibleDependency):
        view.apply_async(int).get(20)


# ---- row 80

def test_the_family_of_errors(rc):
    family = {"KernelError": "IPythonError", "EngineError": "KernelError", "NoEnginesRegistered": "KernelError",
              "TaskAborted": "KernelError", "TaskTimeout": "KernelError", "UnmetDependency": "KernelError",
              "ImpossibleDependency": "UnmetDependency", "DependencyTimeout": "ImpossibleDependency",
              "InvalidDependency": "ImpossibleDependency", "RemoteError": "KernelError",
              "CompositeError": "RemoteError", "AlreadyDisplayedError": "RemoteError",
              "TaskRejectError": "KernelError"}
    for name, base in family.items():
        assert issubclass(getattr(ipp.error, name), getattr(ipp.error, base)), name
        assert getattr(ipp, name) is getattr(ipp.error, name)
    assert ipp.error.TimeoutError is TimeoutError and ipp.TimeoutError is TimeoutError
    with pytest.raises(ipp.RemoteError) as failure:
        rc[1].apply_sync(lambda: 1 / 0)
    one = failure.value
    assert (one.ename, one.evalue, one.engine_info["engine_id"]) == ("ZeroDivisionError", "division by zero", 1)
    assert "1 / 0" in "\n".join(one.render_traceback()) and "ZeroDivisionError" in one.traceback
    with pytest.raises(ipp.CompositeError) as failure:
        rc[:].apply_sync(lambda: 1 / 0)
    several = failure.value
    assert several.tb_limit == 4 and len(several.elist) == 4
    assert several.elist[2][0] == "ZeroDivisionError" and several.elist[2][3]["engine_id"] == 2
    with pytest.raises(ipp.RemoteError) as failure:
        several.raise_exception(3)
    assert failure.value.engine_info["engine_id"] == 3
    with pytest.raises(IndexError):
        several.raise_exception(9)
    several.print_traceback()
    assert isinstance(rc[0].apply_async(int), concurrent.futures.Future)
