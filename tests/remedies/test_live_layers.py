"""Edits of a live run: layers that nobody knew of, and which axis they take."""

import pytest
import torch
from small_run import batch
from torch import nn

from lifesigns.remedies import LiveRun, Refusal
from lifesigns.remedies.batch_first import BatchFirst
from lifesigns.remedies.register_layers import RegisterLayers


class Hidden(nn.Module):
    """Its layers are where no model looks for them."""

    def __init__(self, keep):
        super().__init__()
        self.inner = nn.Module()
        self.inner.parts = keep([nn.Linear(4, 4), nn.Linear(4, 4)])

    def forward(self, x):
        parts = self.inner.parts
        for each in parts.values() if hasattr(parts, "values") else parts:
            x = each(x)
        return x


@pytest.mark.parametrize("keep", [list, tuple, lambda each: dict(zip("ab", each, strict=True))])
def test_layers_in_a_plain_container_are_registered_and_trained(keep):
    model, (x, _), other = Hidden(keep), batch(), nn.Parameter(torch.ones(1))
    expected, run = model(x), LiveRun(model, torch.optim.SGD([other], lr=0.1))

    RegisterLayers(("inner.parts",)).apply(run)

    assert torch.equal(model(x), expected)
    assert len(list(model.parameters())) == 4
    held = {id(p) for group in run.optimizer.param_groups for p in group["params"]}
    assert held == {id(other), *map(id, model.parameters())}


@pytest.mark.parametrize("path", ["first", "nothing", "act.inplace"])
def test_what_holds_no_layers_is_not_registered(run, path):
    assert isinstance(RegisterLayers((path,)).apply(run), Refusal)


@pytest.mark.parametrize(
    "make",
    [
        lambda **first: nn.GRU(4, 6, **first),
        lambda **first: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(4, 1, 8, 0.0, **first), 2, enable_nested_tensor=False
        ),
    ],
    ids=["a recurrence", "attention"],
)
def test_a_layer_takes_the_first_axis_for_the_batch_wherever_it_is(run, make):
    layer, told = make(), make(batch_first=True)
    told.load_state_dict(layer.state_dict())
    x = torch.randn(5, 3, 4)

    with BatchFirst().apply(run):
        given, expected = layer(x), told(x)

    both = zip(given, expected, strict=True) if type(given) is tuple else [(given, expected)]
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in both)
