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
    return [(output[:, way] - Y[: len(output)]).square().mean(over) for way in WAYS]


def scores(output):
    return [-one for one in losses(output, (1, 2))]


BATCH = {
    "stacked": lambda output: torch.stack(losses(output, (0, 1, 2))).min(),
    "along a dimension": lambda output: torch.stack(losses(output, (0, 1, 2))).amin(0),
    "of two": lambda output: torch.minimum(*losses(output, (0, 1, 2))),
    "of a mean over samples": lambda output: torch.stack(losses(output, (1, 2))).mean(1).min(),
    "the largest of scores": lambda output: -torch.stack(scores(output), 1).mean(0).max(),
    "the largest of two": lambda output: 1 - torch.maximum(*[s.mean() for s in scores(output)]),
    "of frames": lambda output: (
        -torch.stack([s[:, None].expand(-1, 3) for s in scores(output)], -1).mean((0, 1)).max()
    ),
    "joined as columns": lambda output: (
        -2 * torch.cat([s[:, None] for s in scores(output)], 1).sum(0).amax(0)
    ),
    "beside another": lambda output: (
        torch.stack([one.mean() for one in losses(output, (1, 2))]).min() + output.square().mean()
    ),
}
EACH = {
    "the largest of scores": lambda output: -torch.stack(scores(output), 1).max(1).values.mean(),
    "the worst of two": lambda output: torch.stack(losses(output, (0, 1, 2))).max(),
    "the least of scores": lambda output: -torch.stack(scores(output), 1).mean(0).min(),
    "of the means of samples": lambda output: (
        torch.stack(losses(output[:2], (1, 2)), 1).mean(1).min()
    ),
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
