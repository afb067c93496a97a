"""Looks at the first passes of evaluations: of each place in the program that begins any, a few.

An evaluation begins where a trained network is put in evaluation mode, or where gradients are
switched off. The place is the line of the program, so that a test after hundreds of validations is
looked at, too. A place costs nothing but a search in a dictionary once it has been looked at.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite, nan
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn.modules.batchnorm import _BatchNorm

from lifesigns.record.attach.noted_method import Place, place_of
from lifesigns.record.compiled.calls import CompiledCode
from lifesigns.record.graph.evaluated_pass import EvaluatedPasses, Seen
from lifesigns.record.graph.roots import Roots
from lifesigns.record.measure.answers import PendingAnswers, answers
from lifesigns.record.measure.averages import Averages
from lifesigns.record.measure.measuring import measuring
from lifesigns.record.measure.norm_shift import PendingShift, shift_of
from lifesigns.record.measure.reduce import Arrays, Pack, PendingSums
from lifesigns.record.measure.shown import Shown, scaled_apart, scales
from lifesigns.record.measure.spot_check import spots
from lifesigns.record.readable import is_readable
from lifesigns.record.schedule.clock import Clock
from lifesigns.records.evaluations import EvaluationPass

MOST_PLACES = 16
"""Places that are told apart, in the order of their first time."""
LOOKS = 3
"""Steps after which a place is looked at."""
PASSES = 2
"""Passes of one look. Where units are dropped, further ones are looked at for an input that was
there before: T passes over a test set are an average over what is random."""


@dataclass(slots=True, eq=False)
class _Taken:
    """A pass, and what was measured in it as long as that waits."""

    told: EvaluationPass
    pack: Pack
    sums: PendingSums | None
    strangers: int | None
    """Where the pack holds whether no row was trained on."""
    shifts: list[PendingShift]
    beside: PendingSums | None = None
    """Sums of what one of several networks was given."""
    answers: PendingAnswers | None = None
    given: Tensor | None = None
    """Some numbers of its input, as long as it may be given again."""
    came_again: Tensor | None = None
    """Whether it was, still on the device."""

    def expect_again(self, given: Tensor) -> None:
        """Further passes are to be compared with this one.

        Args:
            given: Its input.
        """
        self.given = spots(given)
        if self.given is not None:
            self.came_again = torch.zeros_like(self.given[0], dtype=torch.bool)

    def compare(self, given: Tensor | None) -> None:
        """A further pass has ended.

        Args:
            given: Its input.
        """
        numbers = None if given is None or not is_readable(given) else spots(given)
        known, again = self.given, self.came_again
        if numbers is None or known is None or again is None or numbers.shape != known.shape:
            return
        self.came_again = again | (numbers == known).all()

    def finished(self) -> EvaluationPass:
        """With what was measured, copied to the host."""
        if self.came_again is not None and bool(self.came_again):
            self.told = replace(self.told, is_again=True)
        waiting = (self.sums, self.beside, self.answers)
        if self.shifts or any(one is not None for one in waiting):
            with measuring():
                arrays = self.pack.fetch()
            self.told = self._measured(arrays)
            self.sums, self.beside, self.shifts, self.answers = None, None, [], None
        return self.told

    def _measured(self, arrays: Arrays) -> EvaluationPass:
        told = self.told
        if self.sums is not None:
            own = scaled_apart(self.sums, self.strangers, arrays)
            told = replace(told, inputs=scales(self.sums, arrays), own_scale=own)
        if self.beside is not None:
            told = replace(told, given=scales(self.beside, arrays))
        if self.answers is not None:
            told = replace(told, answers=self.answers.of(arrays))
        found = [(shift.of(arrays), shift.norm) for shift in self.shifts]
        if not found:
            return told
        shift, norm = max(((s, n) for s, n in found if isfinite(s)), default=(nan, ""))
        return replace(told, norm_shift=shift, shifted_norm=norm)


class EvaluationLooks:
    """Tells how trained networks are evaluated.

    Args:
        guard: Keeps failures from the user's run.
        roots: The networks that are trained.
        shown: What they are given in training.
        averages: Copies of them that may be evaluated in their place.
        clock: What watching has cost.
    """

    def __init__(
        self,
        guard: Callable[..., None],
        roots: Roots,
        shown: Shown,
        averages: Averages,
        clock: Clock,
    ) -> None:
        self._roots, self._shown, self._clock = roots, shown, clock
        self._hooks = EvaluatedPasses(guard, averages.evaluated)
        self._compiled = CompiledCode(self._hooks, guard)
        self._looks: dict[Place, list[int]] = {}
        self._within: set[Place] = set()
        self._codes: list[CodeType | None] = []
        self._taken: list[_Taken] = []
        self._latest: Callable[[], Tensor | None] = _nothing
        self._begun: Place | None = None
        self._random: _Taken | None = None
        """The first pass of a look that dropped units, until a step of training follows."""
        self._judged: _Taken | None = None
        """The latest pass, if it was taken: a loss may judge its answers."""
        self._place = self._step = self._passes = 0
        self._pack, self._shifts = Pack(), list[PendingShift]()
        """Of the pass that runs."""

    def is_done(self, place: Place) -> bool:
        """Whether nothing is to be seen any more at a place.

        Args:
            place: In the program.
        """
        looks = self._looks.get(place)
        if place in self._within:
            return True
        return len(self._looks) == MOST_PLACES if looks is None else len(looks) == LOOKS

    def begins(self, frame: FrameType, step: int) -> None:
        """An evaluation may begin.

        Args:
            frame: Of the program.
            step: Completed steps of training.
        """
        began, place = time.perf_counter(), place_of(frame)
        if place not in self._looks and _is_within_function(frame):
            self._within.add(place)
            self._codes += [frame.f_code, frame.f_back and frame.f_back.f_code]
            return
        if place != self._begun:
            self._latest, self._begun = _nothing, place
        if place not in self._looks and step and len(self._looks) < MOST_PLACES:
            self._looks[place] = []
            self._codes += [frame.f_code, frame.f_back and frame.f_back.f_code]
        looks = self._looks.get(place)
        if looks is not None and len(looks) < LOOKS and step not in looks:
            looks.append(step)
            self._open(list(self._looks).index(place), step)
        self._clock.spend(time.perf_counter() - began)

    def _open(self, place: int, step: int) -> None:
        networks, names = self._roots.named()
        if networks:
            self._place, self._step, self._passes, self._random = place, step, 0, None
            self._pack, self._shifts = Pack(), []
            self._compiled.arm()
            self._hooks.open(networks, names, self._follow, self._normalises, self._compares)

    def close(self) -> None:
        """Nothing of a look is left."""
        self._hooks.close()
        self._compiled.disarm()

    def have_tested(self, step: int) -> bool:
        """Whether networks were tested since the latest step, from a place that is new.

        Args:
            step: Completed steps of training.
        """
        new = [place for place, steps in enumerate(self._looks.values()) if steps == [step]]
        return any(one.told.step == step and one.told.place in new for one in self._taken)

    def passes(self) -> tuple[EvaluationPass, ...]:
        """All that were seen, in order."""
        return tuple(one.finished() for one in self._taken)

    def _follow(self, seen: Seen) -> bool:
        """A pass has ended; whether there may be another."""
        began = time.perf_counter()
        self._judged = None
        with measuring():
            if self._random is not None:
                self._random.compare(seen.given)
            if self._passes < PASSES and not seen.gathers:
                self._take(seen)
            self._pack, self._shifts = Pack(), []
        self._passes += 1
        self._clock.spend(time.perf_counter() - began)
        may_repeat = self._random is not None and not torch.is_grad_enabled()
        return self._passes < PASSES or may_repeat

    def _normalises(self, name: str, module: _BatchNorm, batch: Tensor) -> None:
        """A batch normalisation is about to use the statistics of its batch."""
        if self._passes >= PASSES:
            return
        began = time.perf_counter()
        with measuring():
            shift = shift_of(name, module, batch, self._step, self._pack)
        self._shifts += [] if shift is None else [shift]
        self._clock.spend(time.perf_counter() - began)

    def _compares(self, scores: Tensor, labels: Tensor) -> None:
        """The loss of the latest pass is about to be taken."""
        if self._judged is None:
            return
        began = time.perf_counter()
        with measuring():
            self._judged.answers = answers(scores, labels, self._judged.pack)
        self._clock.spend(time.perf_counter() - began)

    def _take(self, seen: Seen) -> None:
        given, pack = seen.given, self._pack
        is_known = given is not None and is_readable(given) and given.dim() > 0
        told = EvaluationPass(
            step=self._step,
            place=self._place,
            training=seen.training,
            samples=len(given) if is_known and given is not None else 0,
            is_again=given is not None and self._latest() is given,
            dropouts=tuple(seen.dropouts),
            loose=tuple(seen.loose),
            norm=seen.norm,
            norm_samples=seen.norm_samples,
        )
        self._latest = _nothing if given is None else weakref.ref(given)
        sums = strangers = number = beside = None
        if is_known and given is not None and given.is_floating_point():
            sums = self._shown.alike(seen.network, given, pack)
            strangers = None if sums is None else self._shown.strangers(given, pack)
            number, beside = self._shown.beside(seen.network, given, pack) or (None, None)
        if number is not None:
            told = replace(told, network=number)
        pack.flush()
        taken = _Taken(told, pack, sums, strangers, self._shifts, beside)
        self._taken.append(taken)
        self._judged = taken
        if (
            self._random is None
            and is_known
            and given is not None
            and (seen.dropouts or seen.loose)
        ):
            taken.expect_again(given)
            self._random = taken


def _is_within_function(frame: FrameType) -> bool:
    """Whether it is the forward pass of an operation with a gradient of its own.

    Such as reentrant checkpointing, which makes the graph of what it runs in the backward pass: the
    step trains through it.
    """
    code = frame.f_code
    first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    return isinstance(first, FunctionCtx)


def _nothing() -> Any:
    """In place of a weak reference."""
