"""Sums over units are right in every dtype and shape, and where values overflow or are missing."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.recorded import reading, snapshot
from oracles.sums import assert_same_sums, sums
from probe import GRID, UNITS, probed
from torch import nn

from lifesigns.record.measure.reduce import Pack

torch.set_num_threads(1)
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@settings(max_examples=150, deadline=None)
@given(
    shapes=st.lists(
        st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple), min_size=1, max_size=4
    ),
    dtype=st.sampled_from(DTYPES),
    channels=st.booleans(),
    spoilt=st.sampled_from([None, np.nan, np.inf]),
    seed=st.integers(0, 99),
)
def test_stacked_reductions_are_the_sums_of_each_tensor(shapes, dtype, channels, spoilt, seed):
    """Tensors of one shape are reduced as a stack: none may take another's row."""
    generator, pack, pending = torch.Generator().manual_seed(seed), Pack(), []
    shapes = shapes + shapes[:2]
    for shape in shapes:
        values = torch.randn(shape, generator=generator).to(dtype)
        values[torch.rand(shape, generator=generator) < 0.2] = 0
        if spoilt is not None:
            values[torch.rand(shape, generator=generator) < 0.2] = spoilt
        flat, dim = values.abs() < 0.5, 1 if channels and len(shape) > 1 else -1
        pending.append((pack.sums(values, dim, flat), sums(values.double(), dim, flat)))
    arrays = pack.fetch()
    for measured, expected in pending:
        assert_same_sums(measured.of(arrays), expected)


@pytest.mark.parametrize("shape", [(4096, 16), (130, 3), (65, 4), (8, 16, 7, 7), (64, 3, 2, 2)])
def test_what_is_read_of_a_tensor_does_not_depend_on_those_beside_it(shape):
    torch.manual_seed(0)
    values, dim = [torch.randn(shape) for _ in range(3)], 1 if len(shape) == 4 else -1
    alone, together = [], Pack()

    pending = [together.sums(one, dim) for one in values]
    arrays = together.fetch()
    for one in values:
        pack = Pack()
        alone.append((pack.sums(one, dim), pack.fetch()))

    for one, beside, (by_itself, own) in zip(values, pending, alone, strict=True):
        assert_same_sums(beside.of(arrays), sums(one, dim))
        for name in ("total", "total_squared", "minimum", "maximum", "active"):
            assert (getattr(beside.of(arrays), name) == getattr(by_itself.of(own), name)).all()


@pytest.mark.parametrize("channels_last", [False, True])
def test_pictures_are_read_alike_however_they_lie_in_memory(channels_last):
    torch.manual_seed(0)
    values = torch.randn(4, 3, 5, 6)
    lying = values.to(memory_format=torch.channels_last) if channels_last else values
    pack = Pack()

    found = pack.sums(lying, 1, lying < 0)

    assert_same_sums(found.of(pack.fetch()), sums(values, 1, values < 0))


@pytest.mark.parametrize("spoilt", [0.0, float("inf"), float("-inf")])
@pytest.mark.parametrize("gate", [nn.ReLU(), nn.Hardtanh(), nn.ReLU6()], ids=lambda g: str(g)[:5])
def test_where_a_gate_stops_a_gradient_it_is_flat(gate, spoilt):
    """Told from what arrives and what is passed on, without a comparison of the two."""
    torch.manual_seed(0)
    x, arriving = torch.randn(40, 5), torch.randn(40, 5)
    arriving[3], arriving[:, 1] = spoilt, 0.0
    model = nn.Sequential(nn.Linear(5, 5), gate)
    signal = model[0](x).detach()

    taken = snapshot(lambda: model(x).backward(arriving), model)

    (site,) = (s for s in taken.sites if s.input_gradient is not None)
    low, high = (0, np.inf) if isinstance(gate, nn.ReLU) else (gate.min_val, gate.max_val)
    closed = (signal <= low) | (signal >= high)
    assert site.input_gradient.saturated.tolist() == (closed & (arriving != 0)).sum(0).tolist()


# --- dtypes and odd shapes ------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sums_of_half_precision_do_not_overflow(dtype):
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU()).to(dtype)
    nn.init.ones_(model[0].weight)
    x = torch.ones(70_000, 1, dtype=dtype)
    taken = snapshot(lambda: (model(x) * 1e-4).sum().backward(), model)
    found = reading(taken, "1:relu#0")
    assert found.value.total.tolist() == [70_000]
    assert found.value.total_squared.tolist() == [pytest.approx(70_000, rel=1e-6)]
    assert found.output_gradient.total[0] == pytest.approx(70_000 * 1e-4, rel=0.01)


def test_non_finite_values_are_counted_and_left_out_of_everything_else():
    values = GRID.copy()
    values[1, 2], values[2, 2], values[3, 4] = np.inf, -np.inf, np.nan
    model = nn.Sequential(nn.Linear(UNITS, UNITS, bias=False), nn.Hardtanh()).double()
    taken = snapshot(lambda: model(torch.tensor(values)).sum().backward(), model)
    kept = np.clip(values @ model[0].weight.detach().numpy().T, -1, 1)
    found = reading(taken, "1:hardtanh#0")
    flat = (np.abs(kept) == 1) & np.isfinite(kept)
    assert_same_sums(found.value, sums(kept, saturated=flat))
    assert found.value.nonfinite.tolist() == (~np.isfinite(kept)).sum(0).tolist()


