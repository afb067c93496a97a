"""Counts the steps of training, and decides which of them are recorded."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from lifesigns.record.schedule.clock import FIRST_STEPS, IDLE_STEPS, RECORDINGS, Clock
from lifesigns.record.schedule.sampler import FIRST, Budget, Every

MOST_TAKEN_BACK = 64
"""Passes of one cycle that have trained nothing, after which no more of it is recorded."""


class State(Enum):
    """What is recorded of the cycle that is going on."""

    OFF = auto()
    """Nothing, and nothing will be: the recorder has not started, or has stopped."""
    QUIET = auto()
    """Nothing: it was not due, and no loss was surprising."""
    ARMED = auto()
    """Every backward pass, with the forward pass before it: the cycle was due."""
    ON_THE_SPOT = auto()
    """The backward passes of surprising losses; what ran forward was not noted."""


OFF, QUIET, ARMED, ON_THE_SPOT = State  # an attribute of an Enum takes longer to look up


class Instrument(Protocol):
    """What notes the forward pass of an armed cycle."""

    def arm(self) -> None:
        """Notes from here on; forgets what was noted before."""

    def disarm(self) -> None:
        """Notes nothing more."""

    def forget(self) -> None:
        """Drops what was noted."""


class Cycles:
    """The cycle that is going on: its number, how far it is, and what of it is recorded.

    `OFF → ARMED → QUIET → … → ARMED → … → OFF`; a surprising loss leads from `QUIET` to
    `ON_THE_SPOT`, and the end of that cycle back to `QUIET` or, if the next is due, to `ARMED`.

    Args:
        sampler: Tells which cycles are due.
        instruments: Armed for the cycles that are due.
        clock: What watching has cost so far.
        on_cycle: Called with the number of completed cycles after each.
    """

    def __init__(
        self,
        sampler: Every | Budget,
        instruments: tuple[Instrument, ...],
        clock: Clock,
        on_cycle: Callable[[int], None] | None = None,
    ) -> None:
        self._sampler, self._instruments = sampler, instruments
        self._clock, self._on_cycle = clock, on_cycle
        self._last_cost = self._watching_when_armed = 0.0
        self.rests_until = 0
        """The first cycle that may be due."""
        self.state = OFF
        self.step = 0
        """Completed cycles: the number of the one that is going on."""
        self.passes = 0
        """Backward passes of the cycle so far."""
        self._taken_back = 0
        self.stepped_inside = False
        """Whether an optimizer stepped inside the backward pass that is going on."""

    def start(self) -> None:
        """Arms the first cycle, which is always recorded."""
        self.state = QUIET
        self._arm()

    def stop(self) -> None:
        """Nothing is recorded any more."""
        self.state = OFF
        self._lay_down()

    def begin(self) -> None:
        """Ends the cycle and begins the next, armed if it is due."""
        self.step += 1
        self.passes = self._taken_back = 0
        if self.step >= self.rests_until or self.state is not QUIET:
            self._decide()
        if self._on_cycle is not None:
            self._on_cycle(self.step)

    @property
    def is_reported(self) -> bool:
        """Whether somebody is told of each cycle."""
        return self._on_cycle is not None

    def _decide(self) -> None:
        """Whether the cycle that begins is due; if not, how many more are not."""
        clock, sampler = self._clock, self._sampler
        if self.state is ARMED:
            self._last_cost = clock.watching - self._watching_when_armed
        now = self.step, clock.cost(), self._last_cost
        if sampler.due(*now):
            self._arm()
            return
        self.rests_until = self.step + sampler.rests(*now)
        if self.state is ARMED or self.state is ON_THE_SPOT:
            self.state = QUIET
            self._lay_down()

    def reopen(self) -> None:
        """The cycle that ended last goes on: there is an optimizer more than was known."""
        self.step = max(self.step - 1, 0)

    def take_back(self, passes: int) -> None:
        """The latest passes have trained nothing.

        Where that goes on, as in an analysis of gradients, nothing of it is recorded any more: the
        cycle does not end, and what ran forward in it would pile up.

        Args:
            passes: How many.
        """
        self.passes -= passes
        self._taken_back += passes
        if self.state is ARMED and self._taken_back > MOST_TAKEN_BACK:
            self.state = QUIET
            self._lay_down()

    def ask(self, *, surely: int = 0) -> None:
        """Something has changed that the next cycle will show.

        Args:
            surely: How many cycles from the next on are recorded whatever they cost.
        """
        self._sampler.ask(surely=surely)
        self.rests_until = 0

    def surprise(self) -> None:
        """A loss of this cycle is recorded on the spot, unless everything is."""
        if self.state is QUIET:
            self.state = ON_THE_SPOT
            self._clock.kind = RECORDINGS

    def _arm(self) -> None:
        if self.state is OFF:  # stopped inside the backward pass that ends the cycle
            return
        self.state = ARMED
        clock = self._clock
        clock.kind = FIRST_STEPS if self.step < FIRST else RECORDINGS
        self._watching_when_armed = clock.watching
        for instrument in self._instruments:
            instrument.arm()

    def _lay_down(self) -> None:
        self._clock.kind = IDLE_STEPS
        for instrument in self._instruments:
            instrument.disarm()
            instrument.forget()
