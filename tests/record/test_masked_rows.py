"""A softmax over nothing but -inf is NaN: a mask that empties rows is told from an overflow."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from oracles.recorded import snapshot
from torch import Tensor, nn

from lifesigns.records import NonFinite

BATCH, LENGTH, WIDTH = 4, 5, 6
INF = float("inf")


def _filled(scores: Tensor, mask: Tensor) -> Tensor:
    return scores.masked_fill(mask, -INF)


def _added(scores: Tensor, mask: Tensor) -> Tensor:
    return scores + torch.zeros(mask.shape).masked_fill(mask, -INF)


def _chosen(scores: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, torch.tensor(-INF), scores)


def _origin(hide: Callable[[Tensor, Tensor], Tensor], factor: float, mask: Tensor) -> NonFinite:
    torch.manual_seed(0)
    model = nn.Linear(WIDTH, WIDTH)
    x = torch.randn(BATCH, LENGTH, WIDTH)

    def step() -> None:
        q = model(x) * factor
        scores = hide(q @ q.transpose(1, 2), mask)
        (torch.softmax(scores, -1) @ q).square().mean().backward()

    origin = snapshot(step).nonfinite
    assert origin is not None
    return origin


@pytest.mark.parametrize("hide", [_filled, _added, _chosen])
def test_rows_that_a_mask_leaves_nothing_are_counted(hide: Callable[..., Tensor]) -> None:
    mask = torch.zeros(BATCH, LENGTH, LENGTH, dtype=torch.bool)
    mask[1, 2:] = True

    origin = _origin(hide, 1.0, mask)

    assert (origin.operation, origin.masked_rows) == ("softmax", 3)


def test_scores_that_overflow_are_not_laid_on_the_mask() -> None:
    mask = torch.zeros(BATCH, LENGTH, LENGTH, dtype=torch.bool)
    mask[:, :, 0] = True

    origin = _origin(_filled, 1e25, mask)

    assert origin.masked_rows == 0
