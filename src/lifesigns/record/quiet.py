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

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifesigns.record.attach.followed_thread import NOBODY
from lifesigns.record.loss.known_roots import KnownRoot, known_root
from lifesigns.record.parts import Parts
from lifesigns.record.readable import has_modes, without_modes
from lifesigns.record.schedule.clock import NINTH, TIMED
from lifesigns.record.schedule.cycles import QUIET

OUTSIDE = -1
"""The task of code that does not run inside a backward pass."""
_task = torch._C._current_graph_task_id


class Quiet:
    """Notes the passes and steps of quiet cycles.

    Args:
        parts: Those of the recorder.
    """

    def __init__(self, parts: Parts) -> None:
        self._cycles, self._clock, self._thread = parts.cycles, parts.clock, parts.thread
        self._losses, self._surprise = parts.losses, parts.surprise
        self._optimizers, self._by_hand, self._rates = parts.optimizers, parts.by_hand, parts.rates
        self._reader, self._roots, self._guard = parts.reader, parts.roots, parts.guard
        self._known: dict[int, KnownRoot] = {}
        self._open_for, self._by_hand_alone = NOBODY, False

    # --- whether it is open ---------------------------------------------------------------------
    def open(self) -> None:
        """A cycle begins, and nothing of those before it is unfinished."""
        is_plain = self._cycles.state is QUIET and self._reader.reading is None
        if is_plain and not self._losses.tentative and self._thread.is_here:
            self._open_for, self._by_hand_alone = get_ident(), not self._optimizers

    def close(self) -> None:
        """Something goes the long way: so does the rest of its cycle."""
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
        """Notes a loss, if its pass may go this way; `passed` must follow then.

        Args:
            loss: What was passed to `backward`.
            gradients: What was given beside it.

        Returns:
            False where nothing was done.
        """
        cycles = self._cycles
        if get_ident() != self._open_for or cycles.state is not QUIET:
            return False
        if gradients is not None or type(loss) is not Tensor or _task() != OUTSIDE:
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
            self._clock.sample("pass", time.perf_counter() - began)
        return True

    def passed(self, succeeded: bool) -> bool:
        """Whether the backward pass that has ended went this way to its end.

        Args:
            succeeded: Whether it has returned rather than raised.
        """
        cycles = self._cycles
        self._thread.in_quiet_pass = False
        if cycles.stepped_inside:
            return False
        cycles.passes += succeeded
        if self._by_hand_alone:
            self._guard(self._by_hand.look)
        return True

    def steps(self, optimizer: Optimizer) -> bool:
        """Notes a step, if it may go this way.

        Args:
            optimizer: The one that has stepped.

        Returns:
            False where nothing was done.
        """
        cycles = self._cycles
        if get_ident() != self._open_for or cycles.state is not QUIET or _task() != OUTSIDE:
            return False
        began = time.perf_counter() if cycles.step % TIMED == NINTH else 0.0
        try:
            known = _unseen(self._step, optimizer) if has_modes() else self._step(optimizer)
            if not known:
                return False
        except Exception as error:
            self._guard.failed(error)
        if began:
            self._clock.sample("step", time.perf_counter() - began)
        return True

    def _note(self, loss: Tensor) -> bool:
        """Adds a row to the losses, unless this one looks different, or is surprising."""
        cycles = self._cycles
        if self._by_hand_alone and cycles.passes and not self._by_hand.is_accumulating():
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
        cycles, optimizers = self._cycles, self._optimizers
        if optimizers.is_only(optimizer):
            self._rates.look(optimizer, cycles.step)
            cycles.begin()
            return True
        if optimizer not in optimizers:
            return False
        self._rates.look(optimizer, cycles.step)
        self._losses.close_later(optimizers.number(optimizer))
        optimizers.stepped(optimizer)
        if optimizers.all_stepped():
            optimizers.begin_cycle()
            cycles.begin()
        return True


def _unseen(note: Callable[[Any], bool], what: Any) -> bool:
    """Notes a loss or a step where a mode of the user would see what a tensor is asked."""
    with without_modes():
        return note(what)
