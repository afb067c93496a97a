"""Steps of training: which optimizers make them, and where a cycle ends.

A cycle is one step of training: everything until every known optimizer has stepped (several
backward passes for a GAN or gradient accumulation); without an optimizer, one backward pass. At its
end `Cycles` decides whether the next one is due, and arms the forward hooks for it.
"""

from __future__ import annotations

import time
from typing import Any

from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from lifesigns.record.attach.backward import OUTSIDE, outside_dynamo, task
from lifesigns.record.parts import Parts
from lifesigns.record.quiet import Quiet
from lifesigns.record.schedule.loss_log import FOREIGN
from lifesigns.record.schedule.sampler import FIRST
from lifesigns.record.stretch import Stretch

MOST_STAGES = 3
"""Of a run whose optimizers replace one another, the first of which begin with recorded cycles."""


class Steps:
    """Sees the steps of all optimizers, and ends the cycles.

    Args:
        parts: Those of the recorder.
        quiet: The short way through cycles that are not recorded.
        stretch: The shortest.
    """

    def __init__(self, parts: Parts, quiet: Quiet, stretch: Stretch) -> None:
        self._quiet, self._stretch = quiet, stretch
        stretch.ended = self._optimizer_stepped
        self._guard, self._clock, self._thread = parts.guard, parts.clock, parts.thread
        self._roots, self._optimizers, self._by_hand = parts.roots, parts.optimizers, parts.by_hand
        self._idle, self._cycles = parts.idle, parts.cycles
        self._losses, self._rates = parts.losses, parts.rates
        self._reader, self._snapshots = parts.reader, parts.snapshots
        self._hooks: list[Any] = []
        self.has_stepped = False
        """Whether any optimizer has stepped yet."""
        self._stages = 0
        """Optimizers that took the place of others: another loss may begin with each."""

    @property
    def is_attached(self) -> bool:
        """Whether steps are seen."""
        return bool(self._hooks)

    def attach(self) -> None:
        """Sees the steps of every optimizer of the process from here on."""
        self._hooks = [
            register_optimizer_step_post_hook(self._stretch.steps),
            register_optimizer_step_pre_hook(self._optimizer_steps),
        ]

    def detach(self) -> None:
        """Sees no more steps."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    @outside_dynamo
    def _optimizer_steps(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """A first optimizer that calls a closure is known before its backward passes."""
        if not self._optimizers and self._thread.is_here:
            self._guard(self._note_optimizer, optimizer)

    @outside_dynamo
    def _optimizer_stepped(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._quiet.steps(optimizer) or not self._is_own(optimizer):
            return
        began = time.perf_counter()
        self._guard(self._note_step, optimizer)
        self._clock.spend(time.perf_counter() - began)

    def _is_own(self, optimizer: Optimizer) -> bool:
        """Whether a step belongs to the training that is followed, whatever thread makes it."""
        if self._thread.is_here:
            return True
        if self._thread.is_inside:
            return task() != OUTSIDE and self._thread.is_only_one_inside
        return optimizer in self._optimizers

    def _note_step(self, optimizer: Optimizer) -> None:
        self._quiet.close()
        self._losses.catch_up(self._cycles.step)
        self._note_optimizer(optimizer)
        if optimizer not in self._optimizers:
            self._losses.close(FOREIGN)
            return
        self._losses.close(self._optimizers.number(optimizer))
        for hook in self._hooks[1:]:
            hook.remove()
        self._optimizers.stepped(optimizer)
        self.has_stepped = True
        self._idle.forget()
        self._rates.look_again(self._optimizers.alive(), self._cycles.step)
        self._rates.look(optimizer, self._cycles.step)
        inside = task() != OUTSIDE
        self._reader.stepped(optimizer, inside=inside)
        if inside:
            self._cycles.stepped_inside = True
        else:
            self.close_cycle()

    def _note_optimizer(self, optimizer: Optimizer) -> None:
        if optimizer in self._optimizers or not self._roots.are_trained_by(optimizer):
            return
        unused = self._losses.open(self._cycles.step)
        if self._optimizers.found(optimizer, beside=self.has_stepped and not unused):
            self._stages += 1
            if self._stages <= MOST_STAGES:
                self._cycles.ask(surely=FIRST)
        self._by_hand.forget()
        if len(self._optimizers) > 1 and not self._optimizers.stepping:
            self._join_last_cycle()

    def _join_last_cycle(self) -> None:
        """An optimizer that steps for the first time belongs to the cycle the others ended."""
        self._optimizers.begin_cycle(stepped=True)
        self._cycles.reopen()
        self._losses.join(self._cycles.step)
        self._snapshots.join(self._cycles.step)

    def close_cycle(self) -> None:
        """Ends the cycle if all optimizers have stepped."""
        if self._optimizers.all_stepped():
            self.end_cycle()

    def end_cycle(self) -> None:
        """Ends the cycle and begins the next."""
        self.finish_cycle()
        self._optimizers.begin_cycle()
        self._cycles.begin()
        if self.has_stepped or self._idle.has_looked:
            self._quiet.open()

    def finish_cycle(self) -> None:
        """Adds the parameter readings to the cycle's snapshots and delivers them."""
        self._losses.catch_up(self._cycles.step)
        self._losses.close()
        if not self._snapshots.pending:
            self._reader.forget_parameters()
            return
        self._rates.look_again(self._optimizers.alive(), self._cycles.step)
        parameters = self._reader.finish_parameters(
            self._optimizers.rates(), self._optimizers.alive()
        )
        self._snapshots.finish(parameters.readings, len(parameters), self._losses.stream)
