"""Rectifiers that gave nothing in the first recorded step, nor later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lifesigns.evidence.sites import (
    is_given_one_value,
    is_hidden,
    is_rectifier,
    merged,
    sample_count,
)
from lifesigns.evidence.stream import Stream
from lifesigns.records import Kind, Site


@dataclass(frozen=True)
class SilentLayer:
    """A hidden layer of rectifiers, and how many of its units gave nothing at both ends."""

    site: Site
    share: float
    """Of its units, those silent in the first recorded step and still at the end."""
    units: int
    observations: int
    """Samples of both ends."""
    steps: int
    """Recorded steps of both ends."""


def silent_layers(stream: Stream) -> Iterator[SilentLayer]:
    """The hidden layers of rectifiers in forward order, also those where no unit is silent."""
    first = stream.first
    seen = tuple(dict.fromkeys((first, *stream.latest)))
    for index in first.graph.of_kind(Kind.ACTIVATION):
        site = first.graph.sites[index]
        value = merged(seen, site.name)
        if not is_rectifier(site) or value is None or not is_hidden(first.graph, index):
            continue
        if is_given_one_value(seen, site.name):  # one observation, and constant-output's matter
            continue
        known = (value.count > 0) & (value.nonfinite == 0)
        share = float((known & (value.active == 0)).mean()) if value.units else 0.0
        steps = len({snapshot.step for snapshot in seen})
        yield SilentLayer(site, share, value.units, sample_count(seen, site.name), steps)
