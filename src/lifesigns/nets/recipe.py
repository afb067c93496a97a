"""A recipe: a small network and its training, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim

from lifesigns.nets.mlp import MLP
from lifesigns.nets.optimizers import OPTIMIZERS

LossFunction = Callable[[Tensor, Tensor], Tensor]


def hinge(output: Tensor, target: Tensor) -> Tensor:
    """Mean of max(0, 1 - y z) over scores z, with y = 1 where the target is 1, and -1 where 0.

    Args:
        output: Scores, shape `[n, classes]`, of any size and sign.
        target: 0.0 or 1.0, of the same shape.

    Returns:
        The mean over all scores, a scalar.

    Example:
        >>> hinge(torch.tensor([[3.0, -0.5]]), torch.tensor([[1.0, 0.0]])).item()  # 0 and 0.5
        0.25
    """
    return torch.relu(1 - (2 * target - 1) * output).mean()


LOSSES = MappingProxyType[str, LossFunction](
    {
        "cross_entropy": F.cross_entropy,
        "binary_cross_entropy": F.binary_cross_entropy_with_logits,
        "squared_error": F.mse_loss,
        "absolute_error": F.l1_loss,
        "huber": F.huber_loss,
        "hinge": hinge,
    }
)
"""Mean losses by name, as in `functions.LOSSES`, but from logits: both cross-entropies take them.

`cross_entropy` takes class indices. The KL divergence is left out: for fixed targets it has the
gradient of cross-entropy.
"""
OF_CLASSES = frozenset({"cross_entropy", "binary_cross_entropy", "hinge"})
"""Losses whose targets are classes."""


class Network(Protocol):
    """What every kind of network is: data that can build its torch module."""

    def build(self) -> nn.Module:
        """A freshly initialised module; it draws from torch's global random numbers."""
        ...


@dataclass(frozen=True)
class Recipe:
    """A network, its loss, and how it is trained."""

    network: Network
    loss: str | LossFunction
    """A key of `LOSSES`, or a function of output and target that returns their mean loss."""
    learning_rate: float = 0.1
    epochs: int = 20
    batch_size: int = 32
    optimizer: str = "sgd"
    """A key of `OPTIMIZERS`."""
    momentum: float = 0.0
    """Of SGD and RMSprop; the others have none to set."""
    weight_decay: float = 0.0

    def make_optimizer(self, parameters: Iterable[Tensor]) -> optim.Optimizer:
        """A fresh torch optimizer as the recipe says.

        Args:
            parameters: What it shall update, such as `model.parameters()`.
        """
        build = OPTIMIZERS[self.optimizer]
        return build(parameters, self.learning_rate, self.momentum, self.weight_decay)

    @property
    def loss_fn(self) -> LossFunction:
        """The loss as a function of the network's output and the targets."""
        return LOSSES[self.loss] if isinstance(self.loss, str) else self.loss

    def steps(self, samples: int) -> int:
        """Number of training steps on a training set of this size.

        Args:
            samples: Size of the training set; a smaller last batch is a step too.

        Example:
            >>> linear_regression(8).steps(100)  # 20 epochs of 4 batches
            80
        """
        return self.epochs * -(-samples // self.batch_size)


def linear_regression(inputs: int, outputs: int = 1) -> Recipe:
    """One layer and squared error: the conditional mean as a linear function of the inputs.

    Args:
        inputs: Features of a sample.
        outputs: Target values of a sample; they are learned independently of one another.
    """
    return Recipe(MLP(inputs, (), outputs), "squared_error")


def linear_classifier(inputs: int, classes: int) -> Recipe:
    """One layer and hinge loss: a linear support vector machine for each class against the rest.

    Targets are one-hot, shape `[n, classes]`; with two classes one column is enough.

    Args:
        inputs: Features of a sample.
        classes: Columns of the targets, each a score of its own.
    """
    return Recipe(MLP(inputs, (), classes), "hinge")


def logistic_regression(inputs: int) -> Recipe:
    """One layer and one logit: the log-odds of class 1; targets are 0.0 and 1.0, shape `[n, 1]`.

    Args:
        inputs: Features of a sample.
    """
    return Recipe(MLP(inputs, (), 1), "binary_cross_entropy")


def softmax_regression(inputs: int, classes: int) -> Recipe:
    """One layer and a logit for each class; targets are class indices.

    Zero initialisation is fine here: without a hidden layer every class has its own targets, so
    nothing keeps the units equal.

    Args:
        inputs: Features of a sample.
        classes: At least 2; the softmax is in the loss.
    """
    return Recipe(MLP(inputs, (), classes), "cross_entropy")
