"""Whether the level that the targets of a regression need is taken away before the first layer.

Windows of a series that are normalised one by one have mean 0 and deviation 1 each, or are divided
by their means: of a store, or a patient, the form is left, and no longer how much. An output that
is not brought back to the scale of its window cannot have the level of targets that were not
normalised, which the windows told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.prediction import Prediction
from lifesigns.record.graph.products import DATA
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.last_inputs import target_of
from lifesigns.record.loss.only_data import only_data
from lifesigns.record.loss.sources import PARTS, PASSING
from lifesigns.record.loss.summands import OF_NUMBERS
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

FEWEST, MOST_ELEMENTS = 16, 1 << 22
"""Rows of a batch, and elements of it."""
MOST_FEATURES = 16
"""Of the input, each of which may have a level of its own."""
SAME, ALIKE = 0.01, 0.05
"""How far means of rows differ, as a share of their deviation, and how far their deviations, as a
share of the mean of these, so that they tell nothing."""
TOLD, FIT, SPREAD = "level_told", "level_fit", "level_in_spread"
_AT_THE_END = PARTS | {"Exp", "Relu", "Softplus"}


class PendingLevel(NamedTuple):
    """What tells the targets' level, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: shares of variances that a line over one number explains.

        Of the targets' level by that of the same rows of the input, of all targets by the same, and
        of the targets' level by the deviation of what the first layer is given. Empty where
        the rows of that have different means.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        is_alike, told, fit, spread = arrays[self.slot].tolist()
        known = is_alike > 0 and np.isfinite([told, fit, spread]).all()
        return {TOLD: told, FIT: fit, SPREAD: spread} if known else {}


def taken_level(
    pack: Pack,
    walked: Walk,
    condensed: Condensed,
    batch: Tensor | None,
    prediction: Prediction | None,
) -> PendingLevel | None:
    """Compares targets with the level of the rows that a network is given and takes it from.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.
        condensed: Its sites.
        batch: What the root module was given.
        prediction: What it made of it.

    Returns:
        None where the loss is no regression of an output that comes out of a layer, or where data
        enter the network in another way than by its first layers.

    Cost: a few sums over the batch and what the first layers are given.
    """
    if batch is None or prediction is None or not batch.is_floating_point() or batch.dim() < 2:
        return None
    rows = len(batch)
    if not FEWEST <= rows <= batch.numel() <= MOST_ELEMENTS or not is_readable(batch):
        return None
    output = _output(walked, prediction)
    given = None if output is None else only_data(walked, condensed, output, rows)
    target = None if given is None else target_of(walked, prediction)
    if target is None or given is None or not target.dim() or len(target) != rows:
        return None
    if any(x.device != target.device for x in (batch, *given)):
        return None
    wanted = target.detach().reshape(rows, -1).double()
    level, away = wanted.mean(1), wanted - wanted.mean(0)
    means = torch.stack(list(_levels(batch.detach().double())))
    explained = torch.stack([_explained(level, mean) for mean in means]).nan_to_num(-1.0)
    best = means[explained.argmax()] - means[explained.argmax()].mean()
    slope = (best * level).sum() / best.square().sum()
    left = (away - (slope * best).unsqueeze(1)).square().sum() / away.square().sum()
    alike, spreads = [torch.ones_like(left)], [torch.zeros_like(left)]
    for layer in given:
        values = layer.double()
        spread = values.std(1, correction=0)
        mean = values.mean(1)
        apart = (mean - mean.mean()).abs().amax()
        alike.append((apart <= SAME * spread.mean()).double())
        varied = spread.std() > ALIKE * spread.mean()
        spreads.append(torch.where(varied, _explained(level, spread), 0.0))
    numbers = (torch.stack(alike).amin(), explained.amax(), 1 - left, torch.stack(spreads).amax())
    return PendingLevel(pack.add(torch.stack(numbers)))


def _levels(batch: Tensor) -> Iterator[Tensor]:
    """Means of the rows, of all numbers together and of each feature, wherever these lie."""
    yield batch.flatten(1).mean(1)
    for dim in range(1, batch.dim()):
        if batch.dim() > 2 and batch.shape[dim] <= MOST_FEATURES:
            yield from batch.movedim(dim, 1).flatten(2).mean(2).T


def _explained(of: Tensor, by: Tensor) -> Tensor:
    """Which share of the variance a line explains."""
    a, b = of - of.mean(), by - by.mean()
    return (a * b).sum().square() / (a.square().sum() * b.square().sum())


def _output(walked: Walk, prediction: Prediction) -> int | None:
    """The node of the prediction, if it comes out of a layer and the loss compares it as it is."""
    at = next((i for i in range(len(walked)) if walked.makes(i, prediction.node)), None)
    if at is None:
        return None
    for i, name in enumerate(walked.names):
        if name in OF_NUMBERS and not _leads_straight(walked, walked.inputs[i][0], at):
            return None
    below: int | None = at
    while below is not None and below >= 0 and walked.names[below] not in DATA:
        passes = walked.names[below] in _AT_THE_END or _adds_bias(walked, below)
        below = walked.inputs[below][0] if passes else None
    return at if below is not None and below >= 0 else None


def _leads_straight(walked: Walk, i: int | None, to: int) -> bool:
    while i is not None and i >= 0 and i != to:
        i = walked.inputs[i][0] if walked.names[i] in PASSING else None
    return i == to


def _adds_bias(walked: Walk, i: int) -> bool:
    added = walked.inputs[i][1:]
    return walked.names[i] == "Add" and all(j is not None and j < 0 for j in added)
