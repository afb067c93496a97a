import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lifesigns.functions import ACTIVATIONS, modules

torch.set_num_threads(1)
WRITTEN = [a for a in ACTIVATIONS.values() if a.code and a.value]
OWN = [a for a in WRITTEN if not a.code.startswith("nn.")]


def built(code):
    return eval(code, {"nn": nn, **vars(modules)}).double().eval()


def points(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("activation", WRITTEN, ids=lambda a: a.name)
def test_the_code_of_an_entry_computes_its_formula(activation):
    x = points(40, 6 if activation.stated else activation.inputs)

    computed = built(activation.code)(x)

    torch.testing.assert_close(computed.detach(), torch.from_numpy(activation.value(x.numpy())))


@pytest.mark.parametrize("activation", OWN, ids=lambda a: a.name)
def test_first_and_second_gradients_are_right(activation):
    module, x = built(activation.code), points(5, 6).requires_grad_()

    assert torch.autograd.gradcheck(module, (x,))
    assert torch.autograd.gradgradcheck(module, (x,))


@pytest.mark.parametrize(
    "module", [modules.UnitPReLU(6), modules.Snake(6), modules.Snake(rate=3.0)], ids=str
)
def test_learned_numbers_get_their_gradient(module):
    module, x = module.double(), points(2, 5, 6)

    def of_parameters(*parameters):
        names = [name for name, _ in module.named_parameters()]
        return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), x)

    assert torch.autograd.gradcheck(of_parameters, tuple(module.parameters()))


def test_a_slope_for_each_unit_is_torchs_where_the_units_are_on_dimension_one():
    ours, theirs, x = modules.UnitPReLU(6), nn.PReLU(6), torch.randn(20, 6)
    with torch.no_grad():
        theirs.weight.copy_(ours.slope.copy_(torch.linspace(-1, 1, 6)))

    assert torch.equal(ours(x), theirs(x))


def test_a_slope_for_each_unit_sits_on_the_last_dimensions():
    module = modules.UnitPReLU(3, 4)

    module(-torch.ones(2, 5, 3, 4)).sum().backward()

    assert module.slope.shape == (3, 4)
    assert torch.equal(module.slope.grad, torch.full((3, 4), -10.0))


@pytest.mark.parametrize("dim", [-1, 1, 2])
def test_maxout_takes_the_greatest_of_adjacent_values_along_its_dimension(dim):
    x = torch.randn(2, 6, 12, 18)

    found = modules.Maxout(3, dim)(x).movedim(dim, -1)

    expected = x.movedim(dim, -1).numpy().reshape(*found.shape, 3).max(-1)
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize(
    ("module", "gate"), [(modules.GEGLU, F.gelu), (modules.SwiGLU, F.silu), (modules.ReGLU, F.relu)]
)
def test_gates_split_as_torchs_glu_does(module, gate):
    x = torch.randn(2, 6, 4)
    a, b = x.split(3, dim=1)

    assert torch.equal(module(dim=1)(x), a * gate(b))
    torch.testing.assert_close(F.glu(x, 1), a * torch.sigmoid(b))


def test_crelu_loses_nothing():
    x = torch.randn(3, 4, 5)

    positive, negative = modules.CReLU(dim=1)(x).chunk(2, 1)

    assert torch.equal(positive - negative, x)


def test_parameter_counts_are_those_of_the_papers():
    def count(module):
        return sum(p.numel() for p in module.parameters())

    assert count(nn.Linear(64, 32 * 3)) == 3 * count(nn.Linear(64, 32))  # Maxout(3) needs them
    assert (count(modules.UnitPReLU(32)), count(modules.Snake())) == (32, 1)
    assert count(modules.Maxout(3)) == count(modules.SwiGLU()) == 0


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: modules.Maxout(1), "at least 2"),
        (lambda: modules.Maxout(3)(torch.ones(2, 4)), "multiple of 3"),
        (lambda: modules.SwiGLU()(torch.ones(2, 5)), "even number"),
        (lambda: modules.Squareplus(0), "above 0"),
        (lambda: modules.Snake(rate=0), "divides by its rate"),
    ],
)
def test_what_cannot_work_is_refused_with_the_next_step(make, says):
    with pytest.raises(ValueError, match=says):
        make()
