"""The optimizers a recipe can name, with torch's own defaults beside what the recipe says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import MappingProxyType

from torch import Tensor, optim

Build = Callable[[Iterable[Tensor], float, float, float], optim.Optimizer]
"""From parameters, learning rate, momentum and weight decay."""


def _sgd(
    parameters: Iterable[Tensor], rate: float, momentum: float, decay: float
) -> optim.Optimizer:
    return optim.SGD(parameters, rate, momentum=momentum, weight_decay=decay)


def _rmsprop(
    parameters: Iterable[Tensor], rate: float, momentum: float, decay: float
) -> optim.Optimizer:
    return optim.RMSprop(parameters, rate, momentum=momentum, weight_decay=decay)


def _adam(
    parameters: Iterable[Tensor], rate: float, momentum: float, decay: float
) -> optim.Optimizer:
    return optim.Adam(parameters, rate, weight_decay=decay)


def _adamw(
    parameters: Iterable[Tensor], rate: float, momentum: float, decay: float
) -> optim.Optimizer:
    return optim.AdamW(parameters, rate, weight_decay=decay)


OPTIMIZERS = MappingProxyType[str, Build](
    {"sgd": _sgd, "rmsprop": _rmsprop, "adam": _adam, "adamw": _adamw}
)
"""By name. `momentum` is that of SGD and RMSprop; Adam's own averages keep torch's constants."""

USES_MOMENTUM = frozenset({"sgd", "rmsprop"})
