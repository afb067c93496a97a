"""Averages of a network's weights, kept beside it for evaluation: how far they have followed it."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from lifesigns.record.graph.same_form import is_like
from lifesigns.record.measure.measuring import measuring
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable, on_this_rank

MOST = 64
"""Modules put in evaluation mode that are looked at in a run."""
WEIGHTS, ELEMENTS = 16, 256
"""Weights of a network, and elements of each, that stand for all."""


@dataclass
class _Copy:
    module: weakref.ref[nn.Module]
    network: weakref.ref[nn.Module]
    latest: Tensor
    """Its weights, when they were looked at last."""
    first: Tensor
    """The same, when it was found."""
    name: str
    """Of its class."""
    bare: Tensor | None = None
    """Whether at the latest evaluation its weights had moved, and its running statistics had not
    left the beginning as those of the network had; on a device, not waited for."""

    def evaluated(self) -> None:
        """It is about to be evaluated."""
        module, network = self.module(), self.network()
        if module is None or network is None:
            return
        moved, now = _has_statistics(module), _sample(module)
        others = _has_statistics(network)
        if moved is None or others is None or now is None or now.shape != self.first.shape:
            return
        self.bare = others & ~moved & (now != self.first).any()


class PendingAverage(NamedTuple):
    """How far copies have moved, still on the device."""

    slots: list[int]
    runs: list[bool]
    """Which of the copies ran in the step itself."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: of the copy that changes and is farthest behind, else of any.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        found = [
            (not changed, float(np.sqrt(own / way)), runs)
            for slot, runs in zip(self.slots, self.runs, strict=True)
            for own, way, changed in [arrays[slot]]
            if way > 0
        ]
        if not found:
            return {}
        stands, share, runs = min(found)
        return {
            "average_way": share,
            "average_changes": float(not stands),
            "average_runs": float(runs),
        }


class Averages:
    """Follows copies of a trained network that are there for evaluation.

    A copy of the same class, with weights of the same shapes, is looked at once it was put in
    evaluation mode, or made by torch's `AveragedModel`. A few elements of its weights are compared
    with where the trained network began.
    """

    def __init__(self) -> None:
        self._noted: dict[int, weakref.ref[nn.Module]] = {}
        self._new: list[weakref.ref[nn.Module]] = []
        self._starts: dict[int, tuple[weakref.ref[nn.Module], Tensor | None]] = {}
        self._copies: list[_Copy] = []

    def note(self, module: nn.Module) -> None:
        """A module was put in evaluation mode.

        Args:
            module: Any, before or while a network is trained.
        """
        self.evaluated(module)
        known = self._noted.get(id(module))
        if (known is None or known() is not module) and len(self._noted) < MOST:
            self._noted[id(module)] = reference = weakref.ref(module)
            self._new.append(reference)
            with measuring():
                self._find([n for ref, _ in self._starts.values() if (n := ref()) is not None])

    def evaluated(self, module: nn.Module) -> None:
        """A module answers in evaluation mode: the statistics of the copies in it are looked at.

        Args:
            module: Any.

        Cost: 0.2 ms of a copy, no device is waited for; without copies nothing.
        """
        inside = {id(part) for part in module.modules()} if self._copies else ()
        with measuring():
            for copy in self._copies:
                if id(copy.module()) in inside:
                    copy.evaluated()

    def bare(self) -> Iterator[str]:
        """Class names of the copies whose latest evaluation was by statistics of no data."""
        for copy in self._copies:
            if copy.bare is not None and bool(copy.bare):
                yield copy.name

    def look(
        self, pack: Pack, trained: Iterable[nn.Module], ran: Iterable[nn.Module]
    ) -> PendingAverage | None:
        """Looks how far each copy has come.

        Args:
            pack: Where the numbers wait for the copy.
            trained: The networks that a loss leads to.
            ran: What ran in this step without gradients.

        Returns:
            None where there is no copy.
        """
        self._find(list(trained))
        running = {id(module) for module in ran} if self._copies else set()
        slots, runs = [], []
        for copy in self._copies:
            module, network = copy.module(), copy.network()
            if module is None or network is None:
                continue
            start, own, now = self._starts[id(network)][1], _sample(module), _sample(network)
            if start is None or own is None or now is None:
                continue
            if not own.shape == now.shape == start.shape == copy.latest.shape:
                continue  # a part of the network was replaced
            ways = [(own - start).square().sum(), (now - start).square().sum()]
            slots.append(pack.add(torch.stack([*ways, (own != copy.latest).any().to(own.dtype)])))
            runs.append(id(module) in running)
            copy.latest = own
        return PendingAverage(slots, runs) if slots else None

    def _find(self, networks: list[nn.Module]) -> None:
        """Notes where new networks begin, and finds copies among what was put in evaluation."""
        for network in networks:
            known = self._starts.get(id(network))
            if known is None or known[0]() is not network:
                self._starts[id(network)] = weakref.ref(network), _sample(network)
                self._new = list(self._noted.values())
        if not networks:
            return
        new, self._new = self._new, []
        own = {id(network) for network in networks}
        for module in (module for ref in new if (module := ref()) is not None):
            for part in module.modules() if id(module) not in own else ():
                of = next((n for n in networks if is_like(part, n)), None)
                if of is None or any(copy.module() is part for copy in self._copies):
                    continue
                start, latest = self._starts[id(of)][1], _sample(part)
                if start is not None and latest is not None and latest.device == start.device:
                    name, refs = type(part).__name__, (weakref.ref(part), weakref.ref(of))
                    self._copies.append(_Copy(*refs, latest, latest, name))


def _has_statistics(module: nn.Module) -> Tensor | None:
    """Whether a normalisation has running statistics other than mean 0 and variance 1."""
    norms = [part for part in module.modules() if isinstance(part, _NormBase)]
    pairs = [(norm.running_mean, norm.running_var) for norm in norms[:: len(norms) // WEIGHTS + 1]]
    found = [
        (mean != 0).any() | (variance != 1).any()
        for mean, variance in pairs
        if mean is not None and variance is not None and is_readable(mean) and is_readable(variance)
    ]
    return torch.stack(found).any() if found else None


def _sample(module: nn.Module) -> Tensor | None:
    """Some elements of the weights, evenly spread; None where there are none to be read."""
    weights = [p for p in module.parameters() if p.dim() > 1 and p.is_floating_point()]
    chosen = [on_this_rank(p) for p in weights[:: len(weights) // WEIGHTS + 1]]
    read = [w.detach().reshape(-1) for w in chosen if w is not None and w.numel()]
    if not read or len(read) < len(chosen):
        return None
    return torch.cat([w[:: w.numel() // ELEMENTS + 1].float() for w in read])
