"""Copies of a trained network that were made before its first step and never changed since."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from lifesigns.record.readable import on_this_rank

MOST = 64
"""Modules that are looked at in a run."""


@dataclass
class _Copy:
    module: weakref.ref[nn.Module]
    numbers: tuple[float, ...]
    """What each parameter adds up to; empty for a module that is no such copy."""


class StandingCopies:
    """Follows the modules that ran without gradients and are copies of a network as it was made.

    A copy of a network that came trained may be a reference to hold on to; one of random weights is
    nothing to learn from. Whether the weights are random shows in their range, that of torch's own
    initialisation.
    """

    def __init__(self) -> None:
        self._known: dict[int, _Copy] = {}

    def run_in(self, modules: Iterable[nn.Module], trained: Iterable[nn.Module]) -> bool:
        """Whether one of the modules that ran is such a copy, and is as it was.

        Args:
            modules: What ran without leading to the loss.
            trained: The networks that lead to it.
        """
        networks = list(trained)
        own = {id(network) for network in networks}
        standing = [m for m in modules if id(m) not in own and self._stands(m, networks)]
        return bool(standing)

    def standing(self) -> Iterator[str]:
        """Class names of the copies that are as they were at this moment."""
        for known in self._known.values():
            module = known.module()
            if module is not None and known.numbers and known.numbers == _numbers(module):
                yield type(module).__name__

    def _stands(self, module: nn.Module, networks: list[nn.Module]) -> bool:
        known = self._known.get(id(module))
        if known is None or known.module() is not module:
            if len(self._known) >= MOST:
                return False
            is_copy = any(_is_copy(module, network) for network in networks)
            numbers = _numbers(module) if is_copy and _is_as_made(module) else ()
            known = self._known[id(module)] = _Copy(weakref.ref(module), numbers)
        elif known.numbers and known.numbers != _numbers(module):
            known.numbers = ()
        return bool(known.numbers)


def _is_copy(module: nn.Module, network: nn.Module) -> bool:
    if type(module) is not type(network):
        return False
    pairs = list(zip(module.parameters(), network.parameters(), strict=False))
    return bool(pairs) and all(_are_equal(p, q) for p, q in pairs)


def _are_equal(p: Tensor, q: Tensor) -> bool:
    one, other = on_this_rank(p), on_this_rank(q)
    if one is None or other is None or p is q:
        return False
    return one.shape == other.shape and torch.equal(one, other)


def _is_as_made(module: nn.Module) -> bool:
    """Whether all weights lie within the bounds of torch's own initialisation."""
    layers = [m for m in module.modules() if isinstance(m, nn.Linear | _ConvNd)]
    return bool(layers) and all(
        bool((p.detach().abs() <= _bound(layer)).all())
        for layer in layers
        for p in layer.parameters(recurse=False)
    )


def _bound(layer: nn.Module) -> float:
    weight: Tensor = layer.weight  # type: ignore[assignment]
    inputs = weight[0].numel() if weight.dim() > 1 else 1
    return 1 / math.sqrt(max(inputs, 1)) * (1 + 1e-6)


def _numbers(module: nn.Module) -> tuple[float, ...]:
    norms = [torch.linalg.vector_norm(p.detach().double()) for p in module.parameters()]
    return tuple(torch.stack(norms).tolist())
