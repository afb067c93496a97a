"""The short way through a cycle that is not recorded, which most cycles of a training are.

What is kept of it is a row of the losses and the rates that have changed; everything else waits for
the next recorded cycle. Only what is plain goes this way: passes and steps like those that went the
long way before, through `AroundBackward` and `Steps`, in the same place of their cycle. Whatever
else turns up closes it, and the end of a quiet cycle opens it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import get_ident
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from lifesigns.record.attach.backward import OUTSIDE, GradCall, task
from lifesigns.record.attach.followed_thread import NOBODY
from lifesigns.record.loss.known_roots import KnownRoot, known_root
from lifesigns.record.parts import Parts
from lifesigns.record.readable import has_modes, without_modes
from lifesigns.record.schedule.clock import DISPATCH, NINTH, TIMED
from lifesigns.record.schedule.cycles import QUIET
from lifesigns.record.stretch import Stretch


class Quiet:
    """Notes the passes and steps of quiet cycles.

    Args:
        parts: Those of the recorder.
        stretch: The shortest way, begun where the cycles to come may go it.
    """

    def __init__(self, parts: Parts, stretch: Stretch) -> None:
        self._stretch = stretch
        self._cycles, self._clock, self._thread = parts.cycles, parts.clock, parts.thread
        self._losses, self._surprise = parts.losses, parts.surprise
        self._optimizers, self._by_hand, self._rates = parts.optimizers, parts.by_hand, parts.rates
        self._reader, self._roots, self._guard = parts.reader, parts.roots, parts.guard
        self._functional = parts.functional
        self._known: dict[int, KnownRoot] = {}
        self._only: Callable[[], Optimizer | None] = _nothing
        self._open_for = NOBODY
        self.by_hand_alone = False
        """Whether no optimizer is known: whether one stepped by hand is to be looked at."""

    # --- whether it is open ---------------------------------------------------------------------
    def open(self) -> None:
        """A cycle begins, and nothing of those before it is unfinished."""
        is_plain = self._cycles.state is QUIET and self._reader.reading is None
        if is_plain and not self._losses.tentative and self._thread.is_here:
            self._open_for, self.by_hand_alone = get_ident(), not self._optimizers
            self._only = self._optimizers.only or _nothing
            self._stretch.begin(self._known)

    def close(self) -> None:
        """Something goes the long way: so does the rest of its cycle."""
        self._stretch.end()
        self._open_for = NOBODY

    def learn(self, loss: Tensor, gradient: Tensor | None, position: int) -> None:
        """A pass has gone the long way; others like it need not.

        Args:
            loss: The first that was passed to `backward`, with a graph.
            gradient: The gradient given for it.
            position: Number of the pass in its cycle.
        """
        losses, several = self._losses, self._optimizers.several or self._roots.fixed
        self._known.pop(position, None)
        if losses.is_unrelated(position) or (several and not losses.knows(position)):
            return
        known = known_root(loss) if gradient is None else None
        if known is not None:
            self._known[position] = known

    # --- what goes through it -------------------------------------------------------------------
    def passes(self, loss: Any, gradients: Any) -> bool:
        """Notes the loss of a pass inside no other, if it may go this way.

        Args:
            loss: What was passed to `backward`.
            gradients: What was given beside it.

        Returns:
            False where nothing was done.
        """
        if get_ident() != self._open_for or task() != OUTSIDE or self._thread.is_inside:
            return False
        if gradients is not None or type(loss) is not Tensor or self._losses.tentative:
            return False
        return self._notes(loss)

    def calls(self, call: GradCall) -> bool:
        """Notes the loss of a call of `torch.autograd.grad`, if it may go this way.

        Args:
            call: What was passed.

        Returns:
            False where nothing was done.
        """
        if get_ident() != self._open_for:
            return False
        if not (call.is_for_parameters or self._functional.are_weights(call)):
            return False
        self._stretch.end()
        if self.by_hand_alone or self._cycles.passes:
            return False
        if not self._functional.is_plain(call) or not self._notes(call.outputs[0]):
            return False
        self._losses.tentative = 1
        return True

    def _notes(self, loss: Tensor) -> bool:
        """Notes a loss, unless it is to be looked at."""
        cycles = self._cycles
        if cycles.state is not QUIET:
            return False
        began = time.perf_counter() if cycles.step % TIMED == NINTH else 0.0
        try:
            noted = _unseen(self._note, loss) if has_modes() else self._note(loss)
        except Exception as error:
            self._guard.failed(error)
            return False
        if not noted:
            return False
        thread = self._thread
        thread.trains = thread.in_quiet_pass = True
        if began:
            self._clock.sample("pass", time.perf_counter() - began + DISPATCH)
        return True

    def steps(self, optimizer: Optimizer) -> bool:
        """Notes a step, if it may go this way.

        Args:
            optimizer: The one that has stepped.

        Returns:
            False where nothing was done.
        """
        cycles = self._cycles
        if get_ident() != self._open_for or cycles.state is not QUIET or task() != OUTSIDE:
            return False
        began = time.perf_counter() if cycles.step % TIMED == NINTH else 0.0
        try:
            if not self._step(optimizer):
                return False
        except Exception as error:
            self._guard.failed(error)
        if began:
            self._clock.sample("step", time.perf_counter() - began + DISPATCH)
        return True

    def _note(self, loss: Tensor) -> bool:
        """Adds a row to the losses, unless this one looks different, or is surprising."""
        cycles = self._cycles
        if self.by_hand_alone and cycles.passes and not self._by_hand.is_accumulating():
            cycles.begin()
            if cycles.state is not QUIET:
                return False
        known = self._known.get(cycles.passes)
        value = None if known is None else known.value(loss)
        if type(value) is float:
            if not self._surprise.is_expected(value):
                return False
            self._losses.append_number(cycles.step, value)
            return True
        if value is not None:
            self._losses.append(cycles.step, value)
        return value is not None

    def _step(self, optimizer: Optimizer) -> bool:
        """Notes a step and, after the last of the cycle, its end; unless the optimizer is new."""
        cycles = self._cycles
        if self._only() is optimizer:
            self._rates.look(optimizer, cycles.step)
            self._losses.tentative = 0
            cycles.begin()
            return True
        optimizers = self._optimizers
        if optimizer not in optimizers:
            return False
        self._rates.look(optimizer, cycles.step)
        self._losses.close_later(optimizers.number(optimizer))
        optimizers.stepped(optimizer)
        if optimizers.all_stepped():
            optimizers.begin_cycle()
            cycles.begin()
        return True


def _unseen(note: Callable[[Tensor], bool], loss: Tensor) -> bool:
    """Notes a loss where a mode of the user would see what it is asked."""
    with without_modes():
        return note(loss)


def _nothing() -> None:
    """In place of a weak reference."""
