"""The best constant prediction, against its formula."""

import numpy as np
import pytest

from lifesigns.evidence.constant import baseline
from lifesigns.records import LossReading
from lifesigns.rules import testing as example


def level(*shots):
    return baseline([shot.loss for shot in shots])[0]


def test_the_best_constant_for_classes_has_the_loss_of_their_entropy():
    target = example.target([0, 0, 0, 1] * 50, classes=3)
    shot = example.snapshot(
        example.chain("linear"), loss=LossReading(1.0, kind="cross_entropy", target=target)
    )

    expected = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))

    assert level(shot, shot) == pytest.approx(expected, abs=2e-3)  # 1/800 for the sample


def test_no_constant_for_classes_is_worse_than_that_of_equal_classes():
    """The correction for the sample would lift it above ln 3."""
    target = example.target([0, 1, 2] * 20, classes=3)
    shot = example.snapshot(
        example.chain("linear"), loss=LossReading(1.0, kind="cross_entropy", target=target)
    )

    assert level(shot) == pytest.approx(np.log(3))


def test_the_best_constant_for_bits_has_the_mean_entropy_of_the_units():
    target = example.target([[0, 0], [1, 0], [0, 1], [1, 0]])
    shot = example.snapshot(
        example.chain("linear"), loss=LossReading(1.0, kind="binary_cross_entropy", target=target)
    )

    expected = (np.log(2) - (0.25 * np.log(0.25) + 0.75 * np.log(0.75))) / 2

    assert level(shot) == pytest.approx(expected)


def test_the_best_constant_of_an_unknown_loss_is_unknown():
    shot = example.snapshot(example.chain("linear"), loss=LossReading(1.0))

    assert np.isnan(level(shot))
