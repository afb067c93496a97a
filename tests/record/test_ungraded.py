"""Why no graph leads to a parameter that an optimizer holds: its module ran without gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

import lifesigns


def trained(forward):
    encoder, head = nn.Sequential(nn.Linear(3, 8), nn.ReLU()), nn.Linear(8, 1)
    model = nn.ModuleDict({"encoder": encoder, "head": head})
    model.forward = lambda x: head(forward(encoder, x))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x, y = torch.randn(16, 3), torch.randn(16, 1)
    with lifesigns.watch(model, every=1) as watcher:
        for _ in range(3):
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimizer.step()
    return {p.name: p for p in watcher.report.trace.snapshots[-1].parameters}


def without(encoder, x):
    with torch.no_grad():
        return encoder(x)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize(
    ("forward", "told"),
    [
        (without, (False, True, False)),
        (lambda encoder, x: checkpoint(encoder, x, use_reentrant=True), (False, True, True)),
        (lambda encoder, x: checkpoint(encoder, x, use_reentrant=False), (True, False, False)),
        (lambda encoder, x: encoder(x).detach(), (False, False, False)),
    ],
)
def test_a_layer_that_ran_without_gradients_is_told_from_one_that_is_cut_off(forward, told):
    read = trained(forward)["encoder.0.weight"]

    assert (read.reached, read.ungraded, read.checkpointed) == told
    assert not trained(forward)["head.weight"].ungraded
