"""The shortest way: through a stretch of cycles that are certain not to be recorded.

After a step of a network nothing of ours is left in the caches of the processor, and whatever is
touched has to come back: what takes 2 µs in a loop takes 20 µs there. So all that a plain cycle
needs lies in one object and two functions: the loss is compared and kept, the rates are compared,
the cycle is counted. The other parts are told when the stretch is over, or when somebody asks.
Whatever is not plain ends it and goes the way of `Quiet`, until a cycle is recorded again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from threading import get_ident
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from lifesigns.record.attach.backward import OUTSIDE, outside_dynamo, task
from lifesigns.record.attach.followed_thread import NOBODY
from lifesigns.record.loss.known_roots import KnownRoot
from lifesigns.record.parts import Parts
from lifesigns.record.readable import dispatch_modes, function_modes
from lifesigns.record.schedule.clock import NINTH, TIMED
from lifesigns.record.schedule.cycles import QUIET
from lifesigns.record.schedule.spikes import NEW, OLD, SPIKE


class Stretch:
    """Counts plain cycles: passes of losses that look like those before, then a step.

    Args:
        parts: Those of the recorder.
    """

    __slots__ = (
        "_clock",
        "_cycles",
        "_groups",
        "_guard",
        "_highest",
        "_keep_step",
        "_keep_value",
        "_lowest",
        "_mean",
        "_nodes",
        "_only",
        "_open_for",
        "_optimizers",
        "_passes",
        "_rates",
        "_seen",
        "_step",
        "_surprise",
        "_thread",
        "_until",
        "after",
        "notes",
        "stepped",
    )

    def __init__(self, parts: Parts) -> None:
        self._clock, self._thread, self._cycles = parts.clock, parts.thread, parts.cycles
        self._optimizers, self._rates = parts.optimizers, parts.rates
        self._surprise, self._guard = parts.surprise, parts.guard
        self._keep_step, self._keep_value = parts.losses.keepers
        self._open_for = NOBODY
        self._step = self._until = self._passes = self._groups = 0
        self._nodes: tuple[type, ...] = ()
        self._seen: Sequence[Any] = ()
        self._only: Callable[[], Optimizer | None] = _nothing
        self._mean, self._lowest, self._highest = parts.surprise.bounds
        self.notes: Callable[[Any, Any], bool]
        """Called with what is not plain: what was passed to `backward`."""
        self.after: Callable[[bool], None]
        """Called after the pass of what was not plain to its end."""
        self.stepped: Callable[[Optimizer, Any, Any], None]
        """Called with a step that ends no plain cycle."""

    # --- its life -------------------------------------------------------------------------------
    def begin(self, known: dict[int, KnownRoot]) -> None:
        """A cycle begins: with it a stretch, if those to come may be plain.

        Args:
            known: By the number of the pass, what the losses of a cycle look like.
        """
        self._nodes, only = tuple(_plain(known)), self._optimizers.only
        optimizer = None if only is None else only()
        if only is None or optimizer is None or not self._nodes or self._cycles.is_reported:
            return
        self._only = only
        self._seen, self._groups = self._rates.seen_of(optimizer)
        self._mean, self._lowest, self._highest = self._surprise.bounds
        self._step, self._until = self._cycles.step, self._cycles.rests_until
        self._passes, self._open_for = 0, get_ident()

    def end(self) -> None:
        """Something is not plain."""
        if self._open_for != NOBODY:
            self.tell()
            self._open_for = NOBODY
            self._cycles.passes = self._passes - self._thread.in_quiet_pass

    def tell(self) -> None:
        """Tells the other parts how far the training is."""
        if self._open_for != NOBODY:
            self._cycles.step = self._step
            self._surprise.follow(self._mean)

    # --- what goes through it -------------------------------------------------------------------
    def passes(self, loss: Any, gradients: Any) -> bool:
        """Notes a loss that is near those before it, and looks like them.

        Args:
            loss: What was passed to `backward`.
            gradients: What was given beside it.

        Returns:
            False where the pass is to be looked at.
        """
        if get_ident() != self._open_for:
            return self.notes(loss, gradients)
        if self._thread.in_quiet_pass:  # a pass inside, or another wrapper of the same
            return False
        if gradients is None and type(loss) is Tensor and task() == OUTSIDE:
            try:
                if not (dispatch_modes() or function_modes()) and self._keep(loss):
                    return True
            except Exception as error:
                self.end()
                self._guard.failed(error)
                return False
        self.end()
        return self.notes(loss, gradients)

    def _keep(self, loss: Tensor) -> bool:
        """Keeps a loss that is plain."""
        step, position = self._step, self._passes
        began = time.perf_counter() if step % TIMED == NINTH else 0.0
        node: Any = loss.grad_fn
        if position == len(self._nodes) or node.__class__ is not self._nodes[position]:
            return False
        value: Any = loss.item() if loss.is_cpu and loss.data_ptr() else None
        if type(value) is not float:
            return False
        size, before = abs(value), self._mean
        mean = OLD * before + NEW * size
        if not (size <= SPIKE * before and self._lowest <= mean <= self._highest):
            self._surprise.follow(before)
            if not self._surprise.is_expected(value):
                return False
            mean, _, _ = self._surprise.bounds
        self._mean, self._passes = mean, position + 1
        self._keep_step(step)
        self._keep_value(value)
        thread = self._thread
        thread.trains = thread.in_quiet_pass = True
        if began:
            self._clock.sample("pass", time.perf_counter() - began)
        return True

    def passed(self, succeeded: bool) -> None:
        """A pass that was noted, here or elsewhere, is over.

        Args:
            succeeded: Whether it has returned rather than raised.
        """
        if self._open_for == NOBODY:
            self.after(succeeded)
        else:
            self._thread.in_quiet_pass = False
            self._passes -= not succeeded

    @outside_dynamo
    def steps(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Ends the cycle if the optimizer is the only one: a hook of every optimizer.

        Args:
            optimizer: The one that has stepped.
            args: What was passed to it.
            kwargs: The same.
        """
        if get_ident() == self._open_for:
            try:
                if self._only() is optimizer and task() == OUTSIDE:
                    self._count(optimizer)
                    return
            except Exception as error:
                self._guard.failed(error)
            self.end()
        self.stepped(optimizer, args, kwargs)

    def _count(self, optimizer: Optimizer) -> None:
        """A cycle is over."""
        step, groups = self._step, optimizer.param_groups
        began = time.perf_counter() if step % TIMED == NINTH else 0.0
        same = len(groups) == self._groups
        for group, rate in zip(groups, self._seen):  # noqa: B905 (a keyword doubles its cost)
            if group.get("lr") is not rate:
                same = False
        if not same:
            self._rates.moved(optimizer, step)
            self._seen, self._groups = self._rates.seen_of(optimizer)
        self._passes = 0
        self._step = step + 1
        if step + 1 >= self._until:
            self._decide()
        if began:
            self._clock.sample("step", time.perf_counter() - began)

    def _decide(self) -> None:
        """The next cycle may be due."""
        self.tell()
        cycles = self._cycles
        cycles.step -= 1
        cycles.begin()
        self._until = cycles.rests_until
        if cycles.state is not QUIET:
            self._open_for = NOBODY


def _plain(known: dict[int, KnownRoot]) -> Iterator[type]:
    """The nodes of the first losses of a cycle, as long as these are ordinary numbers."""
    position = 0
    while position in known and known[position].is_cpu and not known[position].below:
        yield known[position].node
        position += 1


def _nothing() -> None:
    """In place of a weak reference."""
