"""The thresholds themselves: which there are, and what they are compared with while judging.

`scripts/calibrate` asks this: how far programs that learn, and programs that do not, lie from each.
While nobody observes, a comparison is that of two floats.
"""

from __future__ import annotations

import operator
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import FrameType
from typing import Any

import numpy as np

from lifesigns.evidence.thresholds import Threshold


@dataclass(frozen=True)
class Comparison:
    """A value that was compared with a threshold."""

    threshold: Threshold
    value: float
    place: str
    """Module and function that compared, without the package: `evidence.course.learned`."""


def named_thresholds() -> dict[str, Threshold]:
    """All thresholds of `evidence` and `rules`, by module and name: `evidence.course.NEAR`."""
    found: dict[int, tuple[str, Threshold]] = {}
    for module in (m for package in ("evidence", "rules") for m in _modules(f"{_ROOT}.{package}")):
        for name, value in vars(import_module(module)).items():
            if isinstance(value, Threshold):
                found.setdefault(id(value), (f"{_within(module)}.{name}", value))
    return dict(found.values())


@contextmanager
def observed() -> Iterator[list[Comparison]]:
    """Collects what thresholds are compared with inside the block, in all threads.

    Of an array with many values the least and the largest are kept. A threshold times something
    is a plain number, and such a comparison is not seen.

    Raises:
        RuntimeError: It is observed already; the comparisons have one list.

    Example:
        >>> LIMIT = Threshold(0.5, "share of a layer", "a majority")
        >>> with observed() as comparisons:
        ...     0.7 > LIMIT
        True
        >>> comparisons[0].threshold, comparisons[0].value
        (Threshold(0.5, 'share of a layer', 'a majority'), 0.7)
    """
    if any(name in vars(Threshold) for name in _METHODS):
        raise RuntimeError("thresholds are observed already; leave that block first")
    comparisons: list[Comparison] = []
    for name, method in _METHODS.items():
        setattr(Threshold, name, method(comparisons))
    try:
        yield comparisons
    finally:
        for name in _METHODS:
            delattr(Threshold, name)


_ROOT = __package__.partition(".")[0]


def _modules(package: str) -> list[str]:
    """Names of the modules of a package, those that others import from first."""
    path = import_module(package).__path__
    names = sorted(module.name for module in pkgutil.walk_packages(path, f"{package}."))
    return sorted(names, key=lambda name: name != Threshold.__module__)


def _within(module: str) -> str:
    return module.removeprefix(f"{_ROOT}.")


Method = Callable[..., Any]


def _compare(compare: Method) -> Callable[[list[Comparison]], Method]:
    """A method like `float.__lt__` that keeps what it was given."""

    def observing(comparisons: list[Comparison]) -> Method:
        def method(threshold: Threshold, other: Any) -> Any:
            _keep(comparisons, threshold, other, sys._getframe(1))
            return compare(float(threshold), other)

        return method

    return observing


def _ufunc(comparisons: list[Comparison]) -> Method:
    """NumPy's scalars and arrays ask this, and not the reflected comparison."""

    def method(threshold: Threshold, ufunc: np.ufunc, how: str, *given: Any, **more: Any) -> Any:
        if ufunc in _COMPARING:
            for value in given:
                if value is not threshold:
                    _keep(comparisons, threshold, value, sys._getframe(1))
        plain = (float(value) if isinstance(value, Threshold) else value for value in given)
        return getattr(ufunc, how)(*plain, **more)

    return method


_COMPARING = (np.less, np.less_equal, np.greater, np.greater_equal)
_METHODS = {
    "__lt__": _compare(operator.lt),
    "__le__": _compare(operator.le),
    "__gt__": _compare(operator.gt),
    "__ge__": _compare(operator.ge),
    "__array_ufunc__": _ufunc,
}


def _keep(
    comparisons: list[Comparison], threshold: Threshold, value: Any, frame: FrameType
) -> None:
    place = f"{_within(frame.f_globals['__name__'])}.{frame.f_code.co_name}"
    known = np.asarray(value, float).ravel()
    known = known[np.isfinite(known)]
    ends = {float(known.min()), float(known.max())} if len(known) else set()
    comparisons.extend(Comparison(threshold, end, place) for end in sorted(ends))
