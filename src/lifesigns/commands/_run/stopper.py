"""Ends a run that is watched, because its steps are up or because of what was found."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lifesigns.records import Severity

if TYPE_CHECKING:
    from lifesigns.commands._run.meeting import Meeting


class Stopper:
    """Ends the run from inside, at the end of a step.

    By `SystemExit` itself: on that alone Python ends a thread that trains without a traceback.

    Args:
        max_steps: After how many steps; None for no end.
        stop_on: `error` ends it at a finding that it cannot learn.
        asked_by: What has given the number of steps.
    """

    def __init__(
        self, max_steps: int | None, stop_on: str | None, asked_by: str = "--max-steps"
    ) -> None:
        self._max_steps, self._stop_on = max_steps, stop_on
        self._next_look, self._asked_by = 1, asked_by
        self.reason = ""
        """Why the run was ended."""
        self.findings: Callable[[], Any] = tuple
        self.place: Meeting | None = None
        """Where several processes agree when to end: one alone would leave the others waiting."""
        self.active = max_steps is not None or stop_on is not None

    def __call__(self, step: int) -> None:
        """Ends the run, if it is to end.

        Args:
            step: How many steps it has made.

        Raises:
            SystemExit: It is.
        """
        if self._max_steps is not None and step >= self._max_steps:
            steps = "1 step" if step == 1 else f"{step} steps"
            self._stop(f"stopped after {steps} ({self._asked_by})")
        if self._stop_on is None:
            return
        if self.place is not None:
            self._obey(step, self.place)
        if step < self._next_look:
            return
        self._next_look = 2 * step
        for finding in self.findings():
            if finding.severity is Severity.ERROR:
                self._found(step, finding.rule)

    def _found(self, step: int, rule: str) -> None:
        if self.place is None:
            self._stop(f"stopped at step {step}: {rule} (--stop-on error)")
        else:
            why = f"{rule} on {self.place.rank} (--stop-on error)"
            self.place.stop_all(step + 1, f"stopped at step {step + 1}: {why}")

    def _obey(self, step: int, place: Meeting) -> None:
        """Whoever finds something at a step has all end one step later.

        By then all have been told: the gradients of that step need every process, and who found
        something gives its own after it has told.
        """
        last, reason = place.last_step()
        if last is not None and step >= last:
            self._stop(reason)

    def _stop(self, reason: str) -> None:
        self.reason = self.reason or reason
        raise SystemExit(0)
