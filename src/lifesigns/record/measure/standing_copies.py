"""Copies of a trained network that were made before its first step and never changed since."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from lifesigns.record.graph.same_form import is_like
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import on_this_rank

MOST = 64
"""Modules that are looked at in a run."""


@dataclass
class _Copy:
    module: weakref.ref[nn.Module]
    norms: Tensor | None
    """Of its parameters, as they were first; None for a module that is no such copy."""
    stands: Tensor
    """Whether it is such a copy and has been as it was ever since; on a device, not waited for."""

    def look(self, module: nn.Module) -> Tensor | None:
        """Whether it still stands; None once it is known not to.

        Args:
            module: The module.
        """
        if self.norms is None:
            return None
        self.stands = self.stands & (_norms(module) == self.norms).all()
        if self.stands.is_cpu and not self.stands:
            self.norms = None
            return None
        return self.stands


class PendingStanding(NamedTuple):
    """Whether a copy that ran is as it was, still on the device."""

    slot: int

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """The detail of a loss.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        return {"copy_stands_still": 1.0} if arrays[self.slot].any() else {}


class StandingCopies:
    """Follows the modules that ran without gradients and are copies of a network as it was made.

    A copy of a network that came trained may be a reference to hold on to; one of random weights is
    nothing to learn from. Whether the weights are random shows in their range, that of torch's own
    initialisation.
    """

    def __init__(self) -> None:
        self._known: dict[int, _Copy] = {}

    def run_in(
        self, pack: Pack, modules: Iterable[nn.Module], trained: Iterable[nn.Module]
    ) -> PendingStanding | None:
        """Whether one of the modules that ran is such a copy, and is as it was.

        Args:
            pack: Where the answer waits for the copy to the host.
            modules: What ran without leading to the loss.
            trained: The networks that lead to it.

        Returns:
            None if there is surely none.
        """
        networks = list(trained)
        own = {id(network) for network in networks}
        looks = [self._stands(m, networks) for m in modules if id(m) not in own]
        standing = [stands for stands in looks if stands is not None]
        if not standing:
            return None
        return PendingStanding(pack.add(torch.stack([one.to(standing[0]) for one in standing])))

    def standing(self) -> Iterator[str]:
        """Class names of the copies that are as they were at this moment."""
        for known in self._known.values():
            module = known.module()
            if module is not None and (stands := known.look(module)) is not None and stands:
                yield type(module).__name__

    def _stands(self, module: nn.Module, networks: list[nn.Module]) -> Tensor | None:
        known = self._known.get(id(module))
        if known is not None and known.module() is module:
            return known.look(module)
        if len(self._known) >= MOST:
            return None
        copies = [made for network in networks if (made := _is_copy(module, network)) is not None]
        as_made = _is_as_made(module) if copies else None
        stands = None if as_made is None else torch.stack(copies).any() & as_made
        is_none = stands is None or (stands.is_cpu and not stands)
        norms = None if is_none else _norms(module)
        known = _Copy(weakref.ref(module), norms, torch.tensor(False) if stands is None else stands)
        self._known[id(module)] = known
        return None if is_none else known.stands


def _is_copy(module: nn.Module, network: nn.Module) -> Tensor | None:
    """Whether all parameters are equal; None if they are none of the same form."""
    if not is_like(module, network):
        return None
    pairs = zip(module.parameters(), network.parameters(), strict=True)
    equal = [_are_equal(p, q) for p, q in pairs]
    known = [one for one in equal if one is not None]
    return torch.stack(known).all() if known and len(known) == len(equal) else None


def _are_equal(p: Tensor, q: Tensor) -> Tensor | None:
    one, other = on_this_rank(p), on_this_rank(q)
    return None if one is None or other is None else (one == other).all()


def _is_as_made(module: nn.Module) -> Tensor | None:
    """Whether all weights lie within the bounds of torch's own initialisation; None without any."""
    layers = [m for m in module.modules() if isinstance(m, nn.Linear | _ConvNd)]
    within = [
        (p.detach().abs() <= _bound(layer)).all()
        for layer in layers
        for p in layer.parameters(recurse=False)
    ]
    return torch.stack(within).all() if within else None


def _bound(layer: nn.Module) -> float:
    weight: Tensor = layer.weight  # type: ignore[assignment]
    inputs = weight[0].numel() if weight.dim() > 1 else 1
    return 1 / math.sqrt(max(inputs, 1)) * (1 + 1e-6)


def _norms(module: nn.Module) -> Tensor:
    return torch.stack([torch.linalg.vector_norm(p.detach().double()) for p in module.parameters()])
