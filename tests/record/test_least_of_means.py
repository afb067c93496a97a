"""Whether one of several matches of outputs and targets is chosen for a whole batch."""

import pytest
import torch
from oracles.recorded import snapshot
from torch import nn

torch.set_num_threads(1)
X, Y = torch.randn(2, 8, 6, generator=torch.Generator().manual_seed(1))
Y = Y.view(8, 2, 3)
WAYS = ([0, 1], [1, 0])


def losses(output, over):
    return [(output[:, way] - Y).square().mean(over) for way in WAYS]


BATCH = {
    "stacked": lambda output: torch.stack(losses(output, (0, 1, 2))).min(),
    "along a dimension": lambda output: torch.stack(losses(output, (0, 1, 2))).amin(0),
    "of two": lambda output: torch.minimum(*losses(output, (0, 1, 2))),
    "of a mean over samples": lambda output: torch.stack(losses(output, (1, 2))).mean(1).min(),
    "beside another": lambda output: (
        torch.stack([one.mean() for one in losses(output, (1, 2))]).min() + output.square().mean()
    ),
}
EACH = {
    "of each sample": lambda output: torch.stack(losses(output, (1, 2))).min(0).values.mean(),
    "of the two of each": lambda output: torch.minimum(*losses(output, (1, 2))).mean(),
    "of two networks": lambda output: torch.minimum(
        OTHER(X).square().mean(), output.square().mean()
    ),
    "below a bound": lambda output: torch.minimum(output.square().mean(), torch.tensor(9.0)),
}
OTHER = nn.Linear(6, 6)


def details(loss):
    torch.manual_seed(0)
    model = nn.Linear(6, 6)
    return snapshot(lambda: loss(model(X).view(8, 2, 3)).backward(), model).loss.details


@pytest.mark.parametrize("loss", BATCH.values(), ids=BATCH)
def test_a_minimum_over_losses_of_the_batch_is_marked(loss):
    assert details(loss)["batch_options"] == 2


@pytest.mark.parametrize("loss", EACH.values(), ids=EACH)
def test_other_minima_are_not(loss):
    assert "batch_options" not in details(loss)
