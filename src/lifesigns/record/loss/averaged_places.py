"""Targets that say where something is, of outputs that know of the picture a mean over all places.

A convolution sees a window of the picture and does not know where it lies. What many of them make
of a picture has a place, until the mean over all places is taken: what is left says what there is.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.operations import ACTIVATION_NODES
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.cut_classes import CONVOLUTIONS
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

LOSSES = frozenset({"HuberLoss", "MseLoss", "SmoothL1Loss"})
"""Those that compare numbers and keep both sides."""
NORMS = frozenset({"CudnnBatchNorm", "MiopenBatchNorm", "NativeBatchNorm"})
POOLS = frozenset({"AvgPool2D", "MaxPool2DWithIndices"})
BEHIND = ACTIVATION_NODES.keys() | NORMS | {"Addmm", "Mul", "NativeDropout", "Reshape"}
BEHIND |= {"Squeeze", "ToCopy", "UnsafeView", "Unsqueeze", "View"}
"""Operations that make an output of the means, each of its first input alone."""
BEFORE = ACTIVATION_NODES.keys() | NORMS | CONVOLUTIONS | POOLS | {"Add", "NativeDropout"}
"""Operations that lead to the mean; none of them tells of the place, but for the edges."""
FEWEST, SMALLEST, MOST_COLUMNS, MOST_VALUES = 16, 8, 16, 1 << 21
"""Samples of a batch, pixels along a side; columns of targets and values of a batch at most."""
PLACED = 0.8
"""Correlation of a target with where the picture stands out, from which it says the place."""
TIMES = 4.0
"""How much more of a target an output leaves unexplained than the place, if it does not know it."""


class PendingPlaces(NamedTuple):
    """How targets correlate with places, and with outputs, still on the device."""

    slot: int
    window: float
    """The largest window of an operation before the mean, as a share of the picture's side."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: how many targets say a place, and how many of these outputs know.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        places, outputs = np.nan_to_num(arrays[self.slot].reshape(2, -1))
        placed = places > PLACED
        left = 1 - np.maximum(outputs, 0) ** 2
        return {
            "placed_targets": float(placed.sum()),
            "placed_and_told": float((placed & (left < TIMES * (1 - places**2))).sum()),
            "window_before_mean": self.window,
        }


def averaged_places(pack: Pack, walked: Walk) -> PendingPlaces | None:
    """Compares targets with the places where pictures stand out, if a mean over these comes first.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.

    Returns:
        None where no such mean is all that leads to an output.

    Cost: nothing but a search among names where there is none; else a few passes over the batch.
    """
    if "Mean" not in walked.names or CONVOLUTIONS.isdisjoint(walked.names):
        return None
    for at, name in enumerate(walked.names):
        mean = _mean_before(walked, at) if name in LOSSES else None
        if mean is not None and (seen := _window(walked, mean)) is not None:
            return _compared(pack, walked, at, seen)
    return None


def _mean_before(walked: Walk, at: int) -> int | None:
    """The mean over all places that alone leads to what a loss is given."""
    below = walked.inputs[at][0]
    while below is not None and below >= 0:
        name = walked.names[below]
        if name == "Mean":
            return below if _is_over_places(walked.nodes[below]) else None
        if name not in BEHIND:
            return None
        used = [
            i for i in walked.inputs[below] if i is not None and i >= 0 and _is_value(walked, i)
        ]
        below = used[0] if len(used) == 1 else None
    return None


def _is_value(walked: Walk, at: int) -> bool:
    """Whether it is no weight that was laid otherwise."""
    return walked.names[at] not in ("T", "Transpose")


def _is_over_places(node: object) -> bool:
    sizes = getattr(node, "_saved_self_sym_sizes", ())
    if len(sizes) != 4 or math.prod(sizes[2:]) < 2:
        return False
    dims = getattr(node, "_saved_dim", None) or ()
    return {(d - (1 << 64) if d >= 1 << 63 else d) % 4 for d in dims} == {2, 3}


