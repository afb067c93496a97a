"""The loss is recognised however it is written, with its prediction, its target and its scale."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from chosen_output import Returns, classes, distribution, loss_of, numbers, shares
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.losses import BINARY, CATEGORICAL, RESIDUAL
from oracles.recorded import snapshot
from oracles.sums import assert_same_sums, sums
from torch import nn

torch.set_num_threads(1)
SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)


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


def test_of_logits_the_probabilities_correlate_with_the_target():
    """So a network is as good with its sigmoid in the loss as with one of its own."""
    p, y = numbers(0, (40, 1)), np.round(shares(1, (40, 1)))

    loss, _ = loss_of(4 * p, torch.tensor(y), F.binary_cross_entropy_with_logits)

    assert loss.correlation == pytest.approx(correlation(1 / (1 + np.exp(-4 * p)), y))
    assert_same_sums(loss.prediction, sums(4 * p))


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


# --- what is added and multiplied -----------------------------------------------------------------
PAIR = (numbers(0, (6, 2)), torch.tensor(numbers(1, (6, 2))))
DATA_TERMS = {
    "mse_loss": (F.mse_loss, "squared_error"),
    "by hand": (lambda p, y: ((p - y) ** 2).mean(), "squared_error"),
    "sum by hand": (lambda p, y: ((p - y) ** 2).sum() / 6, "squared_error"),
    "abs": (F.l1_loss, "absolute_error"),
    "soft cross-entropy": (lambda p, y: F.cross_entropy(p, y.softmax(-1)), "cross_entropy"),
}


@pytest.mark.parametrize("name", DATA_TERMS)
def test_a_penalty_on_the_weights_is_not_part_of_the_fit(name):
    data, kind = DATA_TERMS[name]
    model = nn.Linear(3, 2).double()
    x, y = torch.tensor(numbers(2, (6, 3))), PAIR[1]
    kept = []

    def step():
        penalty = sum(p.square().sum() for p in model.parameters())
        kept.append(data(model(x), y))
        (kept[0] + 0.1 * penalty).backward()

    loss = snapshot(step, model).loss
    assert loss.kind == kind
    assert loss.fit == pytest.approx(kept[0].item())
    assert loss.value > loss.fit + 0.01


@pytest.mark.parametrize("name", [n for n in DATA_TERMS if "cross" not in n])
def test_a_penalty_on_the_output_is_not_part_of_the_fit(name):
    data, kind = DATA_TERMS[name]
    written = lambda p, y: data(p, y) + 0.1 * p.exp().mean()  # noqa: E731
    loss, value = loss_of(*PAIR, written)
    expected = data(torch.tensor(PAIR[0]), PAIR[1]).item()
    assert (loss.kind, loss.fit) == (kind, pytest.approx(expected))
    assert loss.value == pytest.approx(value)


def test_a_constant_is_not_part_of_the_fit():
    loss, value = loss_of(*PAIR, lambda p, y: F.mse_loss(p, y) + 5.0)
    assert loss.fit == pytest.approx(value - 5.0)


@pytest.mark.parametrize("name", [n for n in DATA_TERMS if n != "sum by hand"])
@pytest.mark.parametrize(
    "scaled",
    [lambda v: v / 4, lambda v: v * 1024, lambda v: 0.25 * v, lambda v: v * torch.tensor(65536.0)],
    ids=["/ 4", "* 1024", "0.25 *", "* tensor(65536)"],
)
def test_loss_scaling_and_accumulation_are_undone(name, scaled):
    data, kind = DATA_TERMS[name]
    plain, _ = loss_of(*PAIR, data)
    loss, value = loss_of(*PAIR, data, scaled)
    assert loss.kind == kind
    assert loss.value == pytest.approx(value)
    assert loss.fit == pytest.approx(plain.fit)
    assert loss.scale == pytest.approx(plain.scale)


def test_the_two_losses_of_a_discriminator_are_read_as_one():
    ones, zeros = torch.ones(6, 2).double(), torch.zeros(6, 2).double()

    def written(p, y):
        real = F.binary_cross_entropy_with_logits(p, ones)
        return real + F.binary_cross_entropy_with_logits(2 * p, zeros)

    loss, value = loss_of(PAIR[0], None, written)
    logits = np.concatenate([PAIR[0], 2 * PAIR[0]])
    y = np.concatenate([ones, zeros])
    assert loss.fit == pytest.approx(value)
    assert loss.scale == 2
    assert loss.fit == pytest.approx(2 * (np.logaddexp(0, logits) - y * logits).mean())
    assert_same_sums(loss.target.sums, sums(y))


def test_of_two_different_losses_the_first_is_read_alone():
    def written(p, y):
        return F.cross_entropy(p, y.argmax(1)) + F.mse_loss(p, y)

    loss, value = loss_of(*PAIR, written)
    p, y = torch.tensor(PAIR[0]), PAIR[1]
    assert loss.kind == "cross_entropy"
    assert loss.value == pytest.approx(value)
    assert loss.fit == pytest.approx(F.cross_entropy(p, y.argmax(1)).item())


# --- broadcasting ---------------------------------------------------------------------------------
COLUMN, ROW = (5, 1), (5,)
BROADCAST = {
    "mse_loss": F.mse_loss,
    "l1_loss": F.l1_loss,
    "smooth_l1_loss": F.smooth_l1_loss,
    "by hand": lambda p, y: ((p - y) ** 2).mean(),
    "by hand, reversed": lambda p, y: ((y - p) ** 2).mean(),
    "a row by hand": lambda p, y: ((p - y.reshape(1, -1)) ** 2).mean(),
}


@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")
@pytest.mark.parametrize("name", BROADCAST)
def test_a_column_against_a_row_is_seen_with_its_shapes(name):
    p, y = numbers(0, COLUMN), numbers(1, ROW)
    loss, value = loss_of(p, torch.tensor(y), BROADCAST[name])

    assert loss.cross_broadcast
    assert loss.input_shape == COLUMN
    assert loss.compared_shape == (5, 5)
    assert loss.target_shape == (1, 5)
    assert loss.fit == pytest.approx(value)
    assert loss.scale == pytest.approx(1)
    assert_same_sums(loss.prediction, sums(p))
    assert_same_sums(loss.target.sums, sums(y))
    assert loss.correlation == pytest.approx(np.corrcoef(p[:, 0], y)[0, 1])


@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")
@pytest.mark.parametrize("name", [n for n in BROADCAST if "row" not in n])
def test_a_row_against_a_column_is_seen_with_its_shapes(name):
    p, y = numbers(0, ROW), numbers(1, COLUMN)
    loss, _ = loss_of(p, torch.tensor(y), BROADCAST[name])

    assert loss.cross_broadcast
    assert loss.input_shape == ROW
    assert loss.compared_shape == (5, 5)
    assert loss.target_shape == COLUMN
    assert_same_sums(loss.prediction, sums(p))
    assert_same_sums(loss.target.sums, sums(y))


@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")
@pytest.mark.parametrize("name", ["mse_loss", "by hand"])
def test_one_target_for_a_whole_batch_is_no_cross_comparison(name):
    p, y = numbers(0, (5, 3)), numbers(1, (3,))
    loss, value = loss_of(p, torch.tensor(y), BROADCAST[name])
    assert not loss.cross_broadcast
    assert loss.input_shape == loss.compared_shape == (5, 3)
    assert loss.fit == pytest.approx(value)


# --- what is not recognised -----------------------------------------------------------------------
def _logcosh(p, y):
    d = p - y
    return (d + F.softplus(-2 * d) - np.log(2)).mean()


UNKNOWN = {
    "logcosh": _logcosh,
    "mape": lambda p, y: 100 * ((y - p).abs() / y.abs()).mean(),
    "poisson of negative counts": lambda p, y: (p.exp() - y * p).mean(),
    "hinge": lambda p, y: F.relu(1 - p * y).mean(),
    "cosine": lambda p, y: (1 - F.cosine_similarity(p, y)).mean(),
    "root of mse": lambda p, y: F.mse_loss(p, y).sqrt(),
    "plain sum": lambda p, y: p.sum(),
    "cubic": lambda p, y: (p - y).abs().pow(3).mean(),
    "gain": lambda p, y: -(torch.log(p.sigmoid())).mean(),
    "policy gradient": lambda p, y: -(F.log_softmax(p, -1)[:, 0] * y[:, 0]).mean(),
    "flooded": lambda p, y: (F.mse_loss(p, y) - 0.1).abs() + 0.1,
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_loss_stays_unknown(name):
    loss, value = loss_of(*PAIR, UNKNOWN[name])
    assert (loss.kind, loss.handwritten) == ("other", False)
    assert np.isnan(loss.fit)
    assert np.isnan(loss.scale)
    assert loss.target is None
    assert loss.value == pytest.approx(value) or name == "mape"  # its 100 counts as loss scaling
    assert_same_sums(loss.prediction, sums(PAIR[0]))


def test_a_target_is_never_guessed_from_a_value_that_was_not_compared():
    """The residual is of a function of the output, and nothing keeps that function's value."""
    loss, value = loss_of(*PAIR, lambda p, y: ((2 * p + 1 - y) ** 2).mean())
    assert loss.kind == "squared_error"
    assert loss.fit == pytest.approx(value)
    assert loss.target is None
    assert loss.prediction is None


