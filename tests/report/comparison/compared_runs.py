"""Hand-written runs of a small network for the comparison's tests."""

from dataclasses import replace

import numpy as np

from lifesigns.records import BatchReading, LossCurve, RateCurve, RunInfo, SiteReading, UnitSums
from lifesigns.report.comparison import Side
from lifesigns.rules import testing as example

GRAPH = example.chain("linear", "relu", "linear", "tanh", "linear", "mse_loss")
FALLING = tuple(np.linspace(1.0, 0.1, 40).tolist())


def shot(step, *, graph=GRAPH, offset=0.0, gradient=0.0, update=1e-3, weight=0.5, batch=8):
    """A recording whose outputs, gradients, updates and weights can be moved."""
    values = np.linspace(0.1, 1, 32).reshape(8, 4)
    sums = example.sums(values + offset)
    arrived = example.sums(values + gradient)
    sites = [SiteReading(i, sums, arrived, arrived) for i in (1, 3)]
    parameters = example.weights(
        graph, weight_rms=weight, gradient_rms=0.1 + gradient, update_rms=update
    )
    read = BatchReading((batch, 4), UnitSums.of(values))
    return example.snapshot(graph, step=step, sites=sites, parameters=parameters, batch=read)


def run(*snapshots, losses=FALLING, command="train.py", **rest):
    recorded = snapshots or tuple(shot(step) for step in (0, 1, 4, 16))
    info = RunInfo(command, "2025-01-31T09:30:00+00:00", {"torch": "2.6.0"}, "finished")
    return example.trace(*recorded, losses=losses, **{"info": info, "optimizers": ("SGD",), **rest})


def side(trace, *findings, name="run.ls"):
    return Side(name, trace, findings)


def with_loss(trace, step, value):
    """The same run with another loss at this step."""
    values = trace.losses.values.copy()
    values[step] = value
    return replace(trace, losses=LossCurve(trace.losses.steps, values, trace.losses.streams))


def rates(*values):
    """One group whose rate was changed at every tenth step."""
    steps = np.arange(len(values)) * 10
    return RateCurve(steps, np.zeros(len(values), np.int64), np.array(values), np.array([np.nan]))
