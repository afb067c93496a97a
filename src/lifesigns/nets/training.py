"""The driver that trains any recipe: plain stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lifesigns.nets.recipe import Recipe


def train(
    recipe: Recipe,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    seed: int = 0,
) -> Iterator[float]:
    """Train `model` as the recipe says and yield the loss of each step, before its update.

    The generator does one step whenever it is advanced, so that a progress bar or a watcher can
    stand around it.

    Args:
        recipe: Loss, epochs and batch size.
        model: Usually `recipe.network.build()`; changed in place.
        optimizer: Holds the model's parameters, usually SGD at `recipe.learning_rate`.
        inputs: Shape `[samples, ...]`.
        targets: Shape `[samples]` for class indices, else the shape of the model's output.
        seed: Seed of the order of the samples, which is shuffled anew in every epoch.

    Yields:
        The mean loss over the batch.

    Example:
        >>> from lifesigns.nets import linear_regression
        >>> _ = torch.manual_seed(0)
        >>> x = torch.linspace(-1, 1, 64).unsqueeze(1)
        >>> recipe = linear_regression(1)
        >>> model = recipe.network.build()
        >>> sgd = torch.optim.SGD(model.parameters(), lr=recipe.learning_rate)
        >>> losses = list(train(recipe, model, sgd, x, 2 * x + 1))
        >>> losses[-1] < 0.01 < losses[0]
        True
    """
    order = torch.Generator().manual_seed(seed)
    for _ in range(recipe.epochs):
        shuffled = torch.randperm(len(inputs), generator=order)
        for batch in torch.split(shuffled, recipe.batch_size):
            loss = recipe.loss_fn(model(inputs[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            yield loss.item()


@torch.no_grad()
def accuracy(model: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Share of samples whose largest output is the one of their class.

    Args:
        model: Called as it is, in the mode it is in, on all samples at once.
        inputs: Shape `[n, ...]`.
        labels: Class indices, shape `[n]`.

    Returns:
        Between 0 and 1; NaN without samples.
    """
    return float((model(inputs).argmax(dim=1) == labels).double().mean())
