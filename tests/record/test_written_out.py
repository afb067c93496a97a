"""A network that is no module is compared with its targets as any other is."""

import pytest
import torch
from oracles.recorded import snapshot
from oracles.sums import assert_same_sums, sums

torch.set_num_threads(1)
X, Y = torch.linspace(-1, 1, 24).reshape(8, 3), torch.linspace(0, 2, 16).reshape(8, 2)

LAST_LAYERS = {
    "product": lambda h, w, b: h @ w,
    "product and bias": lambda h, w, b: h @ w + b,
    "bias first": lambda h, w, b: b + h @ w,
    "addmm": lambda h, w, b: torch.addmm(b, h, w),
    "viewed": lambda h, w, b: (h @ w + b).view(-1).view(8, 2),
}
OTHERS = {
    "more than a bias": lambda h, w, b: h @ w + b * 2,
    "a larger share": lambda h, w, b: torch.add(h @ w, b, alpha=2),
    "turned": lambda h, w, b: (h @ w + b).view(2, 8).T,
    "two products": lambda h, w, b: h @ w + (h + 1) @ w,
}


def trained(last):
    """What is read of the loss of a network of two matrices, and what the network gave."""
    torch.manual_seed(0)
    first, w, b = torch.randn(3, 4), torch.randn(4, 2), torch.randn(2)
    weights = [p.requires_grad_() for p in (first, w, b)]
    optimizer = torch.optim.SGD(weights, 0.1)
    given = []

    def step():
        given.append(last(torch.tanh(X @ first), w, b))
        ((given[0] - Y) ** 2).mean().backward()
        optimizer.step()

    return snapshot(step, None, [optimizer]).loss, given[0].detach()


@pytest.mark.parametrize("last", LAST_LAYERS.values(), ids=LAST_LAYERS)
def test_a_last_layer_that_is_written_out_is_known_by_its_product(last):
    loss, given = trained(last)
    assert_same_sums(loss.prediction, sums(given.numpy()))
    assert_same_sums(loss.target.sums, sums(Y.numpy()))


@pytest.mark.parametrize("last", OTHERS.values(), ids=OTHERS)
def test_of_anything_else_no_target_is_made_up(last):
    loss, _ = trained(last)
    assert loss.kind == "squared_error"
    assert loss.target is None
