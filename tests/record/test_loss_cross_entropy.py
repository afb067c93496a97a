"""torch's cross-entropy with everything it takes."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from chosen_output import distribution, loss_of, numbers, shares
from oracles.sums import assert_same_sums, sums

from lifesigns.record.loss import comparison
from lifesigns.record.loss.comparison import PendingLoss
from lifesigns.record.measure.reduce import Pack
from lifesigns.records import LossReading

torch.set_num_threads(1)


def cross_entropy(logits, target, **options):
    return loss_of(logits, target, lambda p, y: F.cross_entropy(p, y, **options))


def log_softmax(x):
    shifted = x - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


LABELS = torch.tensor([0, 2, 1, 2, 2, 0])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_ignored_targets_are_no_observations(reduction):
    logits = numbers(0, (6, 3))
    loss, value = cross_entropy(logits, LABELS, ignore_index=2, reduction=reduction)

    kept = LABELS.numpy() != 2
    each = -log_softmax(logits)[np.arange(6), LABELS.numpy()][kept]
    assert loss.fit == pytest.approx(value)
    assert loss.scale == (1 if reduction == "mean" else kept.sum())
    assert loss.fit == pytest.approx(loss.scale * each.mean())
    assert loss.target.class_counts.tolist() == [2, 1, 0]
    assert loss.target.sums.count.tolist() == [3]
    assert loss.target_shape == (6,)
    assert not loss.ignored_all


def test_a_batch_of_ignored_targets_is_told():
    loss, value = cross_entropy(numbers(0, (6, 3)), torch.full((6,), -100))
    assert np.isnan(value)
    assert loss.ignored_all
    assert loss.kind == "cross_entropy"


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_label_smoothing_belongs_to_the_data_term(reduction, weighted):
    logits = numbers(1, (6, 3))
    weight = torch.tensor([1.0, 2.0, 3.0]).double() if weighted else None
    options = {"label_smoothing": 0.3, "reduction": reduction, "weight": weight}
    loss, value = cross_entropy(logits, LABELS, **options)

    soft = 0.7 * np.eye(3)[LABELS] + 0.3 / 3
    assert loss.kind == "cross_entropy"
    assert not loss.handwritten
    assert loss.fit == pytest.approx(value)
    if not weighted:
        assert loss.scale == pytest.approx(1 if reduction == "mean" else 6)
        each = -(soft * log_softmax(logits)).sum(1)
        assert loss.fit == pytest.approx(loss.scale * each.mean())


def test_class_weights_change_the_value_and_not_what_is_read():
    logits = numbers(2, (6, 3))
    weight = torch.tensor([1.0, 2.0, 3.0]).double()
    loss, value = cross_entropy(logits, LABELS, weight=weight)
    plain, _ = cross_entropy(logits, LABELS)
    assert loss.fit == pytest.approx(value)
    assert_same_sums(loss.prediction, plain.prediction)
    assert loss.target.class_counts.tolist() == [2, 1, 3]


def test_soft_targets_are_values_and_not_one_hot():
    logits, soft = numbers(3, (6, 3)), distribution(4, (6, 3))
    loss, value = cross_entropy(logits, torch.tensor(soft))
    assert loss.kind == "cross_entropy"
    assert loss.fit == pytest.approx(value)
    assert loss.fit == pytest.approx(loss.scale * -(soft * log_softmax(logits)).sum(1).mean())
    assert loss.target.class_counts is None
    assert not loss.target.integer_valued
    assert_same_sums(loss.target.sums, sums(soft))


def test_targets_of_which_no_class_is_true_are_counted():
    several = torch.tensor([[1.0, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]]).double()
    loss, _ = cross_entropy(numbers(3, (4, 3)), several)
    assert loss.details["empty_rows"] == 2
    one_each, _ = cross_entropy(numbers(3, (4, 3)), several[[2, 2, 2, 2]])
    assert "empty_rows" not in one_each.details


def test_classes_of_pixels_are_units_in_dimension_one():
    logits = numbers(5, (2, 4, 3, 5))
    labels = torch.tensor(np.random.default_rng(0).integers(0, 4, (2, 3, 5)))
    loss, value = cross_entropy(logits, labels)

    each = log_softmax(np.moveaxis(logits, 1, -1))
    picked = np.take_along_axis(each, labels.numpy()[..., None], -1)
    assert loss.fit == pytest.approx(value)
    assert loss.fit == pytest.approx(loss.scale * -picked.mean())
    assert loss.input_shape == (2, 4, 3, 5)
    assert loss.target_shape == (2, 3, 5)
    assert_same_sums(loss.prediction, sums(each))
    assert loss.target.class_counts.tolist() == np.bincount(labels.flatten(), minlength=4).tolist()


def test_a_single_sample_without_a_batch_is_read():
    loss, value = cross_entropy(numbers(6, (4,)), torch.tensor(2))
    assert loss.fit == pytest.approx(value)
    assert loss.target.class_counts.tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_binary_cross_entropy_with_logits_is_recognised(reduction):
    logits, y = numbers(7, (6, 2)), np.round(shares(8, (6, 2)))
    written = lambda p, t: F.binary_cross_entropy_with_logits(p, t, reduction=reduction)  # noqa: E731
    loss, value = loss_of(logits, torch.tensor(y), written)

    each = np.logaddexp(0, logits) - y * logits
    assert (loss.kind, loss.handwritten) == ("binary_cross_entropy", False)
    assert loss.operation == "binary_cross_entropy_with_logits"
    assert loss.fit == pytest.approx(value)
    assert loss.scale == (1 if reduction == "mean" else 12)
    assert loss.fit == pytest.approx(loss.scale * each.mean())
    assert_same_sums(loss.prediction, sums(logits))
    assert loss.target.integer_valued


def test_weights_of_positives_are_part_of_the_fit():
    logits, y = torch.tensor(numbers(7, (6, 2))), torch.tensor(np.round(shares(8, (6, 2))))
    options = {"pos_weight": torch.tensor([3.0, 1.0]).double(), "weight": torch.tensor([2.0, 1.0])}
    penalty = lambda p: 0.01 * p.abs().sum()  # noqa: E731
    written = lambda p, t: F.binary_cross_entropy_with_logits(p, t, **options) + penalty(p)  # noqa: E731
    loss, value = loss_of(logits, y, written)
    assert loss.fit == pytest.approx(value - penalty(logits).item())


@pytest.mark.parametrize("small", [0, 4096])
@pytest.mark.parametrize("last", [9, 3, -100])
def test_numpy_finds_of_classes_what_torch_does_at_once_and_later(last, small, monkeypatch):
    monkeypatch.setattr(comparison, "_SMALL_TABLE", small)
    torch.manual_seed(0)
    table, labels = torch.randn(40, 10).softmax(1), torch.randint(7, (40,))
    table[:, 8], labels[-3:] = 0.0, last
    pack, by_torch, by_numpy = Pack(), PendingLoss(LossReading(0.0)), PendingLoss(LossReading(0.0))

    comparison._compare_classes(pack, by_torch, table, labels)
    comparison.compare_classes_on_cpu(pack, by_numpy, table.numpy(), labels.numpy())

    arrays = pack.fetch()
    assert (by_numpy.class_table is None) == (small == 0)
    for found, expected in zip(
        by_numpy._of_classes(arrays), by_torch._of_classes(arrays), strict=True
    ):
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)
    assert by_numpy.of(arrays).correlation == pytest.approx(
        by_torch.of(arrays).correlation, rel=1e-13
    )


def test_classes_whose_probabilities_are_not_finite_do_not_warn():
    pack, pending = Pack(), PendingLoss(LossReading(0.0))
    given = torch.tensor([[torch.inf, 1.0], [torch.inf, torch.nan]])

    comparison.compare(pack, pending, given, torch.tensor([0, 1]), is_index=True)

    arrays = pack.fetch()
    loss = pending.of(arrays)
    assert loss.target.class_counts.tolist() == [1, 1]
    assert math.isnan(loss.correlation)
