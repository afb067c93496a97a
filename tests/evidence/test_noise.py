"""Whether numbers may be independent noise, told by their sums and the outermost of them."""

import numpy as np
import pytest

from lifesigns.evidence.noise import is_noise
from lifesigns.records import UnitSums


def share_of_noise(draw, trials=200):
    drawing = np.random.default_rng(0)
    return np.mean([is_noise(UnitSums.of(draw(drawing))) for _ in range(trials)])


@pytest.mark.parametrize("shape", [(64, 2), (64, 64), (4096, 3)])
@pytest.mark.parametrize("name", ["standard_normal", "random"])
def test_normal_and_uniform_numbers_are_noise_but_for_chance(name, shape):
    assert share_of_noise(lambda drawing: getattr(drawing, name)(shape)) == 1


def test_rounding_may_take_uniform_numbers_beyond_their_ends():
    values = np.random.default_rng(0).random((64, 4))
    values[0], values[1] = -1e-8, 1 + 1e-8

    assert is_noise(UnitSums.of(values))


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda d: d.standard_normal((256, 4)) * 1.5, id="too large"),
        pytest.param(lambda d: d.uniform(-1, 1, (256, 4)), id="even from -1 to 1"),
        pytest.param(lambda d: d.exponential(size=(256, 4)) - 1, id="one-sided"),
        pytest.param(lambda d: d.choice([-1.0, 1.0], (256, 4)), id="two values"),
        pytest.param(lambda d: np.repeat(d.standard_normal((64, 1)), 99, 1) + 0.4, id="all alike"),
        pytest.param(lambda d: np.zeros((256, 4)), id="nothing"),
    ],
)
def test_other_numbers_are_not(draw):
    assert share_of_noise(draw, trials=20) == 0


def test_standardised_numbers_are_not():
    def draw(drawing):
        values = drawing.standard_normal((256, 4))
        return ((values - values.mean(0)) / values.std(0)).astype(np.float32)

    assert share_of_noise(draw, trials=20) == 0
