"""How long judging takes: a trace of 10,000 snapshots of 100 sites, healthy and sick.

    python benchmarks/judge.py               # says how long it takes here
    python benchmarks/judge.py --quick       # 1,000 snapshots
    python benchmarks/judge.py --rules       # and what each rule takes

The ratio compares with a trace of 100 snapshots: what is judged is thinned, so it stays near that
of the largest trace judged whole. Readings are shared between snapshots to save memory; whatever a
record caches lies in the snapshot, its graph or the trace, and those are made anew.
"""

from __future__ import annotations

import argparse
import dataclasses
import time

import numpy as np
from rows import Rows, announce, tracked

from lifesigns.records import (
    BatchReading,
    Graph,
    LossCurve,
    LossReading,
    SiteReading,
    Snapshot,
    Trace,
)
from lifesigns.rules import all_rules, judge
from lifesigns.rules import testing as example

LAYERS, WIDTH, BATCH = 50, 32, 64
DISTINCT = 20
"""So many different snapshots take turns."""
THINNED = 6
"""All of it ÷ judging 100 sick snapshots, about: longer traces are thinned."""


def snapshot(step: int, *, sick: bool) -> Snapshot:
    """One of 50 linear layers with a ReLU each; if sick, a third of the units are dead."""
    random = np.random.default_rng(step)
    graph = example.chain(*["linear", "relu"] * LAYERS, "mse_loss", units=WIDTH, batch=BATCH)
    values = np.maximum(random.standard_normal((BATCH, WIDTH)), 0)
    values[:, : WIDTH // 3 if sick else 0] = 0
    gradient = random.standard_normal((BATCH, WIDTH))
    readings = [
        SiteReading(
            index,
            example.sums(values),
            example.sums(gradient),
            example.sums(gradient * (values > 0)),
        )
        for index in range(len(graph.sites) - 1)
    ]
    parameters = example.with_gradients(
        example.weights(graph, weight_rms=0.1, update_rms=1e-4, distinct_weight_rows=WIDTH),
        np.geomspace(1e-6 if sick else 0.1, 1, LAYERS).tolist(),
    )
    targets = random.standard_normal((BATCH, 1))
    loss = LossReading(
        1.0,
        "squared_error",
        "mse_loss",
        fit=1.0,
        scale=1.0,
        site=len(graph.sites) - 1,
        input_shape=(BATCH, 1),
        prediction=example.sums(0.1 * targets),
        target=example.target(targets),
        correlation=0.0 if sick else 0.9,
    )
    batch = BatchReading((BATCH, WIDTH), example.sums(gradient))
    return example.snapshot(
        graph, step=step, sites=readings, parameters=parameters, loss=loss, batch=batch
    )


def trace(snapshots: int, *, sick: bool) -> Trace:
    """A run with every step recorded; the loss falls, or stays where it is if sick."""
    models = [snapshot(step, sick=sick) for step in range(DISTINCT)]
    shots = (dataclasses.replace(models[step % DISTINCT], step=step) for step in range(snapshots))
    noise = np.random.default_rng(0).normal(1, 0.02, snapshots)
    levels = np.ones(snapshots) if sick else np.geomspace(1, 0.01, snapshots)
    return example.trace(*shots, losses=levels * noise)


def seconds(run: Trace) -> float:
    """Best of three, each on records without caches."""
    taken = []
    for _ in range(3):
        fresh = _fresh(run)
        start = time.perf_counter()
        judge(fresh)
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rules", action="store_true", help="also each rule by itself")
    parser.add_argument("--quick", action="store_true", help="1,000 snapshots")
    parser.add_argument("--snapshots", type=int, default=10_000)
    options = parser.parse_args()
    count = 1000 if options.quick else options.snapshots
    start = time.perf_counter()
    seconds(trace(100, sick=True))
    announce(THINNED * (time.perf_counter() - start))
    title = f"{len(all_rules())} rules, {2 * LAYERS} sites of {WIDTH} units: seconds, snapshots"
    rows = Rows(title, ("trace", "100", f"{count:,}", "ratio"))
    for sick in tracked((False, True)):
        run = trace(count, sick=sick)
        base, taken = seconds(trace(100, sick=sick)), seconds(run)
        name = "sick" if sick else "healthy"
        rows.add(name, f"{base:.3f}", f"{taken:.3f}", f"{taken / base:.1f}")
        if options.rules:
            costs = [(_alone(run, number), rule.name) for number, rule in enumerate(all_rules())]
            for cost, rule_name in sorted(costs, reverse=True)[:12]:
                print(f"    {cost:.3f} s  {rule_name}", flush=True)


def _alone(run: Trace, number: int) -> float:
    fresh = _fresh(run)
    start = time.perf_counter()
    judge(fresh, [all_rules()[number]])
    return time.perf_counter() - start


def _fresh(run: Trace) -> Trace:
    """The same records without what they have cached."""
    graphs = {id(s.graph): Graph(s.graph.sites, s.graph.edges) for s in run.snapshots}
    shots = tuple(dataclasses.replace(s, graph=graphs[id(s.graph)]) for s in run.snapshots)
    losses = LossCurve(run.losses.steps, run.losses.values, run.losses.streams)
    return dataclasses.replace(run, snapshots=shots, losses=losses)


if __name__ == "__main__":
    main()