class _Seen(NamedTuple):
    """What the convolutions before a mean read."""

    image: Tensor
    window: int


def _window(walked: Walk, mean: int) -> _Seen | None:
    """The picture, and the side of the largest window of it that one value before the mean sees.

    None where anything but convolutions, pools and what works place by place leads to the mean.
    """
    widest, images = {walked.inputs[mean][0]: 1}, list[Tensor]()
    window = 0
    for at in range(mean - 1, -1, -1):
        if at not in widest:
            continue
        name, node = walked.names[at], walked.nodes[at]
        if name not in BEFORE or getattr(node, "_saved_transposed", False):
            return None
        if name == "Add" and not all(i is not None and i >= 0 for i in walked.inputs[at]):
            return None  # perhaps places themselves
        size = _before(walked, at, widest[at])
        given = [i for i in walked.inputs[at] if i is not None and i >= 0]
        for below in given:
            widest[below] = max(widest.get(below, 0), size)
        if not given:
            image = saved(node, "input") if name in CONVOLUTIONS else None
            if image is None:
                return None
            images.append(image)
            window = max(window, size)
    if not images or any(one is not images[0] and one.shape != images[0].shape for one in images):
        return None
    return _Seen(images[0], window)


def _before(walked: Walk, at: int, size: int) -> int:
    """The window of what an operation is given, of so many places of what it makes."""
    node, name = walked.nodes[at], walked.names[at]
    if name in CONVOLUTIONS:
        weight = saved(node, "weight")
        kernel = tuple(weight.shape[2:]) if weight is not None else (1 << 20,)
    elif name in POOLS:
        kernel = tuple(node._saved_kernel_size)
    else:
        return size
    stride = max(getattr(node, "_saved_stride", ()) or kernel)
    dilation = max(getattr(node, "_saved_dilation", (1,)) or (1,))
    return int((size - 1) * stride + dilation * (max(kernel) - 1) + 1)


def _compared(pack: Pack, walked: Walk, at: int, seen: _Seen) -> PendingPlaces | None:
    node, image = walked.nodes[at], seen.image
    output, target = saved(node, "self"), saved(node, "target")
    if output is None or target is None or not is_readable(image) or image.dim() != 4:
        return None
    if output.shape != target.shape or not 1 <= target.dim() <= 2 or len(target) != len(image):
        return None
    if len(image) < FEWEST or min(image.shape[2:]) < SMALLEST or image.numel() > MOST_VALUES:
        return None
    columns = target.detach().reshape(len(target), -1)[:, :MOST_COLUMNS].double()
    answers = output.detach().reshape(len(target), -1)[:, :MOST_COLUMNS].double()
    places = _correlations(_centres(image.detach().float()), columns).abs().amax(0)
    outputs = _correlations(answers, columns).diagonal()
    slot = pack.add(torch.stack([places, outputs]).reshape(-1))
    return PendingPlaces(slot, seen.window / min(image.shape[2:]))


def _centres(image: Tensor) -> Tensor:
    """Where each picture stands out, as the centre of its squared deviations, `[samples, 2]`.

    A channel that is the same for all samples tells the place to the network: NaN.
    """
    apart = (image - image.mean((0, 2, 3), keepdim=True)).square().sum(1).double()
    weight = apart / apart.sum((1, 2), keepdim=True)
    down, across = (torch.arange(n, device=image.device).double() for n in image.shape[2:])
    centres = torch.stack([weight.sum(2) @ down, weight.sum(1) @ across], 1)
    is_told = ((image == image[:1]).all(0) & (image[0] != image[0, :, :1, :1])).any()
    return torch.where(is_told, torch.nan, centres)


def _correlations(one: Tensor, other: Tensor) -> Tensor:
    """Of each column of the one with each of the other, over the samples; NaN of a constant."""
    a, b = (values - values.mean(0) for values in (one, other))
    found: Tensor = (a.T @ b) / (a.norm(dim=0).unsqueeze(1) * b.norm(dim=0))
    return found
