"""Whether weights stood still: no step has changed them, to the bit, in all that was recorded."""

from __future__ import annotations

from collections.abc import Sequence

from lifesigns.evidence.stream import Run
from lifesigns.evidence.thresholds import Threshold
from lifesigns.records import ParameterReading

OFTEN = Threshold(3, "recorded steps in each of which it has other numbers", "more than chance")


def stands_still(readings: Sequence[ParameterReading]) -> bool:
    """Whether no recorded step changed a parameter, and none between the recorded ones did.

    A wrapper may copy new weights in after the optimizer's step; their size gives that away.

    Args:
        readings: All of one parameter.
    """
    sizes = {p.weight_rms for p in readings if p.weight_rms == p.weight_rms}
    return all(p.update_rms == 0 for p in readings) and len(sizes) <= 1


def is_made_anew(readings: Sequence[ParameterReading]) -> bool:
    """Whether a parameter is another one in each recorded step, and no optimizer has made it so.

    Args:
        readings: All of one name.
    """
    held = any(p.optimized or not (p.trainable and p.reached) for p in readings)
    sizes = [p.weight_rms for p in readings if p.weight_rms == p.weight_rms]
    moved = any(p.update_rms > 0 for p in readings)
    return not held and not moved and len(set(sizes)) == len(readings) >= OFTEN


def took_over(readings: Sequence[ParameterReading]) -> bool:
    """Whether a parameter took the place of one that an optimizer held, and none took it.

    Args:
        readings: All of one name.
    """
    old = [p for p in readings if not p.replaced]
    new = [p for p in readings if p.replaced]
    held = any(p.optimized and p.update_rms > 0 for p in old)
    left = all(p.trainable and p.reached and not p.optimized for p in new)
    return held and bool(new) and left and stands_still(new)


def trained(run: Run) -> list[list[ParameterReading]]:
    """The readings of each parameter that asks for a gradient and is reached by a loss."""
    return [
        readings
        for readings in run.parameters.values()
        if any(p.trainable for p in readings) and any(p.reached for p in readings)
    ]


def nothing_moves(run: Run) -> bool:
    """Whether all weights that a loss leads to stood still; False where none was read."""
    return bool(trained(run)) and all(map(stands_still, trained(run)))
