"""The loss is recognised however it is written, with its prediction, its target and its scale."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.losses import BINARY, CATEGORICAL, RESIDUAL
from oracles.recorded import snapshot
from oracles.sums import assert_same_sums, sums
from torch import nn

torch.set_num_threads(1)
SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)


class Returns(nn.Module):
    """A network whose output is what the test chose."""

    def __init__(self, output):
        super().__init__()
        self.output = nn.Parameter(torch.ones(()).double())
        self.values = torch.as_tensor(output).double()

    def forward(self, x):
        return self.output * self.values


def loss_of(output, target, call, scaled=lambda loss: loss):
    """The reading of `call(output, target)`, and the loss itself."""
    model = Returns(output)
    kept = []

    def step():
        kept.append(call(model(torch.ones(1)), target))
        scaled(kept[0]).backward()

    return snapshot(step, model).loss, kept[0].item()


def numbers(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


def shares(seed, shape):
    return np.random.default_rng(seed).uniform(0.05, 0.95, size=shape)


def classes(seed, samples, count):
    return np.random.default_rng(seed).integers(0, count, samples)


def distribution(seed, shape):
    rows = shares(seed, shape)
    return rows / rows.sum(-1, keepdims=True)


def correlation(p, y):
    """Pearson correlation per unit, over the units where both vary."""
    p, y = (a.reshape(-1, a.shape[-1] if a.ndim > 1 else 1) for a in (p, y))
    known = [k for k in range(p.shape[1]) if np.ptp(p[:, k]) > 0 and np.ptp(y[:, k]) > 0]
    return np.mean([np.corrcoef(p[:, k], y[:, k])[0, 1] for k in known]) if known else np.nan


def check(written, loss, value, p, y):
    assert loss.kind == written.kind
    assert loss.handwritten is written.handwritten
    assert loss.value == pytest.approx(value, rel=1e-6)
    assert loss.fit == pytest.approx(value, rel=1e-6)
    assert loss.scale == pytest.approx(written.scale(p.shape))
    assert loss.fit == pytest.approx(loss.scale * written.per_observation(p, y).mean(), rel=1e-5)
    assert loss.input_shape == p.shape
    assert loss.compared_shape == p.shape
    assert not loss.cross_broadcast
    assert not loss.ignored_all


@pytest.mark.parametrize("written", RESIDUAL, ids=lambda w: w.text)
@settings(max_examples=12, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 9))
def test_a_loss_of_residuals_is_recognised(written, shape, seed):
    p, y = numbers(seed, shape), numbers(seed + 10, shape)
    loss, value = loss_of(p, torch.tensor(y), written.call)

    check(written, loss, value, p, y)
    assert loss.target_shape == shape
    assert_same_sums(loss.prediction, sums(p))
    assert_same_sums(loss.target.sums, sums(y))
    assert loss.correlation == pytest.approx(correlation(p, y), abs=1e-4, nan_ok=True)


@pytest.mark.parametrize("written", BINARY, ids=lambda w: w.text)
@settings(max_examples=12, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 9))
def test_binary_cross_entropy_is_recognised(written, shape, seed):
    p, y = shares(seed, shape), np.round(shares(seed + 10, shape))
    loss, value = loss_of(p, torch.tensor(y), written.call)

    check(written, loss, value, p, y)
    assert loss.target_shape == shape
    assert loss.target.integer_valued
    assert_same_sums(loss.prediction, sums(p))
    assert_same_sums(loss.target.sums, sums(y))
    assert loss.correlation == pytest.approx(correlation(p, y), abs=1e-4, nan_ok=True)


@pytest.mark.parametrize("written", CATEGORICAL, ids=lambda w: w.text)
@settings(max_examples=12, deadline=None)
@given(samples=st.integers(1, 6), count=st.integers(2, 5), seed=st.integers(0, 9))
def test_cross_entropy_is_recognised(written, samples, count, seed):
    p, labels = distribution(seed, (samples, count)), classes(seed, samples, count)
    y = np.eye(count)[labels]
    loss, value = loss_of(p, torch.tensor(y), written.call)

    check(written, loss, value, p, y)
    np.testing.assert_array_equal(loss.target.class_counts, y.sum(0))
    assert loss.target.integer_valued
    assert loss.target.one_hot is not loss.target.is_index
    assert loss.prediction.units == count
    assert loss.correlation == pytest.approx(correlation(p, y), abs=1e-4, nan_ok=True)
