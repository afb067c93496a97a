"""What is read of parameters is what NumPy says in float64, whatever reads them."""

import numpy as np
import pytest
import torch
from torch import nn

from lifesigns.record.measure import parameter_numbers
from lifesigns.record.measure.measuring import measuring
from lifesigns.record.measure.parameters import ParameterReader

torch.set_num_threads(1)
pytestmark = pytest.mark.usefixtures("reducing")
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
SHAPES = [(), (7,), (1, 1), (5, 3), (12, 130), (4, 3, 2, 2), (20, 5000)]


def cycle(before, gradient, after):
    """The reading of a parameter over one step."""
    p = nn.Parameter(before.clone(memory_format=torch.preserve_format))
    with measuring():
        reader = ParameterReader({"p": p}, ["p"], lambda: True)
        p.grad = gradient
        reader.gradients(1.0)
        reader.stepped([p])
        p.data.copy_(after)
        (reading,) = reader.finish({id(p): 0.1}, True).readings()
    return reading


def step(shape, dtype, size=1.0, lying=lambda x: x):
    generator = torch.Generator().manual_seed(0)
    before, gradient, change = (
        size * torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    if len(shape) > 1:
        before[-1], gradient[-1] = before[0], gradient[0]
    after = before - 1e-2 * change
    return [lying(x.to(dtype)) for x in (before, gradient, after)]


def rms(values):
    return np.sqrt(np.mean(np.square(values))) if values.size else 0.0


def sampled(values):
    flat = values.reshape(-1)
    return flat[:: max(-(-flat.size // parameter_numbers.SAMPLE), 1)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sizes_products_and_rows_are_those_of_the_slow_twin(shape, dtype):
    tensors = step(shape, dtype)

    found = cycle(*tensors)

    before, gradient, after = (x.double().numpy() for x in tensors)
    change = sampled(after) - sampled(before)
    assert found.weight_rms == pytest.approx(rms(before), rel=1e-5)
    assert found.gradient_rms == pytest.approx(rms(gradient), rel=1e-5)
    assert found.update_rms == pytest.approx(rms(change), rel=1e-4)
    product = np.dot(sampled(gradient), change) * before.size / change.size
    size = np.linalg.norm(gradient) * np.linalg.norm(change)
    assert found.predicted_change == pytest.approx(product, abs=1e-4 * size)
    if len(shape) < 2:
        assert (found.distinct_weight_rows, found.distinct_gradient_rows) == (-1, -1)
        assert np.isnan(found.sign_coherence)
        return
    rows = gradient.reshape(len(gradient), -1)
    assert found.distinct_weight_rows == len(np.unique(before.reshape(len(before), -1), axis=0))
    assert found.distinct_gradient_rows == len(np.unique(rows, axis=0))
    coherence = np.mean(np.abs(rows.sum(1)) / np.abs(rows).sum(1))
    assert found.sign_coherence == pytest.approx(coherence, rel=1e-4)


@pytest.mark.parametrize("lying", [lambda x: x.t(), lambda x: x.t().contiguous().t()])
def test_parameters_are_read_alike_however_they_lie_in_memory(lying):
    tensors = step((40, 40), torch.float32)

    plain, other = cycle(*tensors), cycle(*(lying(lying(x)) for x in tensors))

    assert other.weight_rms == pytest.approx(plain.weight_rms, rel=1e-6)
    assert other.sign_coherence == pytest.approx(plain.sign_coherence, rel=1e-5)
    assert other.distinct_weight_rows == plain.distinct_weight_rows
    assert other.update_rms == pytest.approx(plain.update_rms, rel=1e-6)


@pytest.mark.parametrize("size", [1e-30, 1e-22, 1e22, 1e30])
def test_numbers_that_are_tiny_or_huge_keep_their_size(size):
    tensors = step((6, 5), torch.float32, size)

    found = cycle(*tensors)

    before, gradient, after = (x.double().numpy() for x in tensors)
    assert found.weight_rms == pytest.approx(rms(before), rel=1e-5)
    assert found.gradient_rms == pytest.approx(rms(gradient), rel=1e-5)
    assert found.update_rms == pytest.approx(rms(after - before), rel=1e-4)


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_told(spoilt):
    before, gradient, after = step((6, 5), torch.float32)
    before[2, 1], gradient[3, 3] = spoilt, spoilt

    found = cycle(before, gradient, after)

    assert (found.nonfinite_weights, found.nonfinite_gradients) == (1, 1)
    assert (found.distinct_weight_rows, found.distinct_gradient_rows) == (-1, -1)
    assert 0 < found.sign_coherence < 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_share_of_a_step_that_rounding_swallows(dtype):
    before, gradient, after = torch.ones(8, 4), torch.ones(8, 4), torch.ones(8, 4)
    gradient[:2] = 0
    after[4:] = 0.5

    found = cycle(*(x.to(dtype) for x in (before, gradient, after)))

    assert found.lost_updates == pytest.approx(8 / 24)


def test_many_rows_are_counted():
    rows = torch.arange(parameter_numbers.FEW_ROWS + 9.0)[:, None].expand(-1, 2).clone()
    rows[5:9] = rows[4]

    found = cycle(rows, torch.zeros_like(rows), rows)

    assert found.distinct_weight_rows == len(rows) - 4
    assert found.distinct_gradient_rows == 1
    assert found.gradient_is_zero


def test_a_parameter_without_elements_is_no_failure():
    found = cycle(*(torch.empty(0, 3) for _ in range(3)))

    assert found.weight_rms == 0
