"""The sentences of a comparison; every form of it says the same."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lifesigns.evidence.sites import counted
from lifesigns.report.comparison._comparison import Comparison
from lifesigns.report.comparison.divergence import Divergence
from lifesigns.report.comparison.recordings import Difference, Phase

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Names of the runs, in the order in which they were given."""
PARTS = {
    "value": "output",
    "output_gradient": "gradient that arrives",
    "input_gradient": "gradient passed on",
    "features": "features",
    "sums": "values",
}
"""What holds sums of its units."""
SUMS = {
    "count": "number of finite values",
    "total": "sum",
    "total_squared": "sum of squares",
    "active": "number of values other than 0",
    "saturated": "number of saturated values",
    "minimum": "smallest value",
    "maximum": "largest value",
    "nonfinite": "number of values that are not finite",
}
PLAIN = {
    "weight_rms": "RMS of the weight",
    "gradient_rms": "RMS of the gradient",
    "update_rms": "RMS of the update",
}
TIMES = 1.5
"""Ratio of two numbers from which it is told instead of their difference."""
SOURCE = "the programs' source, which is not in a run file"


def letter(number: int) -> str:
    """The name of a run by its place.

    Args:
        number: From 0 on.

    Example:
        >>> letter(0), letter(26)
        ('A', 'A1')
    """
    again, place = divmod(number, len(LETTERS))
    return LETTERS[place] + (str(again) if again else "")


def headline(known: Divergence, names: tuple[str, str]) -> str:
    """Whether two runs are the same training, in one line.

    Args:
        known: Where they part.
        names: What the runs are called.
    """
    if not (known.losses or known.snapshots):
        return "nothing could be compared: no step was seen in both runs"
    if known.difference is not None:
        return f"different from step {known.difference.step} on"
    equal = _equal(known)
    if known.is_identical:
        return f"identical: {equal}"
    more = [
        f"{name} goes on for {_losses(n)}" for name, n in zip(names, known.longer, strict=True) if n
    ]
    return f"the same as far as both go: {equal}; {', '.join(more)}"


def _equal(known: Divergence) -> str:
    losses, snapshots = _losses(known.losses), counted(known.snapshots, "snapshot")
    if known.rounding is None:
        return f"{losses} and {snapshots} are equal to the bit"
    return f"{losses} are equal to the bit, and {snapshots} up to rounding"


def _losses(number: int) -> str:
    return counted(number, "loss")


def located(difference: Difference, names: tuple[str, str]) -> str:
    """Where two runs differ, and by what.

    Args:
        difference: One place.
        names: What the runs are called.
    """
    stream = f" (loss {difference.stream + 1})" if difference.stream > 0 else ""
    where = f" at {difference.place}" if difference.place and difference.place != "none" else ""
    if difference.phase is Phase.NETWORK:
        where = ""
    unit = f", unit {difference.unit}" if difference.unit >= 0 else ""
    first, other = values(difference.first, difference.other)
    return (
        f"step {difference.step}{stream}{where}{unit}: {quantity(difference)} is {first} in "
        f"{names[0]} and {other} in {names[1]}{_how_much(difference, names)}"
    )


def quantity(difference: Difference) -> str:
    """What differs, in words.

    Args:
        difference: One place.
    """
    if difference.phase is Phase.NETWORK:
        return f"the networks are not the same, the first {difference.quantity} that differs"
    if difference.quantity in ("loss", "value") and difference.phase is Phase.LOSS:
        return "the loss"
    if difference.quantity == "trained":
        return "what was trained"
    if difference.quantity in PLAIN:
        return f"the {PLAIN[difference.quantity]}"
    part, _, name = difference.quantity.rpartition(".")
    if name in SUMS:
        of = part.rpartition(".")[2]
        return f"the {SUMS[name]} of its {PARTS.get(of, _spaced(of))}"
    return _spaced(difference.quantity)


def _spaced(name: str) -> str:
    return name.replace("_", " ").replace(".", " ")


def equal_losses(known: Divergence) -> str:
    """How many losses are equal before the first that differs.

    Args:
        known: At least one is.
    """
    losses = _losses(known.losses)
    if known.equal_losses == 1:
        return f"of {losses} the first alone is equal to the bit"
    return f"the first {known.equal_losses} of {losses} are equal to the bit"


def _how_much(difference: Difference, names: tuple[str, str]) -> str:
    first, other = difference.first, difference.other
    if isinstance(first, str) or isinstance(other, str) or not math.isfinite(difference.relative):
        return ""
    if difference.is_rounding:
        return f" (relative difference {difference.relative:.1g}: rounding)"
    if first * other > 0 and max(other / first, first / other) > TIMES:
        return f" ({names[1]} is {other / first:.3g} times {names[0]})"
    return f" (relative difference {difference.relative:.2g})"


def values(first: float | str, other: float | str) -> tuple[str, str]:
    """Two values with as many digits as tell them apart, at least four.

    Args:
        first: A number or a text.
        other: Likewise.

    Example:
        >>> values(0.5, 0.50000001), values("relu", "tanh")
        (('0.5', '0.50000001'), ('relu', 'tanh'))
        >>> values(1 / 3, 1 / 3)
        ('0.3333', '0.3333')
    """
    if isinstance(first, str) or isinstance(other, str):
        return str(first), str(other)
    for digits in range(4, 18):
        texts = f"{first:.{digits}g}", f"{other:.{digits}g}"
        if texts[0] != texts[1]:
            return texts
    return f"{first:.4g}", f"{other:.4g}"


def not_compared(comparison: Comparison, names: tuple[str, str]) -> Iterator[str]:
    """What the comparison says nothing of, a sentence each.

    Args:
        comparison: Of two runs.
        names: What the runs are called.
    """
    known = comparison.divergence
    if known.unrecorded:
        passes = counted(known.unrecorded, "backward pass")
        yield f"{passes}, but for the loss: they were not recorded in both runs"
    for name, alone in zip(names, known.alone, strict=True):
        if alone:
            yield f"{counted(alone, 'snapshot')} that only {name} has"
    for name, side in zip(names, (comparison.first, comparison.other), strict=True):
        left_out = {q.value for s in side.trace.snapshots for q in s.coverage.unmeasured}
        if left_out:
            yield f"what {name} did not measure: {', '.join(sorted(left_out))}"
    yield SOURCE
