"""Whatever reduces a tensor, the numbers are those of the slow twin."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracles.sums import assert_same_sums, sums

from lifesigns.record.measure.kernel import layout
from lifesigns.record.measure.reduce import Lessened, Pack

torch.set_num_threads(1)
pytestmark = pytest.mark.usefixtures("reducing")
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
SIZES = {torch.float16: (1e-7, 1, 6e4), torch.bfloat16: (1e-40, 1, 1e38)}
WIDER = (1e-42, 1e-25, 1, 1e25, 1e38)
SLOPE = 0.01
each_way = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


SHAPES = st.lists(st.sampled_from([1, 2, 3, 17, 70, 150]), min_size=1, max_size=4)


@st.composite
def tensors(draw):
    """Tensors of any dtype and size of numbers, with zeros and odd ones, in any order in memory."""
    shape, dtype = draw(SHAPES.filter(lambda s: np.prod(s) < 60_000)), draw(st.sampled_from(DTYPES))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    values = (values * draw(st.sampled_from(SIZES.get(dtype, WIDER)))).to(dtype)
    values[torch.rand(shape, generator=generator) < 0.2] = 0
    for odd in draw(st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), max_size=2)):
        values[torch.rand(shape, generator=generator) < 0.1] = odd
    order = draw(st.permutations(range(len(shape))))
    values = values.permute(order)
    lying = draw(st.sampled_from(["permuted", "contiguous", "every other", "repeated"]))
    if lying == "contiguous":
        return values.contiguous()
    if lying == "every other":
        return values[..., ::2]
    return values[:1].expand(5, *values.shape[1:]) if lying == "repeated" else values


def reduced(values, unit_dim, flat=None):
    pack = Pack()
    return pack.sums(values, unit_dim, flat).of(pack.fetch())


@each_way
@given(values=tensors(), data=st.data())
def test_sums_are_those_of_the_slow_twin(values, data):
    dim = data.draw(st.integers(-values.dim(), values.dim() - 1))
    flat = values.abs() < 0.5

    found = reduced(values, dim, flat)

    with np.errstate(over="ignore"):
        assert_same_sums(found, sums(values.double(), dim, flat))


@each_way
@given(passed=tensors(), data=st.data())
def test_a_gradient_that_was_lessened_is_counted(passed, data):
    dim = data.draw(st.integers(-passed.dim(), passed.dim() - 1))
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 9)))
    share = 10 ** (4 * torch.rand(passed.shape, generator=generator, dtype=torch.float64))
    arrived = (passed.double() * share).to(passed.dtype)
    arrived = arrived if data.draw(st.booleans()) else arrived.contiguous()

    found = reduced(passed, dim, Lessened(arrived, SLOPE))

    wide = torch.float64 if passed.dtype == torch.float64 else torch.float32
    bound = SLOPE * arrived.to(wide).abs()
    flat = (passed.to(wide).abs() < bound) & (arrived != 0)
    with np.errstate(over="ignore"):
        assert_same_sums(found, sums(passed.double(), dim, flat))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(64, 512), (1000, 3), (8, 16, 14, 14), (8, 16, 2, 2), (700,)])
def test_usual_shapes_are_read_in_every_precision(shape, dtype):
    torch.manual_seed(0)
    values, dim = torch.randn(shape).to(dtype).relu(), 1 if len(shape) > 2 else -1

    assert_same_sums(reduced(values, dim), sums(values.double(), dim))


@pytest.mark.parametrize("size", [1e-44, 1e-40, 1e-22, 1e-10, 1e10, 1e30, 3e38])
def test_numbers_that_are_tiny_or_huge_keep_their_size(size):
    values = torch.full((9, 2), size) * torch.tensor([1.0, -1.0])

    found, expected = reduced(values, -1), sums(values)

    for name in ("total", "total_squared", "minimum", "maximum", "active"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-6)


def test_the_program_adds_up_in_double(reducing):
    torch.manual_seed(0)
    values = torch.randn(3000, 5) + 1000

    found = reduced(values, -1)

    assert_same_sums(found, sums(values), rtol=1e-14 if reducing == "program" else 1e-5)


def test_many_tensors_are_read_by_one_pack():
    """More numbers than a block has room for, and tensors that do not fit into one."""
    torch.manual_seed(0)
    values = [torch.randn(4, width) for width in (1, 700, 30, 5000, 2, 290, 291, 292, 293)]
    pack = Pack()

    pending = [pack.sums(one) for one in values]
    first = pack.add(torch.tensor([3.5, 4.5]))
    arrays = pack.fetch()

    for one, found in zip(values, pending, strict=True):
        assert_same_sums(found.of(arrays), sums(one))
    assert arrays[first].tolist() == [3.5, 4.5]


def test_every_number_of_half_precision_is_read_right():
    bits = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    for dtype in (torch.float16, torch.bfloat16):
        values = bits.view(dtype)
        found = reduced(values.reshape(1, -1), -1)
        finite = values.isfinite()
        assert (found.total == values.double().where(finite, 0).numpy()).all()
        assert (found.nonfinite == (~finite).numpy()).all()


@pytest.mark.parametrize(
    "values",
    [
        torch.arange(12).reshape(3, 4),
        torch.arange(12).reshape(3, 4) > 4,
        torch.view_as_complex(torch.randn(3, 4, 2)).conj().imag,
    ],
    ids=["whole", "boolean", "negated when read"],
)
def test_other_kinds_of_values_are_read(values):
    assert_same_sums(reduced(values, -1), sums(values.resolve_neg().double()))


def test_complex_values_count_by_magnitude():
    values = torch.view_as_complex(torch.randn(3, 4, 2))

    assert_same_sums(reduced(values, -1), sums(values.abs()))


def test_an_empty_tensor_has_no_sums():
    assert Pack().sums(torch.empty(0, 3)) is None
    assert Pack().sums(torch.empty(3, 0)) is None


def test_dimensions_that_adjoin_are_walked_as_one():
    pictures = torch.empty(5, 3, 4, 6)
    last = pictures.to(memory_format=torch.channels_last)

    assert layout(pictures.shape, pictures.stride(), 1) == (5, 3, 24, 72, 24, 1)
    assert layout(last.shape, last.stride(), 1) == (120, 3, 1, 3, 1, 0)
    assert layout(pictures.shape, pictures.stride(), -1) == (60, 6, 1, 6, 1, 0)
    assert layout((7, 4), (1, 7), 1) == (1, 4, 7, 0, 7, 1)
    assert layout((3, 4, 5, 6), (1000, 1, 100, 10), 1) is None
