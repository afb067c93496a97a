"""Which noise a generator is given."""

import numpy as np
import pytest

from lifesigns.evidence.latents import sampled_from, trained_on
from lifesigns.records import Scales, UnitSums

DRAW = np.random.default_rng(3)
NORMAL = DRAW.standard_normal((2, 64, 8))
UNIFORM = DRAW.random((2, 64, 8))


def batches(values):
    return [UnitSums.of(each) for each in values]


def scales(values):
    return Scales(len(values), values.mean(0), values.std(0))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (NORMAL, "N(0, 1)"),
        (UNIFORM, "U(0, 1)"),
        (2 * UNIFORM - 1, "U(-1, 1)"),
        (2 * UNIFORM, ""),
        (NORMAL * 0.5, ""),
        (NORMAL + 0.5, ""),
        (np.sort(UNIFORM, 1)[:, ::-1] ** 2, ""),
        (UNIFORM[:, :4], ""),
    ],
)
def test_noise_is_told_by_its_moments(values, kind):
    assert trained_on(batches(values)) == kind
    assert sampled_from(scales(values.reshape(-1, 8))) in (kind, "")


def test_samples_are_told_by_mean_and_deviation():
    assert sampled_from(scales(NORMAL.reshape(-1, 8))) == "N(0, 1)"
    assert sampled_from(scales(UNIFORM.reshape(-1, 8))) == "U(0, 1)"
    assert sampled_from(scales(2 * UNIFORM.reshape(-1, 8) - 1)) == "U(-1, 1)"


def test_standardised_data_are_no_noise():
    values = (NORMAL - NORMAL.mean(1, keepdims=True)) / NORMAL.std(1, keepdims=True)
    assert not trained_on(batches(values))


def test_nothing_is_no_noise():
    assert not trained_on([])
    assert not sampled_from(Scales(0, np.zeros(8), np.zeros(8)))


def test_batches_of_other_features_are_of_no_kind():
    assert not trained_on([UnitSums.of(NORMAL[0]), UnitSums.of(NORMAL[1, :, :7])])