def test_a_residual_behind_an_activation_is_compared_with_that_activations_value():
    p, y = numbers(0, (6, 2)), shares(1, (6, 2))
    loss, value = loss_of(p, torch.tensor(y), lambda p, y: ((p.sigmoid() - y) ** 2).mean())
    assert loss.fit == pytest.approx(value)
    assert_same_sums(loss.prediction, sums(1 / (1 + np.exp(-p))))
    assert_same_sums(loss.target.sums, sums(y))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_fit_of_half_precision_does_not_overflow(dtype):
    model = Returns(torch.ones(70_000, 1))
    model.values, model.output = model.values.to(dtype), nn.Parameter(torch.ones((), dtype=dtype))
    target = torch.zeros(70_000, 1, dtype=dtype)

    def step():
        penalty = 1e-3 * model.output
        (F.mse_loss(model(None), target) + penalty).backward()

    assert snapshot(step, model).loss.fit == pytest.approx(1.0)


@pytest.mark.parametrize("by", ["mask", "ignored index", "both"])
def test_targets_that_do_not_count_are_read_apart_from_those_that_do(by):
    logits = torch.as_tensor(numbers(0, (6, 4, 5)))
    target = torch.arange(30).reshape(6, 5) % 4
    left_out = target == 1 if by != "both" else (target == 1) | (target == 2)
    index = -100 if by == "mask" else 1

    def call(output, target):
        each = F.cross_entropy(output, target, reduction="none", ignore_index=index)
        if by == "ignored index":
            return each.sum() / (~left_out).sum()
        return (each * ~left_out).sum() / (~left_out).sum()

    reading, value = loss_of(logits, target, call)

    assert reading.target.left_out.total == target[left_out].sum()
    assert reading.target.left_out.count == left_out.sum()
    assert reading.target.class_counts.sum() == (~left_out).sum()
    assert not reading.ignored_all
    assert reading.fit == pytest.approx(value)


def test_numbers_that_a_mask_leaves_out_are_read_apart_from_those_that_count():
    target, mask = torch.as_tensor(numbers(1, (6, 5))), torch.arange(30).reshape(6, 5) % 3 > 0

    def call(output, target):
        return ((output - target).square() * mask).sum() / mask.sum()

    reading, _ = loss_of(numbers(0, (6, 5)), target, call)

    assert reading.target.left_out.count == (~mask).sum()
    assert reading.target.left_out.total == pytest.approx(target[~mask].sum().item())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("loss_of", [F.mse_loss, F.l1_loss, F.smooth_l1_loss])
def test_a_network_of_half_precision_is_recorded_with_its_loss(dtype, loss_of):
    network = nn.Sequential(nn.Linear(8, 4), nn.SiLU(), nn.Linear(4, 8)).to(dtype)
    x, given = torch.ones(16, 8, dtype=dtype), []

    def step():
        given.append(loss_of(network(x), x))
        given[0].backward()

    loss = snapshot(step, network).loss
    assert loss.value == given[0].item()
    assert loss.fit == pytest.approx(loss.value, rel=0.02)
