"""How large the weights are after the last step, which is hardly ever one that is recorded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from lifesigns.record.measure.measuring import measuring
from lifesigns.record.readable import on_this_rank
from lifesigns.records import LatestSizes

FIRST = 20
"""Steps after which weights are looked at for the first time."""
LATER = 1.1
"""Factor of the steps after which they are looked at again: so seldom that no step is any dearer,
and the last look, before an evaluation, lies in the last tenth of what went before it."""
MOST = 2**20
"""Numbers of a weight that are looked at, in whole rows."""


class SizeLooks:
    """Looks at the weights before evaluations and at the end; none is kept alive.

    The end may come when the program has dropped its network: what was seen last counts.

    Args:
        parameters: What the networks hold at this moment, by name.
    """

    def __init__(self, parameters: Callable[[], Mapping[str, Tensor]]) -> None:
        self._parameters = parameters
        self._step = 0
        self._pending: dict[str, Tensor] = {}
        self._latest: LatestSizes | None = None

    def look(self, step: int, *, is_last: bool = False) -> None:
        """Looks, if enough has happened since the latest look.

        Args:
            step: Completed steps of training.
            is_last: Whether it is the end.

        Cost: the norm of a million numbers of every weight, once in so many steps that they have
        become a tenth more; no device is waited for.
        """
        if step < (self._step + 1 if is_last else max(FIRST, self._step * LATER)):
            return
        with measuring():
            found = {name: on_this_rank(p) for name, p in self._parameters().items()}
            sizes = {name: _rms(p) for name, p in found.items() if p is not None and p.dim() > 1}
        if sizes:
            self._step, self._pending = step, sizes

    def latest(self) -> LatestSizes | None:
        """What was seen last; None if nothing was."""
        if self._pending:
            sizes = {name: float(rms) for name, rms in self._pending.items()}
            self._latest, self._pending = LatestSizes(self._step, sizes), {}
        return self._latest


def _rms(weight: Tensor) -> Tensor:
    """Root of the mean square, in single precision; of a large table that of evenly spread rows."""
    weight = weight[:: -(-weight.numel() // MOST)] if weight.numel() > MOST else weight
    kind = torch.promote_types(weight.dtype, torch.float32)
    norm: Tensor = torch.linalg.vector_norm(weight, dtype=kind)
    return norm / math.sqrt(max(weight.numel(), 1))
