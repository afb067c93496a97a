"""Small networks as data, and the one driver that trains them.

A *network* (`MLP`, `MaxoutMLP`, `CNN`, `Recurrent`) says what is computed: widths, activation,
initialiser. A *recipe* is a network with its training: loss, learning rate, epochs, batch size.
Both are frozen dataclasses of plain values, so that recipes can be compared, varied with
`dataclasses.replace` and stored.

`recipe.network.build()` makes the torch module, `train` runs the recipe on data. A new kind of
network is a new frozen dataclass with a `build` method, in its own file.
"""

from lifesigns.nets.cnn import CNN
from lifesigns.nets.maxout import MaxoutMLP
from lifesigns.nets.mlp import MLP
from lifesigns.nets.recipe import (
    Network,
    Recipe,
    linear_classifier,
    linear_regression,
    logistic_regression,
    softmax_regression,
)
from lifesigns.nets.recurrent import Recurrent
from lifesigns.nets.training import accuracy, train

__all__ = [
    "CNN",
    "MLP",
    "MaxoutMLP",
    "Network",
    "Recipe",
    "Recurrent",
    "accuracy",
    "linear_classifier",
    "linear_regression",
    "logistic_regression",
    "softmax_regression",
    "train",
]
