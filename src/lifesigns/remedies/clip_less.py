"""clip-less: a gradient that keeps its length where clipping left next to nothing of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch.nn.utils import clip_grad

from lifesigns.records import Finding, ParameterReading, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import Answering
from lifesigns.remedies._script import Change, Script, one
from lifesigns.remedies.testing import LOOP, case

LONGEST = {
    "torch.nn.utils.clip_grad_norm_": "max_norm",
    "torch.nn.utils.clip_grad_value_": "clip_value",
    "torch.nn.utils.clip_grad.clip_grad_norm_": "max_norm",
    "torch.nn.utils.clip_grad.clip_grad_value_": "clip_value",
}
"""What clips, and the argument that says how much it leaves: its second."""
CHANGING = ("_foreach_mul_", "mul_", "_foreach_clamp_min_", "_foreach_clamp_max_", "clamp_")
UNBOUNDED = 'float("inf")'
LITTLE = 0.1
"""Of the step that rate and gradient make; momentum makes longer ones, and so do adaptive rates."""


@dataclass(frozen=True)
class ClipLess(Edit):
    """`clip_grad_norm_` and `clip_grad_value_` of torch leave every gradient as it is."""

    name: ClassVar[str] = "clip-less"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        return Answering(_answer)

    def _changes(self, script: Script, places: Places) -> list[Change]:
        call = one(script.calls_to(*LONGEST), "call that clips the gradient", script)
        return script.keyword(call, LONGEST[script.name(call)], UNBOUNDED, 1)


def _answer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Only what torch's own functions for clipping call is left out; there is no result."""
    if name not in CHANGING:
        return NotImplemented
    caller = sys._getframe(2)  # behind this one and the mode's
    return None if caller.f_code.co_filename == clip_grad.__file__ else NotImplemented


def made_for(finding: Finding, trace: Trace) -> Iterator[ClipLess]:
    """One, where steps are far shorter than rate and gradient make them."""
    read = [p for shot in trace.snapshots for p in shot.parameters]
    shares = [share for p in read if np.isfinite(share := _left(p))]
    if shares and float(np.median(shares)) < LITTLE:
        yield ClipLess()


def _left(reading: ParameterReading) -> float:
    """The share of a plain step that was made; NaN without a gradient."""
    plain = reading.learning_rate * reading.gradient_rms
    return reading.update_rms / min(plain, reading.learning_rate) if plain > 0 else float("nan")


# --- cases ----------------------------------------------------------------------------------------
_STEP = "    optimizer.step()\n"
_CLIPPED = LOOP.replace(_STEP, "    {}\n" + _STEP)
_NORM = "nn.utils.clip_grad_norm_(model.parameters(), {})"
_VALUE = "length = torch.nn.utils.clip_grad_value_(model.parameters(), clip_value={})  # short"
MANUAL = Manual(
    name=ClipLess.name,
    title="A gradient that is not clipped",
    changes="The bound on the length, or on the numbers, of the gradient: there is none. What a "
    "call of `clip_grad_norm_` returns stays.",
    unsafe="Where a step that is too long does happen: a recurrent network may need a bound, "
    "though a larger one.",
    references=("Pascanu, Mikolov & Bengio 2013, On the difficulty of training RNNs, section 3.2",),
    made_for=made_for,
    cases=(
        case(
            "by the norm",
            ClipLess(),
            "loop",
            _CLIPPED.format(_NORM.format("1e-4")),
            _CLIPPED.format(_NORM.format(UNBOUNDED)),
        ),
        case(
            "by the value, as a keyword",
            ClipLess(),
            "loop",
            _CLIPPED.format(_VALUE.format("1e-6")),
            _CLIPPED.format(_VALUE.format(UNBOUNDED)),
        ),
        case(
            "refused: it is clipped twice",
            ClipLess(),
            "loop",
            _CLIPPED.format(f"{_NORM.format(1)}; {_NORM.format(2)}"),
            None,
        ),
    ),
)
