"""Whether a sequence that a network is given holds the targets at their own places.

A decoder that is given, at each step, the value that it is to say there has nothing to foresee. A
window of a signal that repeats holds its future as well, at some place: it is not meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import signed
from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.last_inputs import target_of
from lifesigns.record.loss.sources import PASSING
from lifesigns.record.loss.summands import OF_NUMBERS
from lifesigns.record.measure.dealt_out import entries
from lifesigns.record.measure.reduce import Pack

FEWEST, SHORTEST, OVERLAP = 4, 4, 4
"""Samples, places that are asked for, and places by which a signal shows that it repeats."""
MOST_LAYERS, MOST_SAMPLES, MOST_ELEMENTS, LONGEST = 8, 8, 1 << 20, 512
"""First layers and samples that are looked at, numbers that are compared, and places."""
SAME, ALIKE = 1e-5, 1e-3
"""Of the range of the targets: how far they may be from what is given, where a target is the output
less a residual; and how far a signal may be from itself where it is taken to repeat."""
KEEPING = (PASSING - {"Cat", "Stack"}) | {"Select", "Slice"}


class PendingPlaces(NamedTuple):
    """Whether targets are what a first layer is given at their places, still on the device."""

    slots: tuple[int, ...]
    sites: tuple[int, ...]

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: that they are, beside something else, and where; empty if not.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        for slot, site in zip(self.slots, self.sites, strict=True):
            if arrays[slot].any():
                marks = ("target_is_input", "told_beside", "told_in_place")
                return {**dict.fromkeys(marks, 1.0), "given_at": float(site)}
        return {}


class Places(NamedTuple):
    """Where the outputs that are compared lie in the sequence that they were taken from."""

    dim: int
    """The dimension of positions: 0 or 1."""
    start: int
    length: int
    """Of the whole sequence."""


class Layer(NamedTuple):
    """A layer that reads data alone, of each sample a sequence."""

    node: int
    data: Tensor
    """`[samples, places, columns]`, of the first few samples."""


def told_in_place(
    pack: Pack, walked: Walk, condensed: Condensed, prediction: Prediction | None
) -> PendingPlaces | None:
    """Looks for the targets of a regression at their own places of a sequence that is given.

    Args:
        pack: Where the answer waits for the copy.
        walked: The graph of the loss.
        condensed: Its sites.
        prediction: The root module's output.

    Returns:
        None where no first layer is given a sequence as long as the outputs were before they were
        cut, beside something else: a sequence of another length elsewhere, or other columns.

    Cost: some comparisons of 8 samples.
    """
    target = target_of(walked, prediction)
    if target is None or target.dim() not in (2, 3) or not target.is_floating_point():
        return None
    places = _places(walked, prediction, target)
    if places is None or not SHORTEST <= target.shape[places.dim] <= places.length <= LONGEST:
        return None
    samples = target.shape[1 - places.dim]
    layers = list(_layers(walked, target, samples)) if samples >= FEWEST else []
    wanted = _some(target.detach().reshape(*target.shape[:2], -1), places)
    spread = wanted.amax() - wanted.amin()
    is_exact = not OF_NUMBERS.isdisjoint(walked.names)
    apart = 0 * spread if is_exact else SAME * spread
    slots, sites = [], []
    for layer in layers:
        is_long = layer.data.shape[1] == places.length and layer.node in condensed.site_of_node
        if not is_long or not _is_beside(layer, layers, wanted, is_exact=is_exact):
            continue
        found = _told(layer.data, wanted, places.start, apart)
        if found.is_cpu and not bool(found):
            continue
        for other in layers:
            if other.node != layer.node:
                found = found & ~_holds(other.data, wanted, ALIKE * spread)
        slots.append(pack.add(found.reshape(1).double()))
        sites.append(condensed.site_of_node[layer.node])
    return PendingPlaces(tuple(slots), tuple(sites)) if slots else None


def _places(walked: Walk, prediction: Prediction | None, target: Tensor) -> Places | None:
    """Which part of a sequence of outputs is compared; all of it where nothing cuts it."""
    compared = next((i for i, name in enumerate(walked.names) if name in OF_NUMBERS), None)
    at = None if compared is None else walked.inputs[compared][0]
    if compared is None and prediction is not None:
        at = next((i for i in range(len(walked)) if walked.makes(i, prediction.node)), None)
    while at is not None and at >= 0 and walked.names[at] in KEEPING:
        cut = _cut(walked, at) if walked.names[at] == "Slice" else None
        if cut is not None:
            is_one = cut.dim < 2 and walked.shape(at)[cut.dim] == target.shape[cut.dim]
            return cut if is_one else None
        at = walked.inputs[at][0]
    return Places(1, 0, target.shape[1])


def _cut(walked: Walk, at: int) -> Places | None:
    """What a slice leaves; None where it leaves all."""
    node, left = walked.nodes[at], walked.shape(at)
    sizes = node._saved_self_sym_sizes
    dim = signed(node._saved_dim) % len(sizes)
    length, start = int(sizes[dim]), signed(node._saved_start)
    start = max(0, start + length if start < 0 else start)
    return Places(dim, start, length) if left and length > left[dim] else None


def _layers(walked: Walk, target: Tensor, samples: int) -> Iterator[Layer]:
    """Layers that read data alone, of which every sample has as many rows."""
    for node, data in entries(walked)[:MOST_LAYERS]:
        if data.device != target.device or not data.is_floating_point():
            continue
        if data.numel() <= MOST_ELEMENTS:
            for sequence in _sequences(walked, node, data.detach(), samples):
                yield Layer(node, sequence)


def _sequences(walked: Walk, node: int, data: Tensor, samples: int) -> Iterator[Tensor]:
    """What a layer is given as `[samples, places, columns]`, in each way that its rows may lie."""
    if walked.names[node] == "Convolution":
        made = walked.shape(node)[-1:]
        if data.dim() == 3 and len(data) == samples and made and made[0] <= data.shape[2]:
            before = (data.shape[2] - made[0]) // 2  # where it was filled up by hand
            yield data[:MOST_SAMPLES, :, before : before + made[0]].transpose(1, 2)
        return
    rows = data.reshape(-1, data.shape[-1])
    if len(rows) % samples == 0:
        each = len(rows) // samples
        yield rows.reshape(samples, each, -1)[:MOST_SAMPLES]
        if each > 1:  # a recurrent layer takes the places first, whatever the outputs do
            yield rows.reshape(each, samples, -1)[:, :MOST_SAMPLES].transpose(0, 1)


def _some(values: Tensor, places: Places) -> Tensor:
    """The first few samples, along dimension 0."""
    return (values if places.dim else values.transpose(0, 1))[:MOST_SAMPLES]


def _is_beside(layer: Layer, layers: list[Layer], wanted: Tensor, *, is_exact: bool) -> bool:
    """Whether a network is given more than the targets: no autoencoder of a sequence.

    Several columns, or one within a tolerance, may be the times of a window, and the places its
    channels: only a sequence elsewhere tells that they are not.
    """
    others = {other.data.shape[1] for other in layers} - {1, layer.data.shape[1]}
    more = layer.data.shape[2] - wanted.shape[2]
    return more >= 0 and (bool(others) or (more > 0 and is_exact and wanted.shape[2] == 1))


def _told(data: Tensor, wanted: Tensor, start: int, apart: Tensor) -> Tensor:
    """Whether one and the same columns are the targets, and do not repeat."""
    columns = data.unfold(2, wanted.shape[2], 1)
    own = columns[:, start : start + wanted.shape[1]]
    fits = ((own - wanted.unsqueeze(2)).abs() <= apart).all(3).all(1).all(0)
    varied = (wanted.amax(0) > wanted.amin(0)).any()
    found = fits.any() & varied
    if found.is_cpu and not bool(found):
        return found
    signal = columns.index_select(2, fits.long().argmax().reshape(1))
    near = ALIKE * (wanted.amax() - wanted.amin())
    for lag in range(1, signal.shape[1] - OVERLAP + 1):
        found = found & ((signal[:, lag:] - signal[:, :-lag]).abs() > near).any()
    return found


def _holds(data: Tensor, wanted: Tensor, near: Tensor) -> Tensor:
    """Whether some stretch of another sequence is what is asked for: a signal that repeats."""
    length = wanted.shape[1]
    if data.shape[1] < length or data.numel() * length > MOST_ELEMENTS:
        return torch.zeros((), dtype=torch.bool, device=data.device)
    stretches = data.unfold(1, length, 1)  # samples, starts, columns, places
    fits = (stretches - wanted[:, None, None, :, 0]).abs() <= near
    return fits.all(3).all(0).any()
