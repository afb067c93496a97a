import math

import pytest
import torch
from torch import nn

from lifesigns.functions import INITIALISERS, gain
from lifesigns.functions.initialisers import fans
from lifesigns.functions.lsuv import rescale

torch.set_num_threads(1)
TORCH = {
    "standard_normal": lambda w, g: nn.init.normal_(w, generator=g),
    "glorot_uniform": lambda w, g: nn.init.xavier_uniform_(w, generator=g),
    "glorot_normal": lambda w, g: nn.init.xavier_normal_(w, generator=g),
    "he_uniform": lambda w, g: nn.init.kaiming_uniform_(w, generator=g),
    "he_normal": lambda w, g: nn.init.kaiming_normal_(w, generator=g),
    "torch_default": lambda w, g: nn.init.kaiming_uniform_(w, a=math.sqrt(5), generator=g),
    "orthogonal": lambda w, g: nn.init.orthogonal_(w, generator=g),
}
SHAPES = [(300, 200), (200, 300), (40, 20, 3, 3), (40, 6, 5)]


def seeded():
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", TORCH)
def test_weights_are_torchs_where_torch_has_the_initialiser(name, shape):
    ours = INITIALISERS[name](torch.empty(shape), seeded())

    theirs = TORCH[name](torch.empty(shape), seeded())

    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("initialiser", INITIALISERS.values(), ids=lambda i: i.name)
def test_the_entries_spread_as_the_formula_says(initialiser, shape):
    if initialiser.name == "identity_recurrent" and len(shape) > 2:
        pytest.skip("fills matrices only")

    weight = initialiser(torch.empty(shape, dtype=torch.float64), seeded())

    found = weight.square().mean().sqrt().item()
    expected = initialiser.of_fans(fans(shape), initialiser.gain)
    assert found == pytest.approx(expected, rel=0.03)


def test_another_gain_scales_the_weights():
    initialiser = INITIALISERS["lecun_normal"]

    plain = initialiser(torch.empty(50, 40), seeded())
    scaled = initialiser(torch.empty(50, 40), seeded(), gain=gain("tanh"))

    torch.testing.assert_close(scaled, gain("tanh") * plain)
    assert initialiser.spread(100, 10, gain=2) == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "silu", "sigmoid", "elu"])
def test_with_the_gain_of_its_activation_a_layer_keeps_the_signal(name):
    weight = INITIALISERS["lecun_normal"](torch.empty(1000, 2000), seeded(), gain=gain(name))
    signal = torch.randn(200, 2000, generator=seeded().manual_seed(4))
    activation = {"silu": torch.nn.functional.silu, "gelu": torch.nn.functional.gelu}.get(name)
    activation = activation or getattr(torch.nn.functional, name, None) or getattr(torch, name)

    received = activation(signal * 1.0) @ weight.T  # mean square 1/gain² in, 1 out

    assert received.square().mean().item() == pytest.approx(1, rel=0.02)


def test_an_orthogonal_weight_keeps_lengths_and_an_identity_keeps_the_state():
    state = torch.randn(5, 64)

    orthogonal = INITIALISERS["orthogonal"](torch.empty(64, 64))
    identity = INITIALISERS["identity_recurrent"](torch.empty(64, 64))

    torch.testing.assert_close((state @ orthogonal.T).norm(dim=1), state.norm(dim=1))
    torch.testing.assert_close(state @ identity.T, state)


def test_a_parameter_is_filled_in_place_and_stays_trainable():
    layer = nn.Linear(8, 4)

    returned = INITIALISERS["he_normal"](layer.weight, seeded())

    assert returned is layer.weight
    assert layer.weight.is_leaf
    assert layer.weight.requires_grad


def test_a_bias_has_no_fans_and_a_kernel_is_no_identity():
    with pytest.raises(ValueError, match="at least two"):
        INITIALISERS["he_normal"](torch.empty(8))
    with pytest.raises(ValueError, match="hidden-to-hidden"):
        INITIALISERS["identity_recurrent"](torch.empty(8, 8, 3))


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 5)),
        nn.Sequential(nn.Unflatten(1, (1, 20)), nn.Conv1d(1, 8, 5), nn.ReLU(), nn.Conv1d(8, 4, 3)),
    ],
    ids=["mlp", "cnn"],
)
def test_lsuv_gives_every_layer_unit_variance_on_the_batch(model):
    batch, seen = 7 * torch.randn(512, 20, generator=seeded()) + 2, []

    rescale(model, batch, seeded())

    for layer in model:
        if isinstance(layer, (nn.Linear, nn.Conv1d)):
            layer.register_forward_hook(lambda _m, _i, output: seen.append(output.std().item()))
    model(batch)
    assert seen == pytest.approx([1] * len(seen), abs=0.021)
    assert not any(layer._forward_pre_hooks for layer in model)


def test_lsuv_leaves_a_layer_alone_that_does_not_run_or_is_constant():
    model = nn.ModuleDict({"used": nn.Linear(4, 4), "idle": nn.Linear(4, 4)})
    model.forward = lambda batch: model["used"](batch)

    rescale(model, torch.zeros(8, 4), seeded())

    assert model["idle"].weight.isfinite().all()
    assert model["used"].weight.isfinite().all()
