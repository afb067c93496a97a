"""Whether an output resembles its target as it would lie if it had been flipped or turned.

A sample tells by itself only where what is to be found looks like its target. Small marks in a
large image, as the joints of a figure, correlate little; where they are all turned alike, each is
nevertheless nearer to its image so turned than in any other way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import (
    ATTENTION_PREFIX,
    FUSED_RECURRENT,
    LINEAR_MAPS,
    OPAQUE_NAMES,
)
from lifesigns.record.graph.walk import Walk, kept_tensors, saved
from lifesigns.record.loss.cut_classes import CONVOLUTIONS, MAPS
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

FEWEST, SMALLEST = 4, 4
"""Samples, and pixels along a side, from which it shows how an image lies."""
MOST_SAMPLES, MOST_CHANNELS, MOST_ELEMENTS = 16, 4, 1 << 20
MOST_PIXELS = 8
"""Pixels along a side of one of the target that a mean is of; of more, some are left out."""
CLEAR = 0.2
"""By how much the correlation with the turned target is higher where that is no accident."""
ALIKE = 0.4
"""Correlation with the turned target from which an output resembles it."""
MANY, MOST, APART = 8, 0.75, 0.1
"""Samples from which it shows that all are turned alike: of how many of them the turned target is
the nearest of all, and by how much their mean correlation with it is higher."""
ANYWHERE = frozenset(LINEAR_MAPS) | MAPS | FUSED_RECURRENT | OPAQUE_NAMES
"""What may tell at one place of what is at another."""
TURNS: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda y: y.flip(-1),
    lambda y: y.flip(-2),
    lambda y: y.flip(-1, -2),
    lambda y: y.rot90(1, (-2, -1)),
    lambda y: y.rot90(-1, (-2, -1)),
    lambda y: y.transpose(-1, -2),
    lambda y: y.transpose(-1, -2).flip(-1, -2),
)
"""All that lays an image on itself; one that is no square only the first three."""


class PendingTurns(NamedTuple):
    """How outputs, or inputs, correlate with targets, upright and turned, still on the device."""

    slot: int
    shape: tuple[int, ...]
    """What is compared (the output, then the input), target and its turns, samples."""
    together: int | None = None
    """Of the input, less what all samples have in common: target and its turns, samples."""
    is_local: float = 0.0
    """1 where nothing but convolutions multiplies by weights."""
    strangers: int | None = None
    """As the first slot, with the target of another sample in place of each one's own."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The details of a loss: how many samples fit the turned target better, and which turn.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        table = np.nan_to_num(arrays[self.slot].reshape(self.shape))
        count, turn = _turned_each(table)
        strangers = 0
        if self.strangers is not None:
            strangers, _ = _turned_each(np.nan_to_num(arrays[self.strangers].reshape(self.shape)))
        if self.together is not None:
            alike = np.nan_to_num(arrays[self.together].reshape(self.shape[1:]))
            if (together := _turned_alike(alike)) > (count, turn):
                (count, turn), strangers = together, 0
        return {
            "turned_samples": float(count),
            "upright_samples": float((table[:, 0] > ALIKE).any(0).sum()),
            "turned_strangers": float(strangers),
            "samples": float(self.shape[-1]),
            "turned_by": float(turn),
            "only_convolutions": self.is_local,
        }


def _turned_each(table: NDArray[np.float64]) -> tuple[int, int]:
    """How many samples fit a turned target clearly better, by the turn that fits most, and which.

    Args:
        table: What is compared, target and its turns, samples.
    """
    upright, *turned = table.swapaxes(0, 1)
    better = (turned > upright + CLEAR) & (np.array(turned) > ALIKE)
    fit = np.where(better, turned, 0.0).max(1)  # by output or by input, for turn and sample
    counts = np.bincount(fit.argmax(0)[fit.any(0)], minlength=len(fit))
    turn = int(counts.argmax())
    return int(counts[turn]), turn


def _turned_alike(table: NDArray[np.float64]) -> tuple[int, int]:
    """How many samples fit one and the same turn best, and which; 0 if they are not most."""
    best = table.argmax(0)
    turn = int(np.bincount(best).argmax())
    count, samples = int((best == turn).sum()), table.shape[1]
    apart = table[turn].mean() > table[0].mean() + APART
    return (count, turn - 1) if apart and samples >= MANY and count >= MOST * samples else (0, 0)


def turns(pack: Pack, walked: Walk, at: int) -> PendingTurns | None:
    """How outputs and inputs correlate with their targets, and with these flipped and turned.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph.
        at: Index of the node of the loss, with a target for each pixel.

    Returns:
        None where there are no images of targets, or the pass itself made them.
    """
    node, name = walked.nodes[at], walked.names[at]
    output = saved(node, "self") if _may_be_images(walked, at) else None
    target = None if output is None else saved(node, "target")
    if output is None or target is None or len(output) < FEWEST:
        return None
    if not is_readable(target):
        return None
    whole = target
    output, target = output.detach()[:MOST_SAMPLES].float(), target.detach()[:MOST_SAMPLES]
    if name.startswith("Nll") and output.dim() == 4:
        classes = torch.arange(output.shape[1], device=output.device)
        target = target.unsqueeze(1) == classes.view(-1, 1, 1)
    elif target.shape == output.shape:
        output, target = (_channels_first(walked, values) for values in (output, target))
    if target.shape != output.shape or output.dim() != 4:
        return None
    if min(output.shape[-2:]) < SMALLEST or output[0].numel() * MOST_SAMPLES > MOST_ELEMENTS:
        return None
    if _made_in(walked, whole):
        return None
    given = _image(walked, output.shape)
    ways = [target.float(), *_turned(target.float())]
    table = _fits(output, given, ways)
    strangers = pack.add(_fits(output, given, [way.roll(1, 0) for way in ways]).reshape(-1))
    slot, together = pack.add(table.reshape(-1)), None
    if given is not None:
        shown = torch.cat([given.levels, given.deviations], 1)
        own = shown - shown.mean(0)
        summed = (one.sum(1, keepdim=True) for one in ways)
        alike = torch.stack([_strongest(own, one - one.mean(0)) for one in summed])
        together = pack.add(alike.reshape(-1))
    shape, is_local = tuple(table.shape), float(_is_local(walked))
    return PendingTurns(slot, shape, together, is_local, strangers)


