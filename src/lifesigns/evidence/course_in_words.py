"""A course in words, which say of each number what it is a number of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lifesigns.evidence.sites import counted

if TYPE_CHECKING:
    from lifesigns.evidence.course import Course


def in_words(course: Course) -> str:
    """The course as a clause, for what a finding has measured.

    Args:
        course: Of any length.
    """
    if not course.ends_finite:
        return f"{loss(course)} started at {course.start:.3g} and became non-finite"
    levels = f"from {course.start:.4g} to {course.end:.4g}"
    long, several = _length(course)
    what = "; ".join(filter(None, (several, windows(course))))
    return f"{loss(course)} went {levels} in {long} ({what}){compared(course)}"


def loss(course: Course) -> str:
    """What the numbers of a course are numbers of.

    Args:
        course: Of any length.
    """
    if course.term:
        return f"the loss per observation of its first term, {course.term},"
    return "the loss per observation" if course.scaled else "the loss"


def length(course: Course) -> str:
    """How long a course is: in steps, or in backward passes where several make one step.

    Args:
        course: Of any length.
    """
    long, steps = _length(course)
    return f"{long} ({steps})" if steps else long


def _length(course: Course) -> tuple[str, str]:
    """In losses, and in steps if that is not the same and any were made."""
    several = course.cycles and course.cycles != course.steps
    steps = counted(course.cycles or 0, "step") if several else ""
    return counted(course.steps, unit(course)), steps


def unit(course: Course) -> str:
    """What each loss of a course belongs to: a step, or a backward pass.

    Args:
        course: Of any length.
    """
    return "step" if course.cycles in (None, course.steps) else "backward pass"


def further(steps: float, word: str = "step") -> str:
    """So many more steps, in two digits: `about 600 more steps`.

    Args:
        steps: Finite, above 0.
        word: What is counted.

    Example:
        >>> further(613.2), further(0.3)
        ('about 610 more steps', 'about 1 more step')
    """
    return f"about {counted(rounded(steps), f'more {word}')}"


def rounded(number: float) -> int:
    """To two digits, and 1 at the least.

    Args:
        number: Finite, not negative.

    Example:
        >>> rounded(613.2), rounded(12_345), rounded(0.3)
        (610, 12000, 1)
    """
    return max(1, round(float(f"{number:.2g}")))


def windows(course: Course) -> str:
    """What its start and end are.

    Args:
        course: With one loss at least.
    """
    losses = "" if unit(course) == "step" else " losses"
    head, tail = len(course.head), len(course.tail())
    return f"median of the first {head}{losses}, mean of the last {tail}"


def compared(course: Course) -> str:
    """What a constant prediction reaches, as a clause behind; empty if that is unknown.

    Args:
        course: Of a loss that was recognised or not.
    """
    if not math.isfinite(course.baseline):
        return ""
    about = "about " if course.baseline_error > 0 else ""
    return f", a constant prediction reaches {about}{course.baseline:.4g} on the targets seen"
