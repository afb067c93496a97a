import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lifesigns.functions import constant_loss
from lifesigns.records import UnitSums

torch.set_num_threads(1)
TABLES = arrays(float, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(-9, 9))
SHARES = arrays(float, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(0, 1))


@given(TABLES, st.floats(-9, 9))
def test_no_constant_has_less_squared_error(targets, guess):
    best = constant_loss("squared_error", UnitSums.of(targets))

    assert best == pytest.approx(((targets - targets.mean(0)) ** 2).mean(), abs=1e-9)
    assert best <= ((targets - guess) ** 2).mean() + 1e-9


@given(SHARES, st.floats(0.01, 0.99))
def test_no_constant_has_less_binary_cross_entropy(targets, guess):
    best = constant_loss("binary_cross_entropy", UnitSums.of(targets))

    y = torch.tensor(targets)
    assert best <= F.binary_cross_entropy(torch.full_like(y, guess), y).item() + 1e-9
    at_mean = F.binary_cross_entropy(y.mean(0).clamp(0, 1).expand_as(y), y).item()
    assert best == pytest.approx(at_mean, abs=1e-6)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(0, 4))
def test_no_constant_has_less_cross_entropy(labels, favourite):
    column, counts = np.array(labels)[:, None], np.bincount(labels, minlength=5)

    best = constant_loss("cross_entropy", UnitSums.of(column), counts)

    logits = F.one_hot(torch.tensor(favourite), 5).float().expand(len(labels), 5)
    assert best <= F.cross_entropy(logits, torch.tensor(labels)).item() + 1e-6
    one_hot = UnitSums.of(np.eye(5)[labels])
    assert constant_loss("cross_entropy", one_hot) == pytest.approx(best)


@given(TABLES, st.integers(1, 6))
def test_snapshots_merge_to_the_loss_of_all_their_targets_together(targets, cut):
    whole = constant_loss("squared_error", UnitSums.of(targets))

    parts = UnitSums.of(targets[:cut]).merge(UnitSums.of(targets[cut:]))

    assert constant_loss("squared_error", parts) == pytest.approx(whole, abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "targets"),
    [
        ("absolute_error", [[0.0], [1.0]]),
        ("huber", [[0.0], [1.0]]),
        ("other", [[0.0], [1.0]]),
        ("binary_cross_entropy", [[0.0], [7.0]]),
        ("cross_entropy", [[-1.0, 2.0], [0.5, 0.5]]),
        ("cross_entropy", [[3.0], [1.0]]),
        ("squared_error", [[math.nan]]),
    ],
)
def test_what_sums_cannot_tell_is_nan(kind, targets):
    assert math.isnan(constant_loss(kind, UnitSums.of(targets)))


def test_constant_targets_cost_nothing():
    ones = UnitSums.of(np.ones((8, 1)))

    assert constant_loss("squared_error", ones) == 0
    assert constant_loss("binary_cross_entropy", ones) < 1e-12
    assert constant_loss("cross_entropy", ones, [0, 8]) == 0
