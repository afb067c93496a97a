"""Whether the states that give the targets of Q-learning are those whose values are trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lifesigns.record.graph.same_form import is_like
from lifesigns.record.graph.walk import Walk
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

CHOOSING = frozenset({"Gather", "Index"})
"""Nodes that choose the value of the action that was taken."""
LARGEST = frozenset({"Amax", "Max"})
"""Nodes that take the largest value, whatever was chosen."""
FEWEST = 8
"""States of a batch."""


class PendingStates(NamedTuple):
    """Whether states are the same, still on the device."""

    slot: int
    chosen: bool
    """Whether the value of an action is chosen; else the largest is taken."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss: that states were compared, and whether all were the same.

        Of the largest value, that a copy of the network was asked at all.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        if not self.chosen:
            return {"asked_for_targets": 1.0}
        return {"states_compared": 1.0, "same_states": float(arrays[self.slot].all())}


def may_compare_states(walked: Walk) -> bool:
    """Whether the value of an action is chosen, or the largest is taken.

    Args:
        walked: The graph of the loss.
    """
    return not (CHOOSING | LARGEST).isdisjoint(walked.names)


def same_states(
    pack: Pack,
    walked: Walk,
    states: Tensor | None,
    networks: Iterable[nn.Module],
    asked: Iterable[tuple[nn.Module, Tensor]],
) -> PendingStates | None:
    """Compares the batch with that which a copy of the network was given without gradients.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of the loss.
        states: What the network was given.
        networks: Those that are trained.
        asked: Modules that ran without gradients, and what they were given.

    Returns:
        None where no action's value is chosen or taken, or nothing of the same form lies
        elsewhere.
    """
    if states is None or states.dim() < 2 or len(states) < FEWEST:
        return None
    chosen = not CHOOSING.isdisjoint(walked.names)
    known = list(networks)
    same = [
        (given == states).all()
        for module, given in asked
        if given.shape == states.shape and given.device == states.device
        if is_readable(given) and given.data_ptr() != states.data_ptr()
        if any(module is network or is_like(module, network) for network in known)
    ]
    return PendingStates(pack.add(torch.stack(same)), chosen) if same else None
