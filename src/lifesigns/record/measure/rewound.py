"""Whether a network is given back, after its training, the weights that it had before."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from lifesigns.record.measure.measuring import measuring
from lifesigns.record.measure.spot_check import spots
from lifesigns.records import Rewind

MOST = 64
"""Weights that are compared, spread over those of a network."""


class Rewound:
    """The weights before the first step, a few numbers of each, and the loads that bring them back.

    Nothing here keeps a tensor of the network alive.
    """

    def __init__(self) -> None:
        self._first: dict[int, tuple[weakref.ref[Tensor], Tensor]] = {}
        self._rewinds: list[Rewind] = []

    def begin(self, weights: Sequence[Tensor]) -> None:
        """The first step of training is about to be made.

        Args:
            weights: What is trained.

        Cost: 5 µs for each weight that is compared; no device is waited for.
        """
        matrices = [w for w in weights if w.dim() > 1]
        with measuring():
            for weight in matrices[:: len(matrices) // MOST + 1]:
                if id(weight) not in self._first and (first := spots(weight)) is not None:
                    self._first[id(weight)] = weakref.ref(weight), first

    def note(self, module: nn.Module, step: int, was_tested: bool) -> None:
        """A module was given a checkpoint.

        Args:
            module: As it is now.
            step: Completed steps of training.
            was_tested: As in `Rewind`.
        """
        if not self._first or not step or len(self._rewinds) > 1:
            return
        with measuring():
            if self._is_as_it_was(module.parameters()):
                self._rewinds.append(Rewind(step, was_tested=was_tested))

    def _is_as_it_was(self, weights: Iterable[Tensor]) -> bool:
        compared = 0
        for weight in weights:
            reference, first = self._first.get(id(weight), (None, None))
            if reference is None or first is None or reference() is not weight:
                continue
            now = spots(weight)
            if now is None or not torch.equal(now.to(first), first):
                return False
            compared += 1
        return compared > len(self._first) // 2

    def evaluates(self, step: int) -> None:
        """A network is put in evaluation mode.

        Args:
            step: Completed steps of training.
        """
        if self._rewinds and self._rewinds[-1].step == step:
            self._rewinds[-1] = replace(self._rewinds[-1], is_evaluated=True)

    def rewind(self) -> Rewind | None:
        """The only one there was: a loop that begins anew brings them back again and again."""
        return self._rewinds[0] if len(self._rewinds) == 1 else None
