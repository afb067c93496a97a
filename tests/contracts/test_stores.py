"""What every store promises: records go in, the same records come out. Add a store to `STORES`."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifesigns.records import (
    Cost,
    Finding,
    Graph,
    Kind,
    LossCurve,
    ParameterReading,
    RunInfo,
    Site,
    SiteReading,
    Snapshot,
    Trace,
    to_json,
)
from lifesigns.rules.testing import chain, snapshot, sums
from lifesigns.store import RunWriter, location, read_findings, read_run


@dataclasses.dataclass(frozen=True)
class Store:
    """One way to keep a run."""

    name: str
    write: Callable[[Path, RunInfo], RunWriter]
    read: Callable[[Path], Trace] = read_run
    findings: Callable[[Path], tuple[Finding, ...]] = read_findings


def writer_off_local_disk(path, info):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(location, "is_local", lambda folder: False)
        return RunWriter(path, info)


def edges(sites):
    """Between sites that there are: a graph with others is a damaged one."""
    places = st.integers(0, len(sites) - 1)
    return st.just(()) if not sites else st.lists(st.tuples(places, places), max_size=3).map(tuple)


GRAPHS = st.lists(st.from_type(Site), max_size=3).flatmap(
    lambda sites: edges(sites).map(lambda joined: Graph(tuple(sites), joined))
)
st.register_type_strategy(Graph, GRAPHS)

STORES = [Store("write-ahead log", RunWriter), Store("rollback journal", writer_off_local_disk)]


@pytest.fixture(params=STORES, ids=lambda store: store.name)
def store(request):
    return request.param


def save(store, path, trace, findings=()):
    with store.write(path, dataclasses.replace(trace.info, outcome="running")) as writer:
        for one in trace.snapshots:
            writer.append(one)
        half = len(trace.losses.steps) // 2
        for part in (slice(None, half), slice(half, None)):
            curve = trace.losses
            writer.losses(LossCurve(curve.steps[part], curve.values[part], curve.streams[part]))
        writer.progress(
            trace.steps,
            trace.cost,
            trace.optimizers,
            trace.unseen,
            trace.severed,
            rates=trace.rates,
            unreached=trace.unreached,
            idle=trace.idle,
            evaluated=trace.evaluated,
            standing=trace.standing,
            loads=trace.loads,
            rewind=trace.rewind,
            own_load=trace.own_load,
            rounded_eps=trace.rounded_eps,
            loaders=trace.loaders,
            evaluations=trace.evaluations,
        )
        writer.finish(findings, trace.info.outcome, cost=trace.cost, steps=trace.steps)


def example(step, graph, scale=1.0):
    values = scale * np.linspace(-1, 1, 32).reshape(8, 4)
    reading = SiteReading(1, sums(values), sums(values, saturated=values > 0), None)
    weight = ParameterReading("0.weight", (4, 4), weight_rms=0.1, gradient_rms=float("nan"))
    return snapshot(graph, step=step, sites=[reading], parameters=[weight])


def length_of_run(trace):
    last = max([s.step for s in trace.snapshots] + trace.losses.steps.tolist(), default=0)
    return max(last, trace.steps, 0)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.from_type(Trace), st.lists(st.from_type(Finding), max_size=2).map(tuple))
def test_any_trace_and_its_findings_come_back_without_loss(store, tmp_path, trace, findings):
    # a store keeps every snapshot: none was recorded beyond them
    trace = dataclasses.replace(trace, steps=length_of_run(trace), recorded=0)
    path = tmp_path / "run.ls"

    save(store, path, trace, findings)

    assert to_json(store.read(path)) == to_json(trace)
    assert to_json(store.findings(path)) == to_json(findings)


def test_snapshots_come_back_in_the_order_they_were_appended(store, tmp_path):
    graph = chain("linear", "relu")
    trace = Trace(tuple(example(step, graph) for step in (5, 0, 3)), steps=6)

    save(store, tmp_path / "run.ls", trace)

    assert [s.step for s in store.read(tmp_path / "run.ls").snapshots] == [5, 0, 3]


def test_graphs_that_change_from_step_to_step_stay_with_their_snapshots(store, tmp_path):
    graphs = [chain("linear", "relu"), chain("linear", "tanh"), chain("linear", "relu")]
    trace = Trace(tuple(example(step, graph) for step, graph in enumerate(graphs)), steps=3)

    save(store, tmp_path / "run.ls", trace)

    assert [s.graph for s in store.read(tmp_path / "run.ls").snapshots] == graphs


def test_a_run_can_be_read_while_it_is_written(store, tmp_path):
    path, graph = tmp_path / "run.ls", chain("linear", "relu")
    with store.write(path, RunInfo("train.py")) as writer:
        seen = []
        for step in range(3):
            writer.append(example(step, graph))
            seen.append(len(store.read(path).snapshots))

        assert seen == [1, 2, 3]
        assert store.read(path).info.outcome == "running"
        assert store.findings(path) == ()


def test_a_run_without_an_end_counts_the_steps_that_left_something_behind(store, tmp_path):
    writer = store.write(tmp_path / "run.ls", RunInfo())
    writer.progress(1, Cost(), ("SGD",), ())
    writer.append(example(3, chain("linear", "relu")))
    writer.close()

    trace = store.read(tmp_path / "run.ls")

    assert (trace.steps, trace.optimizers, trace.info.outcome) == (3, ("SGD",), "running")


def test_progress_noted_later_replaces_what_was_noted_before(store, tmp_path):
    with store.write(tmp_path / "run.ls", RunInfo()) as writer:
        writer.progress(1, Cost(0.1, 1.0), ("SGD",), ())
        writer.progress(9, Cost(0.2, 2.0), ("SGD", "Adam"), ("jit",))

    trace = store.read(tmp_path / "run.ls")

    assert (trace.steps, trace.cost) == (9, Cost(0.2, 2.0))
    assert (trace.optimizers, trace.unseen) == (("SGD", "Adam"), ("jit",))


def test_a_run_can_be_saved_where_an_older_run_was(store, tmp_path):
    path, graph = tmp_path / "run.ls", chain("linear", "relu")
    save(store, path, Trace((example(0, graph), example(1, graph)), steps=2))

    save(store, path, Trace((example(7, graph),), steps=8))

    assert [s.step for s in store.read(path).snapshots] == [7]


def test_what_rules_read_from_a_snapshot_is_the_same_after_storing(store, tmp_path):
    before: Snapshot = example(0, chain("linear", "relu"), scale=1e-30)
    save(store, tmp_path / "run.ls", Trace((before,), steps=1))

    after = store.read(tmp_path / "run.ls").snapshots[0]

    assert after.reading(1).value.rms == before.reading(1).value.rms
    assert after.reading(1).output_gradient.saturated.dtype == np.int64
    assert after.graph.sites[0].kind is Kind.LINEAR
