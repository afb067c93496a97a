"""The weights of log-probabilities in the order of an episode's steps: returns, as a rule.

The order is known where each step was a call of its own. Rows that were asked about together may
stand in any order; where the weights fall into the runs of several episodes, the rows at their ends
are compared: what is reset is alike, and what has come to an end is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.composed import data_factor
from lifesigns.record.loss.policies import sign_of, weights_on
from lifesigns.record.loss.sources import ABOVE, PASSING, reached
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

SHORTEST, LONGEST = 6, 4096
"""Steps of an episode whose weights are looked at."""
EXACT = 1e-3
"""How far weights may be from a geometric course, as a share of their largest difference: they
were divided by their deviation in float32."""
FEWEST = 4
"""Episodes whose ends are compared."""
MOST_ELEMENTS, MOST_NODES = 1 << 20, 32
_JOINING = frozenset({"Cat", "Stack"})
_KEEPING = (PASSING - _JOINING) | {"Neg"}


class PendingWeights(NamedTuple):
    """The weights of an episode's log-probabilities in the order of its steps."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> Mapping[str, float]:
        """Details of a loss: how many steps an episode had, and by how much weights rise in it.

        `rising_by` is the factor between one rise and the next where this is the same in all of
        the episode, and below 1; 0 for any other course.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        weights = arrays[self.slot]
        return {"episode": float(len(weights)), "rising_by": _rising_by(weights)}


class PendingRows(NamedTuple):
    """The weights of rows, and how far the rows are apart at either end of the weights' runs."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> Mapping[str, float]:
        """Details of a loss: as for one episode, and the variance of the first and the last rows.

        Both are shares of the variance of all. Nothing is said of weights that do not rise in runs.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        *weights, first, last = arrays[self.slot]
        rising, episodes = _rising_by(np.array(weights)), 1 + int(_fallen(np.diff(weights)).sum())
        if not rising or episodes < FEWEST:
            return {}
        known = {"episode": float(len(weights)), "rising_by": rising}
        return {**known, "firsts_apart": float(first), "lasts_apart": float(last)}


def weights_of_episode(pack: Pack, walked: Walk) -> PendingWeights | None:
    """The weights of one episode's log-probabilities, each of which a call of its own has made.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.

    Returns:
        None where it cannot be told which step a weight belongs to: states that were asked about
        together may stand in any order.
    """
    found = weights_of_steps(walked)
    if found is None:
        return None
    made, weights = found
    order = torch.tensor(np.argsort(made), device=weights.device)
    return PendingWeights(pack.add(weights[order]))


def weights_of_steps(walked: Walk) -> tuple[list[int], Tensor] | None:
    """The log-probabilities that were joined after a call each, and their weights.

    Args:
        walked: The graph of the loss.

    Returns:
        Indices of the nodes that made them; None where there are none.
    """
    for i, name in enumerate(walked.names):
        if name not in _JOINING or not SHORTEST <= len(walked.inputs[i]) <= LONGEST:
            continue
        weighed = _weighed_together(walked, i) or _weighed_each(walked, i)
        if weighed is not None and all(sign_of(walked, at) for at in weighed[0]):
            return weighed
    return None


def may_weigh_rows(walked: Walk) -> bool:
    """Whether something is multiplied with data.

    Args:
        walked: The graph of the loss.
    """
    products = (walked.inputs[i] for i, name in enumerate(walked.names) if name == "Mul")
    return any(None in inputs for inputs in products)


def weights_of_rows(pack: Pack, walked: Walk, batch: Tensor | None) -> PendingRows | None:
    """The weights of the log-probabilities that were made of a batch, a row each.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        batch: What the network was given.

    Returns:
        None where no data are multiplied with a log-probability of each row.

    Cost: the nodes next to the loss; where there are weights, a few sums over the batch.
    """
    if batch is None or batch.dim() < 2 or not SHORTEST <= len(batch) <= LONGEST:
        return None
    if not batch.is_floating_point() or batch.numel() > MOST_ELEMENTS or not is_readable(batch):
        return None
    for i in islice(reached(walked, walked.roots, ABOVE), MOST_NODES):
        known = data_factor(walked, i)
        if known is None or known[1] < 0 or not sign_of(walked, known[1]):
            continue
        weights = known[0].squeeze()
        if weights.shape == batch.shape[:1] and weights.device == batch.device:
            rows = batch.detach().reshape(len(batch), -1).float()
            return PendingRows(pack.add(torch.cat([weights.float(), _apart(rows, weights)])))
    return None


def _weighed_together(walked: Walk, i: int) -> tuple[list[int], Tensor] | None:
    """The log-probabilities that were joined, and the weights that they got afterwards."""
    weights = next((w for w in weights_on(walked, i, _KEEPING) if w.numel() == max(w.shape)), None)
    made = [at for at in walked.inputs[i] if at is not None and at >= 0]
    if weights is None or not weights.numel() == len(made) == len(walked.inputs[i]):
        return None
    return made, weights.reshape(-1)


def _weighed_each(walked: Walk, i: int) -> tuple[list[int], Tensor] | None:
    """The log-probabilities that each got a weight before the products were joined."""
    made, weights = [], []
    for at in walked.inputs[i]:
        product = _product(walked, at)
        inputs = () if product is None else walked.inputs[product]
        below = next((j for j in inputs if j is not None and j >= 0), None)
        if product is None or below is None or len(inputs) != 2 or None not in inputs:
            return None
        value = saved(walked.nodes[product], "other" if inputs[1] is None else "self")
        if isinstance(value, Tensor) and value.numel() != 1:
            return None
        made.append(below)
        weights.append(torch.as_tensor(value, dtype=torch.float64).detach().reshape(()))
    return made, torch.stack(weights)


def _product(walked: Walk, at: int | None) -> int | None:
    while at is not None and at >= 0 and walked.names[at] in _KEEPING:
        at = walked.inputs[at][0]
    return at if at is not None and at >= 0 and walked.names[at] == "Mul" else None


def _apart(rows: Tensor, weights: Tensor) -> Tensor:
    """The variance of the rows where runs of rising weights begin and end, over that of all."""
    rises = weights.diff()
    fell = rises < -0.5 * rises.amax()
    end = torch.ones_like(fell[:1])
    ends = torch.stack([torch.cat([end, fell]), torch.cat([fell, end])]).float()
    share = ends / ends.sum(1, keepdim=True)
    variance = share @ rows.square() - (share @ rows).square()
    of_all = rows.var(0, correction=0)
    varied = of_all > 0
    return (variance / of_all.where(varied, torch.inf)).sum(1) / varied.sum()


def _rising_by(weights: NDArray[np.float64]) -> float:
    """The factor between rises, the same in all runs of rising weights; 0 for other courses."""
    rises = np.diff(weights)
    if not (np.isfinite(weights).all() and (rises > 0).any() and weights.max() > 0):
        return 0.0
    fell = _fallen(rises)
    within = ~(fell[:-1] | fell[1:])
    begins = np.concatenate([[True], fell[:-1]]) & ~fell
    before, after = rises[:-1][within], rises[1:][within]
    if len(before) < SHORTEST - 2 or not before.any():
        return 0.0
    factor = float((before * after).sum() / np.square(before).sum())
    is_geometric = np.abs(after - factor * before).max() <= EXACT * rises.max()
    return factor if is_geometric and 0 < factor < 1 and (rises[begins] > 0).all() else 0.0


def _fallen(rises: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where one run of rising weights ends and the next begins."""
    fallen: NDArray[np.bool_] = rises < -0.5 * rises.max()
    return fallen
