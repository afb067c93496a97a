"""Log-probabilities of samples that nobody holds: no action that was taken, and nothing else.

In `chances.log_prob(chances.sample())` the sample is gone with the line, so that no environment has
seen it. A function that takes the action and returns it leaves no other holder either: so both
methods have to be called in one place. They are wrapped while a step is armed.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Mapping
from functools import cache
from typing import Any

from torch import Tensor
from torch import distributions as of

from lifesigns.record.attach.noted_method import NotedMethod
from lifesigns.record.graph.prediction import maker_of

CALLER = 2
"""Frames from a listener to the code that called the method: the wrapper's is between."""
TRIES = 2
"""Times that samples are waited for, where none are drawn: the first steps, and one more."""
MOST = 4096
"""Log-probabilities of one step that are noted."""
SAMPLING = tuple(
    NotedMethod(kind, "sample")
    for kind in (
        of.Distribution,
        of.Bernoulli,
        of.Categorical,
        of.Independent,
        of.Normal,
        of.OneHotCategorical,
        of.TransformedDistribution,
    )
)
"""A sample without gradient; other distributions inherit it."""
JUDGING = tuple(
    NotedMethod(kind, "log_prob")
    for kind in (
        of.Bernoulli,
        of.Beta,
        of.Categorical,
        of.Independent,
        of.MultivariateNormal,
        of.Normal,
        of.OneHotCategorical,
        of.TransformedDistribution,
    )
)


class UnheldSamples:
    """Notes the log-probabilities of samples that were nowhere else when these were asked for."""

    def __init__(self) -> None:
        self._latest: weakref.ref[Tensor] | None = None
        self._frame = 0
        """Of the code that has drawn it, by `id`: only while it is alive is there a sample."""
        self._found: dict[int, int] = {}
        self._listens, self._thread = False, 0
        self._begun, self._is_drawn = 0, False

    def listen(self, wanted: bool) -> None:
        """Begins or ends; it no longer begins in a run that has drawn no samples the first times.

        Args:
            wanted: Whether samples are noted from here on.

        Cost: 0.17 ms to begin and to end.
        """
        in_vain = self._begun >= TRIES and not self._is_drawn
        if wanted == self._listens or (wanted and in_vain):
            return
        self._begun += wanted
        self._listens, self._thread = wanted, threading.get_ident()
        for methods, listener in ((SAMPLING, self._sampled), (JUDGING, self._judged)):
            for method in methods:
                (method.listen if wanted else method.stop_listening)(listener)

    def forget(self) -> None:
        """Drops what was noted."""
        self._latest = None
        self._found.clear()

    @property
    def log_probabilities(self) -> Mapping[int, int]:
        """How many there are, by the sequence number of the node that made them."""
        return self._found

    def _sampled(self, distribution: Any, result: Any, *_: Any, **__: Any) -> None:
        if isinstance(result, Tensor) and threading.get_ident() == self._thread:
            self._latest, self._is_drawn = weakref.ref(result), True
            self._frame = id(sys._getframe(CALLER))

    def _judged(self, distribution: Any, result: Any, value: Any = None, /, **_: Any) -> None:
        holders = sys.getrefcount(value)
        latest = None if self._latest is None else self._latest()
        if latest is not value or threading.get_ident() != self._thread:
            return
        if holders != _holders_of_nothing() or id(sys._getframe(CALLER)) != self._frame:
            return
        node = maker_of(result) if isinstance(result, Tensor) else None
        if node is not None and len(self._found) < MOST:
            self._found[node] = result.numel()


@cache
def _holders_of_nothing() -> int:
    """References to an argument that no variable holds, as a listener counts them.

    That depends on how this Python calls functions; so it is tried.
    """
    tried, noted = _Tried(), NotedMethod(_Tried, "log_prob")
    noted.listen(tried.judged)
    tried.log_prob(object())
    noted.stop_listening(tried.judged)
    return tried.holders


class _Tried:
    """In place of a distribution and of who listens to it."""

    holders = 0

    def log_prob(self, value: object) -> None:
        """Does nothing."""

    def judged(self, distribution: Any, result: Any, value: Any = None, /, **_: Any) -> None:
        """Counts as `UnheldSamples` does."""
        self.holders = sys.getrefcount(value)
