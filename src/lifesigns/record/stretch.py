"""The shortest way: through a stretch of cycles that are certain not to be recorded.

What is done in each plain cycle is `PlainCycles`; here a stretch of them is begun and ended. The
other parts are told when it is over, or when somebody asks. Whatever is not plain ends it and goes
the way of `Quiet`, until a cycle is recorded again.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from threading import get_ident
from typing import Any

from torch.optim import Optimizer

from lifesigns.record.attach.followed_thread import NOBODY
from lifesigns.record.loss.known_roots import KnownRoot
from lifesigns.record.parts import Parts
from lifesigns.record.plain import PLAIN_DTYPES, plain_cycles
from lifesigns.record.schedule.cycles import QUIET


class Stretch:
    """Plain cycles, from one recorded cycle to the next.

    Args:
        parts: Those of the recorder.
    """

    def __init__(self, parts: Parts) -> None:
        self._clock, self._thread, self._cycles = parts.clock, parts.thread, parts.cycles
        self._optimizers, self._rates, self._losses = parts.optimizers, parts.rates, parts.losses
        self._surprise, self._guard = parts.surprise, parts.guard
        self._plain = plain_cycles(self, parts.thread)
        self.passes, self.passed = self._plain.notes, self._plain.passed
        self.steps: Callable[[Optimizer, Any, Any], None] = self._plain.steps
        """A hook of every optimizer."""
        self.notes: Callable[[Any, Any], bool]
        """Called with what is not plain: what was passed to `backward`."""
        self.after: Callable[[bool], None]
        """Called after the pass of what was not plain to its end."""
        self.ended: Callable[[Optimizer, Any, Any], None]
        """Called with a step that ends no plain cycle."""

    # --- its life -------------------------------------------------------------------------------
    def begin(self, known: dict[int, KnownRoot]) -> None:
        """A cycle begins: with it a stretch, if those to come may be plain.

        Args:
            known: By the number of the pass, what the losses of a cycle look like.
        """
        roots, only = tuple(_plain(known)), self._optimizers.only
        optimizer = None if only is None else only()
        if only is None or optimizer is None or not roots or self._cycles.is_reported:
            return
        plain = self._plain
        plain.nodes = tuple(root.node for root in roots)
        plain.dtypes = tuple(root.dtype for root in roots)
        plain.only = only
        self._see(optimizer)
        plain.mean, plain.lowest, plain.highest = self._surprise.bounds
        plain.step, plain.until = self._cycles.step, self._cycles.rests_until
        plain.position, plain.open_for = 0, get_ident()

    def end(self) -> None:
        """Something is not plain."""
        plain = self._plain
        if plain.open_for != NOBODY:
            self.tell()
            plain.open_for = NOBODY
            self._cycles.passes = plain.position - self._thread.in_quiet_pass

    def tell(self) -> None:
        """Tells the other parts how far the training is."""
        self._guard(self._tell)

    def _tell(self) -> None:
        plain = self._plain
        if plain.open_for != NOBODY:
            steps, values, samples = plain.take()
            self._losses.add(steps, values)
            for seconds in array("d", samples):
                self._clock.sample("plain", seconds)
            self._cycles.step = plain.step
            self._surprise.follow(plain.mean)

    def _see(self, optimizer: Optimizer) -> None:
        rates, self._plain.groups = self._rates.seen_of(optimizer)
        self._plain.seen = tuple(rates)

    # --- called by the plain cycles -------------------------------------------------------------
    def look(self, loss: Any, gradients: Any) -> bool:
        """A pass that is not plain begins; returns whether it was noted in another way."""
        self._end_here()
        return self.notes(loss, gradients)

    def stepped(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """An optimizer has made a step that is not plain."""
        self._end_here()
        self.ended(optimizer, args, kwargs)

    def expects(self, value: float) -> bool:
        """Whether a loss beyond the bounds is plain all the same."""
        self._surprise.follow(self._plain.mean)
        if not self._surprise.is_expected(value):
            return False
        self._plain.mean, _, _ = self._surprise.bounds
        return True

    def moved(self, optimizer: Optimizer) -> None:
        """Its rates are others than before."""
        self._rates.moved(optimizer, self._plain.step)
        self._see(optimizer)

    def decide(self) -> None:
        """The cycle that begins may be due."""
        self.tell()
        cycles = self._cycles
        cycles.step -= 1
        cycles.begin()
        self._plain.until = cycles.rests_until
        if cycles.state is not QUIET:
            self._plain.open_for = NOBODY

    def failed(self, error: Exception) -> None:
        """Something of ours has failed."""
        self._end_here()
        self._guard.failed(error)

    def _end_here(self) -> None:
        """What is not plain ends the stretch, unless another thread does it."""
        if get_ident() == self._plain.open_for:
            self.end()


def _plain(known: dict[int, KnownRoot]) -> Iterator[KnownRoot]:
    """The first losses of a cycle, as long as these are ordinary numbers."""
    position = 0
    while position in known and _is_plain(known[position]):
        yield known[position]
        position += 1


def _is_plain(root: KnownRoot) -> bool:
    """Whether the memory holds it as it is."""
    is_number = root.is_cpu and root.dtype in PLAIN_DTYPES
    return is_number and not root.is_view and not root.below