def test_large_values_are_summed_without_overflowing():
    taken, output, _ = probed(nn.ReLU(), GRID * 1e25)
    assert_same_sums(reading(taken, "call:relu#0").value, sums(output), leave_out=("saturated",))
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU())
    nn.init.ones_(model[0].weight)
    taken = snapshot(lambda: model(torch.full((4, 1), 1e25)).mean().backward(), model)
    found = reading(taken, "1:relu#0").value
    assert found.nonfinite.tolist() == [0]
    assert found.total_squared[0] == pytest.approx(4e50, rel=1e-5)


@pytest.mark.parametrize("size", [1e-12, 1e-21, 1e-25, 1e-40])
def test_gradients_too_small_to_be_squared_keep_their_size(size):
    """A gradient that has vanished is not one that is zero."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    taken = snapshot(lambda: (model(torch.randn(5, 3)) * size).sum().backward(), model)
    found = reading(taken, "1:tanh#0")
    assert found.output_gradient.rms == pytest.approx(size, rel=1e-4)
    assert found.output_gradient.active.tolist() == [5] * 4
    assert 0 < found.derivative_factor <= 1


def test_tensors_beyond_the_size_that_waits_are_read_alike():
    model = nn.Sequential(nn.Linear(3, 5), nn.GELU()).double()
    x = torch.randn(20_000, 3).double()
    found = reading(snapshot(lambda: model(x).square().sum().backward(), model), "1:gelu#0")
    with torch.no_grad():
        assert_same_sums(found.value, sums(model(x)), leave_out=("saturated",))


ODD = {
    "complex": lambda m: (
        torch.view_as_complex(m(torch.randn(4, 3)).reshape(4, 2, 2)).sin().abs().sum()
    ),
    "0-d": lambda m: torch.tanh(m(torch.randn(3)).sum()).exp(),
    "empty": lambda m: torch.relu(m(torch.randn(0, 3))).sum() + m(torch.randn(2, 3)).sum(),
    "vector": lambda m: torch.sigmoid(m(torch.randn(3))).sum(),
    "vmap": lambda m: torch.func.vmap(lambda x: torch.tanh(m(x)))(torch.randn(5, 3)).sum(),
    "vmap in the middle": lambda m: (
        torch.func.vmap(lambda x: F.softmax(torch.relu(m(x)), -1), in_dims=1)(torch.randn(3, 5))
        .square()
        .sum()
    ),
    "jacobian": lambda m: (
        torch.autograd.functional.jacobian(
            lambda x: torch.tanh(m(x)).sum(), torch.randn(3), create_graph=True
        )
        .square()
        .sum()
    ),
    "double backward": lambda m: (
        torch.autograd.grad(
            torch.tanh(m(x := torch.randn(4, 3, requires_grad=True))).sum(), x, create_graph=True
        )[0]
        .square()
        .sum()
    ),
    "max over everything": lambda m: torch.relu(m(torch.randn(4, 3))).max(),
    "several dimensions": lambda m: m(torch.randn(4, 5, 3)).amax((0, 1)).sum(),
    "copy slices": lambda m: _overwritten(m(torch.randn(4, 3))).sum(),
    "sort and cumsum": lambda m: m(torch.randn(4, 3)).sort(0).values.cumsum(0).relu().sum(),
    "fft": lambda m: torch.fft.rfft(m(torch.randn(4, 3))).abs().tanh().sum(),
    "no graph at the activation": lambda m: m(torch.relu(torch.randn(4, 3))).sum(),
}


def _overwritten(h):
    h = h * 1.0
    h[:, :2].relu_()
    return h


@pytest.mark.parametrize("name", ODD)
def test_odd_tensors_are_recorded_without_a_failure(name):
    model = nn.Linear(3, 4)
    taken = snapshot(lambda: ODD[name](model).backward(), model)
    assert taken.coverage.nodes > 0
    assert np.isfinite(taken.loss.value)


def test_a_sparse_gradient_is_left_alone():
    model = nn.Sequential(nn.Embedding(10, 3, sparse=True), nn.Linear(3, 2), nn.ReLU())
    taken = snapshot(lambda: model(torch.arange(4)).sum().backward(), model)
    assert model[0].weight.grad.is_sparse
    assert np.isnan(taken.parameter("0.weight").gradient_rms)
    assert taken.parameter("1.weight").gradient_rms > 0


def test_an_input_that_asks_for_a_gradient_is_data_and_no_parameter():
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x = torch.linspace(-1, 1, 9).reshape(-1, 1).requires_grad_()

    def step():
        y = model(torch.sin(x))
        (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        (slope - y).square().mean().backward()
        optimizer.step()

    taken = snapshot(step, model, [optimizer])
    assert {p.name for p in taken.parameters} == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert reading(taken, ":sin#0").value.units == 1