def _fits(output: Tensor, given: Picture | None, ways: Sequence[Tensor]) -> Tensor:
    """How outputs, and inputs, correlate with targets that lie in several ways, as a table."""
    rows = []
    for one in ways:
        by_input = [] if given is None else [_strongest(given.levels, one)]
        rows.append(torch.stack([_correlation(output, one), *by_input]))
    return torch.stack(rows, 1)


def _channels_first(walked: Walk, values: Tensor) -> Tensor:
    """Values for the cells of a grid as images, where one is given that lies like them."""
    image = first_image(walked)
    if image is None or (values.dim() == 4 and _is_like(image, values.shape[2:])):
        return values
    if values.dim() == 3 and _is_like(image, values.shape[1:]):
        return values.unsqueeze(1)
    return values.movedim(-1, 1) if _is_like(image, values.shape[1:-1]) else values


def _is_local(walked: Walk) -> bool:
    """Whether convolutions are all that multiplies by weights: no answer is told elsewhere."""
    return not any(name in ANYWHERE or name.startswith(ATTENTION_PREFIX) for name in walked.names)


def _may_be_images(walked: Walk, at: int) -> bool:
    """Whether the graph leaves it open that a node of a loss is given images."""
    given = walked.inputs[at][0]
    return given is None or given < 0 or len(walked.shape(given)) in (3, 4)


def _made_in(walked: Walk, target: Tensor) -> bool:
    """Whether the pass made a target, as both sides of a code are each other's: it has no way up.

    It lies in the memory of something that a node keeps with its graph.
    """
    place = target.untyped_storage().data_ptr()
    made = (kept for node in walked.nodes for _, kept in kept_tensors(node) if kept.grad_fn)
    return any(is_readable(one) and one.untyped_storage().data_ptr() == place for one in made)


class Picture(NamedTuple):
    """What the first convolution reads, with a pixel for each of the target."""

    levels: Tensor
    deviations: Tensor
    """Mean squares of what is left of the levels: what stands out, bright or dark."""


def _image(walked: Walk, shape: torch.Size) -> Picture | None:
    """What the first convolution reads, or its means of pixels if the targets are smaller."""
    image = first_image(walked)
    if image is None or not _is_like(image, shape[-2:]):
        return None
    step = max(1, image.shape[-1] // shape[-1] // MOST_PIXELS)
    given = image.detach()[: shape[0], :MOST_CHANNELS, ::step, ::step].float()
    size = (shape[-2], shape[-1])
    pooled = (F.adaptive_avg_pool2d(of, size) for of in (given, _apart(given).square()))
    return Picture(*pooled)


def _is_like(image: Tensor, size: Sequence[int]) -> bool:
    """Whether an image is as large as a grid, or larger and of the same sides."""
    if len(size) != 2 or min(size) < SMALLEST:
        return False
    (rows, columns), (height, width) = size, image.shape[-2:]
    return bool(rows <= height and rows * width == columns * height)


def first_image(walked: Walk) -> Tensor | None:
    """What the first convolution reads, `[samples, channels, rows, columns]`.

    Args:
        walked: The graph.
    """
    first = next((i for i, name in enumerate(walked.names) if name in CONVOLUTIONS), None)
    image = None if first is None else saved(walked.nodes[first], "input")
    return image if image is not None and image.dim() == 4 else None


def _turned(target: Tensor) -> Iterator[Tensor]:
    turned = (turn(target) for turn in TURNS)
    return (other for other in turned if other.shape == target.shape)


def _correlation(output: Tensor, target: Tensor) -> Tensor:
    """Of each sample, over all its channels, each without its mean; NaN where it is flat."""
    p, y = _apart(output), _apart(target)
    product = (p * y).sum((1, 2, 3))
    return product / (p.square().sum((1, 2, 3)) * y.square().sum((1, 2, 3))).sqrt()


def _strongest(image: Tensor, target: Tensor) -> Tensor:
    """Of each sample, the strongest correlation between a channel of the image and one of these."""
    x, y = (_apart(values).flatten(2) for values in (image, target))
    norms = x.norm(dim=2).unsqueeze(2) * y.norm(dim=2).unsqueeze(1)
    return (x @ y.transpose(1, 2)).div(norms).nan_to_num().abs().amax((1, 2))


def _apart(values: Tensor) -> Tensor:
    return values - values.mean((-1, -2), keepdim=True)
