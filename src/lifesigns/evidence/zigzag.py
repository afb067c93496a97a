"""Layers whose inputs have one sign, so that the weights of a unit have to move one way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lifesigns.evidence.signal import layers, own_weight, received
from lifesigns.evidence.sites import together
from lifesigns.evidence.stream import Stream
from lifesigns.evidence.suspects import Suspect
from lifesigns.evidence.thresholds import Threshold
from lifesigns.records import Remedy, Site, Snapshot, UnitSums

COHERENCE = Threshold(
    0.6,
    "share of a unit's gradient whose signs agree",
    "claim sigmoid-zigzag: 0.81 behind sigmoids, 0.21 behind tanh, in batches of 32",
)


def one_sided(recent: tuple[Snapshot, ...]) -> Iterator[tuple[Site, float]]:
    """Hidden layers that saw one sign only, with the coherence of their weights' gradient."""
    for layer in layers(recent[-1])[1:]:
        inputs = [received(s, s.graph.find(layer.site.name)) for s in recent if _has(s, layer.site)]
        value = together(inputs)
        read = [own_weight(snapshot, layer.site) for snapshot in recent]
        signs = [p.sign_coherence for p in read if p and np.isfinite(p.sign_coherence)]
        if value is None or not signs or not _has_one_sign(value):
            continue
        coherence = float(np.median(signs))
        if coherence > COHERENCE:
            yield layer.site, coherence


def suspect(stream: Stream) -> Suspect | None:
    """Such a layer, as what a loss that does not fall may be due to."""
    found = next(one_sided(stream.latest), None)
    if found is None:
        return None
    return Suspect(
        "other",
        f"all inputs of {found[0].name} are positive, so its weights move in one direction",
        Remedy(
            "Use an activation whose outputs are centred at zero.",
            "nn.Tanh()  # instead of nn.Sigmoid()",
            edit="swap-activation",
        ),
    )


def _has(snapshot: Snapshot, site: Site) -> bool:
    graph = snapshot.graph
    if site.name not in graph:
        return False
    return graph.sites[graph.find(site.name)].shape[1:] == site.shape[1:]


def _has_one_sign(value: UnitSums) -> bool:
    """Never negative, and never 0: a rectifier's zeros let single weights rest."""
    seen = value.count > 0
    return bool(seen.any() and (value.minimum[seen] > 0).all())
