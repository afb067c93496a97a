"""Hand-written traces for the rules' cases: a chain of sites with the readings a case needs.

This is public, like `lifesigns.evidence`: rules of other distributions write their cases with it.

Example:
    >>> graph = chain("linear", "relu", "linear", "mse_loss")
    >>> silent = SiteReading(1, sums(np.zeros((8, 4))))
    >>> known = trace(snapshot(graph, sites=[silent]), losses=FLAT)
    >>> known.snapshots[0].reading(1).value.active.tolist()
    [0, 0, 0, 0]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lifesigns.records import (
    EVERYTHING,
    BatchReading,
    Graph,
    Kind,
    LossCurve,
    LossReading,
    Mixing,
    ParameterReading,
    Site,
    SiteReading,
    Snapshot,
    TargetReading,
    Trace,
    UnitSums,
)
from lifesigns.records.unmeasured import without as without

FLAT: tuple[float, ...] = (1.0,) * 100
"""A loss that stays where it began."""
FALLING: tuple[float, ...] = tuple(np.geomspace(1, 0.01, 100).tolist())
"""A loss that falls a hundredfold."""

KINDS = {
    **dict.fromkeys(("linear", "matmul"), Kind.LINEAR),
    **dict.fromkeys(("conv1d", "conv2d"), Kind.CONVOLUTION),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh"), Kind.RECURRENT),
    **dict.fromkeys(("batch_norm", "layer_norm"), Kind.NORM),
    **dict.fromkeys(("softmax", "log_softmax"), Kind.SOFTMAX),
    **dict.fromkeys(("nll_loss", "mse_loss", "binary_cross_entropy", "l1_loss"), Kind.LOSS),
    **dict.fromkeys(("binary_cross_entropy_with_logits", "kl_div", "ctc_loss"), Kind.LOSS),
    "dropout": Kind.DROPOUT,
    "embedding": Kind.EMBEDDING,
    "max_pool2d": Kind.POOLING,
    "log": Kind.OTHER,
}
"""Kinds of the operations examples use; everything else is an activation."""


def chain(*operations: str, units: int = 4, batch: int = 8) -> Graph:
    """A graph with one site per operation, each feeding the next; module paths count from 0.

    `linear` and `conv2d` sites get a weight named `<module>.weight` and fan-in `units`. An
    operation may carry its number of units: `linear/10`.

    Example:
        >>> [site.name for site in chain("linear", "relu", "linear/10").sites]
        ['0:linear#0', '1:relu#0', '2:linear#0']
    """
    sites, width = [], units
    for i, text in enumerate(operations):
        operation, _, given = text.partition("/")
        fan_in, width = width, int(given or width)
        kind = KINDS.get(operation, Kind.ACTIVATION)
        weighted = kind in (Kind.LINEAR, Kind.CONVOLUTION, Kind.RECURRENT)
        sites.append(
            Site(
                module=str(i),
                operation=operation,
                call=0,
                kind=kind,
                shape=() if kind is Kind.LOSS else (batch, width),
                parameters=(f"{i}.weight",) if weighted else (),
                fan_in=fan_in if weighted else 0,
                fan_out=width if weighted else 0,
            )
        )
    return Graph(tuple(sites), tuple((i, i + 1) for i in range(len(sites) - 1)))


def with_details(site: Site, **details: float) -> Site:
    """The site with these constants of its operation."""
    return dataclasses.replace(site, details=details)


def normalised(momentum: float, *, batch: int) -> Graph:
    """A network with a batch normalisation that has a weight and this momentum."""
    graph = chain("linear", "batch_norm", "relu", "linear/1", "mse_loss", batch=batch)
    sites = list(graph.sites)
    norm = with_details(sites[1], momentum=momentum)
    sites[1] = dataclasses.replace(norm, parameters=("1.weight",))
    return dataclasses.replace(graph, sites=tuple(sites))


def sums(values: ArrayLike, *, saturated: ArrayLike | None = None) -> UnitSums:
    """Unit sums of `values`, shape `[observations, units]`."""
    mask = None if saturated is None else np.asarray(saturated, bool)
    return UnitSums.of(np.asarray(values, float), mask)


def target(values: ArrayLike, *, classes: int = 0) -> TargetReading:
    """Targets of shape `[observations, units]`, or class indices if `classes` is given."""
    array = np.asarray(values, float)
    column = array.reshape(len(array), -1)
    counts = np.bincount(column[:, 0].astype(int), minlength=classes) if classes else None
    integer = bool((array == np.round(array)).all())
    return TargetReading(array.shape, bool(classes), sums(column), integer, counts)


def snapshot(
    graph: Graph,
    *,
    step: int = 0,
    sites: Sequence[SiteReading] = (),
    parameters: Sequence[ParameterReading] = (),
    loss: LossReading | None = None,
    **rest: Any,
) -> Snapshot:
    """A snapshot of one step."""
    return Snapshot(step, graph, 0, tuple(sites), tuple(parameters), loss, **rest)


def regression(
    losses: Sequence[float],
    *,
    update: float,
    weight_rms: float = 0.5,
    correlation: float = float("nan"),
    scales: Sequence[float] = (1.0,),
    kind: str = "squared_error",
    output: float = 0.1,
    offset: float = 0.0,
) -> Trace:
    """A small network that fits targets ±1, so that a constant prediction has a loss of 1.

    Args:
        losses: Of every step; five of them are recorded.
        update: Relative to the weights.
        weight_rms: Of the weights.
        correlation: Of outputs and targets.
        scales: Of the targets, in turn from one recorded step to the next.
        kind: Of the loss.
        output: Size of the outputs, ±.
        offset: Mean of the targets.
    """
    sign = np.tile([[-1.0], [1.0]], (16, 1))
    graph = chain("linear", "relu", "linear/1", "mse_loss", batch=32)
    readings = weights(
        graph, weight_rms=weight_rms, update_rms=update * weight_rms, gradient_rms=0.1
    )
    return fitting(
        graph,
        losses,
        output * sign,
        [target(offset + scale * sign) for scale in scales],
        steps=(0, 1, 4, 16, len(losses) - 1),
        parameters=readings,
        kind=kind,
        correlation=correlation,
    )


def fitting(
    graph: Graph,
    losses: Sequence[float],
    outputs: ArrayLike,
    targets: TargetReading | Sequence[TargetReading],
    *,
    steps: Sequence[int] = (0, 1, 50, -1),
    sites: Sequence[SiteReading] = (),
    parameters: Sequence[ParameterReading] = (),
    batch: BatchReading | None = None,
    kind: str = "squared_error",
    operation: str = "",
    scale: float = 1.0,
    **loss: Any,
) -> Trace:
    """A classifier or regressor with this course, and the same readings on each recorded step.

    Args:
        graph: Of every step.
        losses: Of every step; that of a recorded one is its fit, too.
        outputs: Shape `[observations, units]`.
        targets: One reading; several in turn from one recorded step to the next.
        steps: Those recorded; -1 for the last, and those after it are left out.
        sites: Readings of sites.
        parameters: Readings of parameters.
        batch: Reading of the batch.
        kind: Of the loss.
        operation: That it was recognised by; that of the last site where none is given.
        scale: What the loss is a multiple of: 1 for a mean.
        loss: Further fields of its reading.

    Example:
        >>> known = fitting(chain("linear/1", "mse_loss"), FLAT, np.ones((8, 1)), target([1.0] * 8))
        >>> [(shot.step, shot.loss.fit, shot.loss.site) for shot in known.snapshots]
        [(0, 1.0, 1), (1, 1.0, 1), (50, 1.0, 1), (99, 1.0, 1)]
    """
    values = np.asarray(outputs, float)
    last = len(losses) - 1
    recorded = [last if step < 0 else step for step in steps if step <= last]
    in_turn = cycle([targets] if isinstance(targets, TargetReading) else targets)
    shots = [
        snapshot(
            graph,
            step=step,
            sites=sites,
            parameters=parameters,
            batch=batch,
            loss=LossReading(
                float(losses[step]),
                kind,
                operation or graph.sites[-1].operation,
                fit=float(losses[step]),
                scale=scale,
                site=max(graph.of_kind(Kind.LOSS), default=-1),
                input_shape=values.shape,
                prediction=sums(values),
                target=wanted,
                **loss,
            ),
        )
        for step, wanted in zip(recorded, in_turn, strict=False)
    ]
    return trace(*shots, losses=losses)


def steady(
    graph: Graph,
    losses: Sequence[float],
    *,
    sites: Sequence[SiteReading] = (),
    first: Sequence[SiteReading] | None = None,
    parameters: Sequence[ParameterReading] = (),
    batch: BatchReading | None = None,
    loss: LossReading | None = None,
) -> Trace:
    """A run with the same readings on every ninth of 99 steps.

    Args:
        graph: Of every step.
        losses: Of every step.
        sites: Readings of sites.
        first: Those of the first step, if they are others.
        parameters: Readings of parameters.
        batch: Reading of the batch.
        loss: Reading of the loss.
    """
    read = {0: sites if first is None else first}
    rest: dict[str, Any] = {"parameters": parameters, "batch": batch, "loss": loss}
    shots = (
        snapshot(graph, step=step, sites=read.get(step, sites), **rest) for step in range(0, 99, 9)
    )
    return trace(*shots, losses=losses)


def trace(*snapshots: Snapshot, losses: ArrayLike = (), **rest: Any) -> Trace:
    """A trace of these snapshots with `losses` as the loss of every step, one stream."""
    values = np.asarray(losses, float)
    curve = LossCurve(np.arange(len(values)), values, np.zeros(len(values), np.int64))
    steps = max(len(values), 1 + max((s.step for s in snapshots), default=-1))
    return Trace(snapshots, curve, steps, **rest)


def unread(known: Trace) -> Trace:
    """The same run with nothing measured: the graphs and the losses, and NaN for every number."""
    return without(known, EVERYTHING)


def weights(graph: Graph, **reading: Any) -> list[ParameterReading]:
    """The same reading for every parameter of the graph."""
    shaped: Mapping[str, Site] = {p: site for site in graph.sites for p in site.parameters}
    return [ParameterReading(p, (s.fan_out, s.fan_in), **reading) for p, s in shaped.items()]


def inputs(graph: Graph, scales: Sequence[float], batch: int = 16) -> dict[str, Any]:
    """What the weighted sites of a chain receive, with these standard deviations, for `snapshot`.

    The first receives the batch, normally distributed; the others what the activation before them
    gives, evenly from 0 on, so that its RMS is twice its standard deviation.

    Example:
        >>> graph = chain("linear", "relu", "linear", "mse_loss")
        >>> known = snapshot(graph, **inputs(graph, [1.0, 0.1]))
        >>> known.batch.shape, [reading.site for reading in known.sites]
        ((16, 4), [1])
    """
    generator = np.random.default_rng(0)
    weighted = [i for i, site in enumerate(graph.sites) if site.parameters]
    entering = scales[0] * generator.standard_normal((batch, graph.sites[weighted[0]].fan_in))
    sites = [
        SiteReading(
            i - 1, sums(scale * generator.uniform(0, 12**0.5, (batch, graph.sites[i].fan_in)))
        )
        for i, scale in zip(weighted[1:], scales[1:], strict=True)
    ]
    return {"sites": sites, "batch": BatchReading(entering.shape, sums(entering))}


def shifted(reading: SiteReading, offset: float) -> SiteReading:
    """The same values, larger by `offset`."""
    value = reading.value
    assert value is not None
    moved = dataclasses.replace(
        value,
        total=value.total + offset * value.count,
        total_squared=value.total_squared + 2 * offset * value.total + offset**2 * value.count,
        minimum=value.minimum + offset,
        maximum=value.maximum + offset,
    )
    return dataclasses.replace(reading, value=moved)


def slopes(graph: Graph, slope: float) -> list[SiteReading]:
    """Activations that all pass on this share of a gradient of 1."""
    arrived, passed = sums(np.ones((8, 4))), sums(np.full((8, 4), slope))
    return [SiteReading(i, None, arrived, passed) for i in graph.of_kind(Kind.ACTIVATION)]


def asked(known: Trace, mixing: Mixing) -> Trace:
    """The same run, in whose first recorded step it was asked what one output depends on."""
    first, *rest = known.snapshots
    shots = (dataclasses.replace(first, mixing=mixing), *rest)
    return dataclasses.replace(known, snapshots=shots)


def marked(known: Trace, marks: Mapping[str, float]) -> Trace:
    """The same run, in which the loss of each recorded step has these details."""
    shots = (
        dataclasses.replace(shot, loss=dataclasses.replace(shot.loss, details=marks))
        for shot in known.snapshots
        if shot.loss
    )
    return dataclasses.replace(known, snapshots=tuple(shots))


def marked_each(known: Trace, marks: Iterable[Mapping[str, float]]) -> Trace:
    """The same run, with these details of the loss of one recorded step after the other."""
    shots = (
        dataclasses.replace(shot, loss=dataclasses.replace(shot.loss, details=details))
        for shot, details in zip((s for s in known.snapshots if s.loss), marks, strict=False)
        if shot.loss
    )
    return dataclasses.replace(known, snapshots=tuple(shots))


def silent(site: int, number: int, units: int = 10, batch: int = 64) -> SiteReading:
    """An activation of which so many units give 0 and the others 1 or 2, from input to input."""
    values = 1 + np.arange(batch).reshape(-1, 1) % 2
    return SiteReading(site, sums(values * (np.arange(units) >= number)))


def with_gradients(
    readings: Sequence[ParameterReading], gradient_rms: Sequence[float]
) -> list[ParameterReading]:
    """The readings with these gradient scales, one each."""
    pairs = zip(readings, gradient_rms, strict=True)
    return [dataclasses.replace(reading, gradient_rms=scale) for reading, scale in pairs]
