"""Parameters that stand still, sorted by the reason: frozen, not reached, or in no optimizer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lifesigns.evidence.as_drawn import are_as_drawn
from lifesigns.evidence.still import is_made_anew, stands_still, took_over
from lifesigns.records import ParameterReading

FROZEN = "are frozen (`requires_grad` is False)"
UNREACHED = "are not reached by the loss"
HELD = "are in an optimizer but not reached by the loss"
NOWHERE = "are in an optimizer, and the loss leads to no parameter at all"
UNGRADED = "are in an optimizer but not reached by the loss: their layers ran without gradients"
CHECKPOINTED = (
    "are in an optimizer, but ran in a reentrant checkpoint on inputs that need no gradient"
)
UNOPTIMIZED = "are in no optimizer"
REMADE = "are made anew from step to step, and are in no optimizer"
PASSED_OVER = "are in no optimizer, while two optimizers hold the same others"
UNFROZEN = "were frozen, ask for gradients again, and are in no optimizer"
REPLACED = "took the place of others, which an optimizer holds, and are in no optimizer"
OUTPUT = "are the output layer, and are in no optimizer"
UNLISTED = "are in no optimizer, because a plain list or dictionary holds their layers"


@dataclass(frozen=True)
class Still:
    """Parameters that stand still for the same reason."""

    names: tuple[str, ...]
    share: float
    state: str
    """What is true of them, in words that follow 'hold x % of the weights and'."""
    in_vain: bool = False
    """Whether the optimizers that hold them train nothing else."""
    as_drawn: bool = False
    """Whether no optimizer took them though nothing has trained them before."""

    @property
    def is_meant_to_train(self) -> bool:
        """Whether somebody gave them to an optimizer, or would have, or took care to unfreeze."""
        return self.is_held or self.as_drawn or self.state in (REMADE, *_UNTAKEN)

    @property
    def is_held(self) -> bool:
        """Whether an optimizer holds them, and no loss leads to them."""
        return self.state in (HELD, NOWHERE, UNGRADED, CHECKPOINTED)

    @property
    def is_untaken(self) -> bool:
        """Whether no optimizer took them."""
        return self.state in (UNOPTIMIZED, *_UNTAKEN)


_UNTAKEN = (UNLISTED, UNFROZEN, REPLACED, PASSED_OVER, OUTPUT)
"""Why no optimizer took what somebody wants to train."""


def groups(
    history: Collection[list[ParameterReading]], unfrozen: Collection[str], last: Collection[str]
) -> Iterator[Still]:
    """The parameters that no step can change, those of one reason together.

    Args:
        history: All readings of each parameter.
        unfrozen: Names of those that were frozen, and ask for gradients again.
        last: Names of those of the layers that make the output.
    """
    everything = sum(_size(readings[-1]) for readings in history)
    latest = [readings[-1] for readings in history]
    goes_on = any(p.optimized and p.reached and not p.replaced for p in latest)
    twice = any(p.held_twice for p in latest)
    sorted_out: dict[str, list[ParameterReading]] = {}
    for readings in history:
        state = UNFROZEN if readings[0].name in unfrozen else _state(readings)
        if state in ("", UNOPTIMIZED) and goes_on and took_over(readings):
            state = REPLACED
        if state == UNOPTIMIZED and twice:
            state = PASSED_OVER
        if state:
            sorted_out.setdefault(state, []).append(readings[-1])
    if HELD in sorted_out and not any(p.reached for p in latest):
        sorted_out[NOWHERE] = sorted_out.pop(HELD)
    if _fit_in_place_of(sorted_out.get(UNOPTIMIZED, []), sorted_out.get(HELD, [])):
        sorted_out[REPLACED] = sorted_out.pop(UNOPTIMIZED) + sorted_out.pop(REPLACED, [])
        del sorted_out[HELD]
    left = {p.name for p in sorted_out.get(UNOPTIMIZED, [])}
    untouched = all(stands_still(each) for each in history if each[0].name in left)
    if left and goes_on and left <= set(last) and untouched:
        sorted_out[OUTPUT] = sorted_out.pop(UNOPTIMIZED)
    for state, members in sorted_out.items():
        share = sum(map(_size, members)) / max(everything, 1)
        names = [p.name for p in members]  # a graph is walked from its end
        ordered = tuple(sorted(names) if state == UNLISTED else names)
        in_vain = all(p.in_vain for p in members)
        yield Still(ordered, share, state, in_vain, state == UNOPTIMIZED and are_as_drawn(members))


def _fit_in_place_of(new: Sequence[ParameterReading], old: Sequence[ParameterReading]) -> bool:
    """Whether parameters that no optimizer took have the inputs of those one holds in vain."""
    return bool(new) and sorted(p.shape[1:] for p in new) == sorted(p.shape[1:] for p in old)


def _state(readings: list[ParameterReading]) -> str:
    if not any(p.trainable for p in readings):
        return FROZEN
    if is_made_anew(readings):
        return REMADE
    optimized = any(p.optimized for p in readings)
    if not any(p.reached for p in readings):
        return _held(readings) if optimized and stands_still(readings) else UNREACHED
    unlisted = "[" in readings[0].name  # paths of registered modules have no brackets
    return "" if optimized else UNLISTED if unlisted else UNOPTIMIZED


def _held(readings: list[ParameterReading]) -> str:
    """Why no graph leads to a parameter that an optimizer holds, as far as its module tells."""
    if all(p.checkpointed for p in readings):
        return CHECKPOINTED
    return UNGRADED if all(p.ungraded for p in readings) else HELD


def _size(reading: ParameterReading) -> float:
    return float(np.prod(reading.shape))
