"""Plain cycles, counted in Python: what cycles.c does, function by function.

After a step of a network nothing of ours is left in the caches of the processor, and whatever is
touched has to come back: what takes 2 µs in a loop takes 20 µs there. So all that a plain cycle
needs lies in one object and three functions: the loss is compared and kept, the rates are compared,
the cycle is counted.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from threading import get_ident
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifesigns.record.attach.backward import OUTSIDE, outside_dynamo, task
from lifesigns.record.attach.followed_thread import NOBODY, TrainingThread
from lifesigns.record.readable import dispatch_modes, function_modes
from lifesigns.record.schedule.clock import DISPATCH, NINTH, TIMED
from lifesigns.record.schedule.spikes import NEW, OLD, SPIKE

PLAIN_DTYPES = torch.float32, torch.float64
"""Of losses that are plain: C knows these numbers."""
ROWS, SAMPLES = 256, 16
"""Losses, and times, that are kept until the host is told."""


class Host(Protocol):
    """Whoever sets plain cycles up, and deals with all that is not plain."""

    def look(self, loss: Any, gradients: Any) -> bool:
        """A pass that is not plain begins; returns whether it was noted in another way."""

    def after(self, succeeded: bool) -> None:
        """A pass that was noted in another way is over; it has returned, or raised."""

    def stepped(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """An optimizer has made a step that is not plain."""

    def expects(self, value: float) -> bool:
        """Whether a loss beyond the bounds is plain all the same; the bounds are set anew then."""

    def moved(self, optimizer: Optimizer) -> None:
        """Its rates are others than before; those that were seen are set anew."""

    def decide(self) -> None:
        """The cycle that begins may be due."""

    def tell(self) -> None:
        """There is no more room: what was kept is to be taken."""

    def failed(self, error: Exception) -> None:
        """Something of ours has failed."""


class PlainCycles:
    """Counts plain cycles: passes of losses that look like those before, then a step.

    Args:
        host: Sets the fields below, and is called with what is not plain.
        thread: Told that it is inside a pass.
    """

    __slots__ = (
        *("_host", "_samples", "_steps", "_thread", "_timed", "_values"),
        *("dtypes", "groups", "highest", "lowest", "mean", "nodes", "only", "open_for"),
        *("position", "seen", "step", "until"),
    )

    def __init__(self, host: Host, thread: TrainingThread) -> None:
        self._host, self._thread = host, thread
        self._steps, self._values, self._samples = array("q"), array("d"), array("d")
        self._timed = 0.0
        self.open_for = NOBODY
        """The thread whose cycles may be plain."""
        self.step = 0
        """The number of the cycle."""
        self.until = 0
        """The first that may be due."""
        self.position = 0
        """Passes of the cycle so far."""
        self.mean = self.lowest = self.highest = 0.0
        """The running mean of the losses, and between what it is expected."""
        self.nodes: tuple[type, ...] = ()
        """Of each pass of a cycle the node of its loss."""
        self.dtypes: tuple[torch.dtype, ...] = ()
        """And its dtype, one of `PLAIN_DTYPES`."""
        self.only: Callable[[], Optimizer | None]
        """A weak reference to the optimizer."""
        self.seen: tuple[Any, ...] = ()
        """Its rates as they were seen last."""
        self.groups = 0
        """How many groups it has."""

    def notes(self, loss: Any, gradients: Any) -> bool:
        """Notes a loss that is near those before it, and looks like them.

        Args:
            loss: What was passed to `backward`.
            gradients: What was given beside it.

        Returns:
            False where the pass is to be looked at.
        """
        if get_ident() != self.open_for:
            return self._host.look(loss, gradients)
        if self._thread.in_quiet_pass:  # a pass inside, or another wrapper of the same
            return False
        if gradients is None and type(loss) is Tensor:
            try:
                if self._is_outside() and self._keep(loss):
                    return True
            except Exception as error:
                self._host.failed(error)
                return False
        return self._host.look(loss, gradients)

    def _is_outside(self) -> bool:
        """Whether this is inside no pass, and no mode of the user sees what a loss is asked."""
        return task() == OUTSIDE and not dispatch_modes() and not function_modes()

    def _keep(self, loss: Tensor) -> bool:
        """Keeps a loss if it is plain."""
        step, position = self.step, self.position
        began = time.perf_counter() if step % TIMED == NINTH else 0.0
        node: Any = loss.grad_fn
        if position == len(self.nodes) or node.__class__ is not self.nodes[position]:
            return False
        if not loss.is_cpu or loss.dtype is not self.dtypes[position] or not loss.data_ptr():
            return False
        value: float = loss.item()
        size, before = abs(value), self.mean
        mean = OLD * before + NEW * size
        if size <= SPIKE * before and self.lowest <= mean <= self.highest:
            self.mean = mean
        elif not self._host.expects(value):
            return False
        if len(self._values) == ROWS or len(self._samples) == SAMPLES:
            self._host.tell()
        self._steps.append(step)
        self._values.append(value)
        self.position = position + 1
        self._thread.trains = self._thread.in_quiet_pass = True
        if began:
            self._timed += time.perf_counter() - began + DISPATCH
        return True

    def passed(self, succeeded: bool) -> None:
        """A pass that was noted, here or elsewhere, is over.

        Args:
            succeeded: Whether it has returned rather than raised.
        """
        if self.open_for == NOBODY:
            self._host.after(succeeded)
        else:
            self._thread.in_quiet_pass = False
            self.position -= not succeeded

    @outside_dynamo
    def steps(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Ends the cycle if the optimizer is the only one: a hook of every optimizer.

        Args:
            optimizer: The one that has stepped.
            args: What was passed to it.
            kwargs: The same.
        """
        if get_ident() == self.open_for:
            try:
                if self.only() is optimizer and task() == OUTSIDE:
                    self._count(optimizer)
                    return
            except Exception as error:
                self._host.failed(error)
        self._host.stepped(optimizer, args, kwargs)

    def _count(self, optimizer: Optimizer) -> None:
        """A cycle is over."""
        timed = self.step % TIMED == NINTH
        began = time.perf_counter() if timed else 0.0
        groups = optimizer.param_groups
        same = len(groups) == self.groups
        for group, rate in zip(groups, self.seen):  # noqa: B905 (a keyword doubles its cost)
            if group.get("lr") is not rate:
                same = False
        if not same:
            self._host.moved(optimizer)
        self.position = 0
        self.step += 1
        if timed:
            took, self._timed = self._timed + time.perf_counter() - began + DISPATCH, 0.0
            if len(self._samples) < SAMPLES:
                self._samples.append(took)
        if self.step >= self.until:
            self._host.decide()

    def take(self) -> tuple[bytes, bytes, bytes]:
        """What was kept since the last time.

        Returns:
            The cycles of the losses as int64, the losses as float64, and how many seconds some
            cycles have taken of us as float64: one of `TIMED`.
        """
        kept = self._steps, self._values, self._samples
        taken = self._steps.tobytes(), self._values.tobytes(), self._samples.tobytes()
        for numbers in kept:
            del numbers[:]
        return taken
