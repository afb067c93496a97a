"""Operations of which it is certain that they keep samples apart."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lifesigns.record.graph.walk import walk
from lifesigns.record.measure.kept_apart import kept_apart

SAMPLES = 6
Operation = Callable[[Tensor], Tensor]
CERTAIN: dict[str, Operation] = {
    "by element": lambda x: (x.relu() * x + 1).tanh() / 2 - x.abs().sqrt(),
    "a constant for each sample": lambda x: x * torch.arange(SAMPLES).reshape(-1, 1, 1),
    "a linear layer of rows": nn.Linear(8, 3),
    "a linear layer of samples": lambda x: nn.Linear(32, 3)(x.flatten(1)),
    "convolutions": lambda x: nn.Conv2d(1, 2, 3)(x.unsqueeze(1)),
    "pooling": lambda x: F.max_pool2d(x.unsqueeze(1), 2),
    "pooling of lines": lambda x: F.max_pool1d(x, 2),
    "a mean": lambda x: x.mean((-1, 1)),
    "a softmax": lambda x: x.softmax(-1).log_softmax(1),
    "layer norm": nn.LayerNorm(8),
    "group norm": nn.GroupNorm(2, 4),
    "time in the middle": lambda x: x.transpose(1, 2).permute(0, -1, 1)[:, 1:, 2],
    "pieces": lambda x: torch.cat([*x.split(2, 1), *x.chunk(2, 1), x.unbind(1)[0][:, None]], -2),
    "attention": lambda x: F.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None]),
    "attention by hand": lambda x: (x @ x.mT).softmax(-1) @ x,
    "a view and back": lambda x: (x.view(-1, 2, 8) * 2).view(SAMPLES, -1),
}
UNCERTAIN: dict[str, Operation] = {
    "a softmax over the batch": lambda x: x.softmax(0),
    "a softmax over the batch, counted from the end": lambda x: x.log_softmax(-3),
    "a sum": lambda x: x.sum(0, keepdim=True).expand(SAMPLES, 4, 8),
    "a sum of everything": lambda x: x * x.sum(),
    "a matrix from the left": lambda x: torch.randn(SAMPLES, SAMPLES) @ x.flatten(1),
    "samples times samples": lambda x: x.flatten(1) @ x.flatten(1).T,
    "layer norm over everything": lambda x: F.layer_norm(x, (SAMPLES, 4, 8)),
    "time in front": lambda x: x.transpose(0, 1).reshape(SAMPLES, -1),
    "a permutation": lambda x: x.permute(2, 1, 0).reshape(SAMPLES, -1),
    "an index": lambda x: x[torch.arange(SAMPLES).roll(1)],
    "a turn": lambda x: x.roll(1, 0),
    "slices of the batch": lambda x: torch.cat([x[3:], x[:3]]),
    "one sample for all": lambda x: x + x[0],
    "samples as channels": lambda x: F.avg_pool2d(x, 2).view(SAMPLES, -1).softmax(0),
}


def _nodes(operation: Operation) -> tuple[set[int] | None, Tensor]:
    torch.manual_seed(0)
    data = torch.randn(SAMPLES, 4, 8, requires_grad=True)
    output = operation(data + 0)
    walked = walk([output])
    weights = {index for index, name in enumerate(walked.names) if name == "T"}
    nodes = kept_apart(walked, weights, len(walked) - 1, SAMPLES)
    gradient = torch.zeros_like(output)
    gradient[2] = torch.randn(output.shape[1:])
    output.backward(gradient)
    assert data.grad is not None
    return nodes, data.grad.flatten(1).any(1)


@pytest.mark.parametrize("name", CERTAIN)
def test_what_is_certain_sends_no_gradient_to_another_sample(name: str) -> None:
    nodes, reached = _nodes(CERTAIN[name])

    assert nodes
    assert reached.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize("name", UNCERTAIN)
def test_what_may_mix_samples_is_left_to_be_asked(name: str) -> None:
    nodes, reached = _nodes(UNCERTAIN[name])

    assert nodes is None
    assert reached.any()
