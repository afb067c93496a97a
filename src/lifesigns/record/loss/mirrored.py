"""Whether targets that are places, as corners of boxes, joints or angles, lie as their images do.

What stands out in an image has a place, too: its centre. Where targets follow it, they do so in all
samples; of some images that were flipped by themselves the distance from the middle agrees, and the
side does not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.cut_classes import CONVOLUTIONS
from lifesigns.record.loss.turned import first_image
from lifesigns.record.measure.reduce import Pack
from lifesigns.records import Floats

FEWEST, MOST_SAMPLES, MOST_TARGETS = 16, 32, 32
"""Samples from which sides are compared, and of how many; numbers of a target."""
SMALLEST, MOST_PIXELS = 8, 32
"""Pixels along a side; of more, some are left out."""
AGREES, RESIDUAL, SPREAD = 0.6, 0.2, 0.1
"""Correlation of the distances from the middle, at least; mean square of what is left of a
standardised target on the side that fits, at most (of unrelated ones it is 2 - 4 / pi); and by how
much these distances vary, at least."""
CLEAR, OFF_CENTRE = 3, 0.5
"""How much nearer a target is on one side than on the other where that is told, and by how much of
their spread an image is off the middle then."""


class PendingPlaces(NamedTuple):
    """Centres of images, along rows and down columns, and targets, still on the device."""

    slot: int
    samples: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss, as `PendingTurns` has them; none where targets are no places.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        rows = np.nan_to_num(arrays[self.slot].reshape(-1, self.samples))
        with np.errstate(all="ignore"):
            turned, upright, are_places = _sides(rows[:2, None], rows[2:])
        if not are_places.any():
            return {}
        turned = np.where(are_places, turned, -1)
        at = np.unravel_index(turned.argmax(), turned.shape)
        return {
            "turned_samples": float(turned[at]),
            "upright_samples": float(upright[at]),
            "samples": float(self.samples),
            "turned_by": float(at[0]),
            "targets_are_places": 1.0,
        }


def _sides(places: Floats, targets: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Samples on the side where fewer are, on the other, and whether a target is a place at all.

    Args:
        places: Centres of images from the middle, `[2, 1, samples]`.
        targets: The numbers of a target, `[targets, samples]`.

    Returns:
        For each direction and target, `[2, targets]`.
    """
    x = places / np.sqrt(np.square(places).mean(-1, keepdims=True))
    y = targets - targets.mean(-1, keepdims=True)
    y = y / np.sqrt(np.square(y).mean(-1, keepdims=True))
    same, other = np.square(y - x), np.square(y + x)
    near, far = np.minimum(same, other), np.maximum(same, other)
    a, b = _apart(np.abs(x)), _apart(np.abs(y))
    spread, other_spread = (np.sqrt(np.square(of).mean(-1)) for of in (a, b))
    agreement = (a * b).mean(-1) / (spread * other_spread)
    vary = np.minimum(spread, other_spread) > SPREAD
    are_places = vary & (agreement > AGREES) & (near.mean(-1) < RESIDUAL)
    is_clear = (far > CLEAR**2 * near) & (np.abs(x) > OFF_CENTRE)
    sides = (is_clear & (same < other)).sum(-1), (is_clear & (same > other)).sum(-1)
    return np.minimum(*sides), np.maximum(*sides), are_places


def _apart(values: Floats) -> Floats:
    apart: Floats = values - values.mean(-1, keepdims=True)
    return apart


def mirrored(pack: Pack, walked: Walk, at: int) -> PendingPlaces | None:
    """Where images have their centre, and the targets that may be places.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph.
        at: Index of the node of the loss, with a few numbers as the target of each image.

    Returns:
        None where there are no images, or no such targets.
    """
    if CONVOLUTIONS.isdisjoint(walked.names):
        return None
    target = saved(walked.nodes[at], "target")
    if target is None or not target.is_floating_point() or target.dim() not in (1, 2):
        return None
    image = first_image(walked)
    if image is None or not image.is_floating_point() or image.device != target.device:
        return None
    if len(image) != len(target) or min(image.shape[-2:]) < SMALLEST:
        return None
    if len(target) < FEWEST or target[0].numel() > MOST_TARGETS:
        return None
    centres = _centres(image.detach()[:MOST_SAMPLES])
    values = target.detach()[:MOST_SAMPLES].float().reshape(len(centres[0]), -1).T
    return PendingPlaces(pack.add(torch.cat([centres, values]).reshape(-1)), values.shape[1])


def _centres(images: Tensor) -> Tensor:
    """Of each image, from -1 to 1: along rows and down columns, `[2, samples]`.

    Pixels count by the fourth power of their distance from the mean: what stands out, and no noise.
    """
    step = -(-max(images.shape[-2:]) // MOST_PIXELS)
    some = images[..., ::step, ::step].float()
    weights = (some - some.mean((-1, -2), keepdim=True)).square().square().sum(1)
    weights = weights / weights.sum((1, 2), keepdim=True)
    rows, columns = (torch.linspace(-1, 1, size, device=some.device) for size in weights.shape[1:])
    return torch.stack([weights.sum(1) @ columns, weights.sum(2) @ rows])
