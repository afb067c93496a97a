"""hold-rate: a learning rate that no schedule takes away, or fails to bring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch.optim import Optimizer, lr_scheduler

from lifesigns.evidence.rates import Schedule, schedule_of
from lifesigns.records import Finding, Trace
from lifesigns.remedies._edit import Edit, LiveRun, Manual, Places
from lifesigns.remedies._live import until_closed
from lifesigns.remedies._refusal import Refused
from lifesigns.remedies._script import Change, Script, cst, one
from lifesigns.remedies.testing import LOOP, case

SCHEDULES = frozenset(
    f"torch.optim.lr_scheduler.{name}"
    for name, value in vars(lr_scheduler).items()
    if isinstance(value, type) and issubclass(value, lr_scheduler.LRScheduler)
)
OTHERS = ("ReduceLROnPlateau", "OneCycleLR", "CyclicLR", "ChainedScheduler")
"""Schedules that are told more than that a step was made, or bring rates of their own."""
CONSTANT = "torch.optim.lr_scheduler.ConstantLR"
NOTED = ("max_lr", "initial_lr")
"""Where a schedule of torch notes in a group what the full rate is."""
LOW = 0.5
"""A rate that is below this share of the full one most of the time is held down."""


@dataclass(frozen=True)
class HoldRate(Edit):
    """The rate is that of the optimizer itself, in every step."""

    name: ClassVar[str] = "hold-rate"

    def _applied(self, run: LiveRun) -> AbstractContextManager[Any]:
        optimizer = run.the_optimizer()
        full = [_full(optimizer, group) for group in optimizer.param_groups]

        def hold(*_given: Any) -> None:
            for group, rate in zip(optimizer.param_groups, full, strict=False):
                _set(group, rate)

        return until_closed(optimizer.register_step_pre_hook(hold))

    def _changes(self, script: Script, places: Places) -> Iterator[Change]:
        call = one(script.calls_to(*SCHEDULES), "schedule of the rate", script)
        if (kind := script.name(call).rpartition(".")[2]) in OTHERS:
            raise Refused(f"{kind} says more of a training than its rate")
        if not call.args or call.args[0].star or call.args[0].keyword is not None:
            raise Refused(f"line {script.line(call)} does not begin with the optimizer")
        yield script.replaced(call.func, script.spelled(CONSTANT))
        yield _settings(script, call)


def _settings(script: Script, call: cst.Call) -> Change:
    """One factor in the place of everything behind the optimizer."""
    start = script.span(call.args[0].value)[1]
    return Change(start, max(start, script.span(call.args[-1].value)[1]), ", factor=1.0")


def _full(optimizer: Optimizer, group: dict[str, Any]) -> float:
    """The largest rate that a group is meant to have, as far as anybody has noted one."""
    rates = [group["lr"], *(group[name] for name in NOTED if name in group)]
    if len(optimizer.param_groups) == 1:
        rates.append(optimizer.defaults.get("lr", 0.0))
    return max(float(rate) for rate in rates)


def _set(group: dict[str, Any], rate: float) -> None:
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def made_for(finding: Finding, trace: Trace) -> Iterator[HoldRate]:
    """One, where a schedule held the rate down for most of the run."""
    schedule = schedule_of(trace)
    if schedule is not None and _is_held_down(schedule):
        yield HoldRate()


def _is_held_down(schedule: Schedule) -> bool:
    full = float(np.nanmax([schedule.peak, schedule.target]))
    return full > 0 and float(np.median(schedule.rates)) < LOW * full


# --- cases ----------------------------------------------------------------------------------------
_BEFORE = "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
_STEP = "    {}.step()\nprint({}.get_last_lr())\n"
_KEPT = "decay = torch.optim.lr_scheduler.{}\n"
_SHORT = "from torch.optim.lr_scheduler import LambdaLR\nrise = {}\n"
_PLATEAU = "schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode='max')\n"


def _case(name: str, before: str, after: str | None, stepped: str) -> Any:
    """With a schedule that is stepped in each step."""
    loop = LOOP + _STEP.format(stepped, stepped)
    behind = None if after is None else _BEFORE + after
    return case(name, HoldRate(), "optimizer", _BEFORE + before, behind, loop=loop)


MANUAL = Manual(
    name=HoldRate.name,
    title="The learning rate as the optimizer was given it, without a schedule",
    changes="The learning rate of every step: the optimizer's own, or in a live run the largest "
    "that the schedule was to reach. The schedule stays where it is, as one that changes nothing.",
    unsafe="Where the schedule is right and something else keeps the network from learning: "
    "a rate that never falls may end less well. It shows what the schedule costs; one whose "
    "lengths are counted in the right unit is the better cure.",
    references=(
        "Bengio 2012, Practical Recommendations for Gradient-Based Training, section 3.1.1",
    ),
    made_for=made_for,
    cases=(
        _case(
            "a decay",
            _KEPT.format("ExponentialLR(optimizer, gamma=0.8)"),
            _KEPT.format("ConstantLR(optimizer, factor=1.0)"),
            "decay",
        ),
        _case(
            "a rise by a function, over two lines",
            _SHORT.format("LambdaLR(\n    optimizer, lambda n: min(1.0, n / 4000)\n)"),
            _SHORT.format("torch.optim.lr_scheduler.ConstantLR(\n    optimizer, factor=1.0\n)"),
            "rise",
        ),
        _case("refused: it is told how well it goes", _PLATEAU, None, "schedule"),
        _case("refused: two schedules", _KEPT.format("StepLR(optimizer, 9)") * 2, None, "decay"),
    ),
)
