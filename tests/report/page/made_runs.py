"""Snapshots of a small network, written by hand, and documents unpacked again."""

import dataclasses
from functools import cache

import numpy as np

from lifesigns.records import Graph, SiteReading
from lifesigns.report.page.arrays import unpack
from lifesigns.rules import testing as example

GRAPH = example.chain("linear", "relu", "linear", "sigmoid", "linear", "mse_loss", units=8)
UNITS, SAMPLES = 8, 32


def step(number, *, alive=UNITS, stream=0, graph=GRAPH, size=1.0, update=0.01, gradients=None):
    """A step in which `alive` of the eight rectifiers are active.

    `gradients` are the sizes of the weights' gradients, one for each.
    """
    weights = example.weights(graph, weight_rms=0.5, update_rms=0.5 * update)
    if gradients is not None:
        weights = example.with_gradients(weights, gradients)
    made = example.snapshot(
        graph, step=number, sites=[rectified(number % 8, alive, size)], parameters=weights
    )
    return dataclasses.replace(made, stream=stream)


@cache
def rectified(seed, alive, size):
    """The reading of a rectifier; long runs repeat themselves, to be made quickly."""
    random = np.random.default_rng(seed)
    values = size * np.maximum(random.standard_normal((SAMPLES, UNITS)), 0)
    values[:, alive:] = 0
    values[0, :alive] = size
    gradient = random.standard_normal((SAMPLES, UNITS))
    passed = np.where(values > 0, gradient, 0)
    return SiteReading(1, example.sums(values), example.sums(gradient), example.sums(passed))


def dying(steps=40, at=20):
    """A run whose rectifiers are all silent from step `at` on."""
    shots = (step(number, alive=UNITS if number < at else 0) for number in range(steps))
    return example.trace(*shots, losses=[1.0] * steps)


def renamed(graph, rename):
    """The same graph with other names of modules and parameters."""
    sites = tuple(
        dataclasses.replace(
            site,
            module=rename(site.module),
            parameters=tuple(rename(name) for name in site.parameters),
        )
        for site in graph.sites
    )
    return Graph(sites, graph.edges)


def column(document, key):
    """One column of the ladder, shape `[layers, columns]`."""
    return unpack(document["ladder"][key])


def axis(document):
    """Steps, streams and numbers of merged snapshots."""
    return [unpack(document["recorded"][name]).tolist() for name in ("steps", "streams", "merged")]
