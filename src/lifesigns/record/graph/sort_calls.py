"""What a step puts in order: the keys and the order, which the graph of a loss does not hold.

Sorting is wrapped while a step is armed, and only in a run whose loss was seen to add up along an
order, as Cox's likelihood does; every other run is left as it is.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lifesigns.record.readable import readable

MOST = 16
"""Calls of one step that are remembered."""
MOST_ELEMENTS = 1 << 16
_PLACES = tuple((owner, name) for owner in (torch, Tensor) for name in ("argsort", "sort"))
"""Functions and methods that sort."""

Listener = Callable[[Tensor, Tensor], None]
"""Told the keys and the order in which they are sorted; it raises nothing."""


class SortCalls:
    """The calls of a step, as far as they are wanted."""

    def __init__(self) -> None:
        self._noted: list[tuple[Tensor, Tensor]] = []
        self._is_wanted, self._is_armed, self._listens, self._thread = False, False, False, 0

    def want(self) -> None:
        """From here on the calls of armed steps are noted."""
        self._is_wanted = True
        self.listen(self._is_armed)

    def listen(self, armed: bool) -> None:
        """Begins or ends.

        Args:
            armed: Whether a step is armed.
        """
        self._is_armed = armed
        wanted = armed and self._is_wanted
        if wanted != self._listens:
            self._listens, self._thread = wanted, threading.get_ident()
            (_WRAPPED.listen if wanted else _WRAPPED.stop_listening)(self._sorted)

    def forget(self) -> None:
        """Drops what was noted."""
        self._noted.clear()

    def keys_of(self, order: Tensor) -> Tensor | None:
        """The keys that were sorted to get an order, known by its memory.

        Args:
            order: Indices, as an operation has saved them.
        """
        for keys, known in reversed(self._noted):
            if known.data_ptr() == order.data_ptr() and known.numel() == order.numel():
                return readable(keys)
        return None

    def _sorted(self, keys: Tensor, order: Tensor) -> None:
        alike = keys.numel() == order.numel() <= MOST_ELEMENTS
        if alike and not keys.requires_grad and threading.get_ident() == self._thread:
            self._noted = [*self._noted[1 - MOST :], (keys, order)]


class _WrappedSorts:
    """The functions and methods, wrapped while there are listeners; then they are as they were."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._ours: dict[tuple[Any, str], Any] = {}

    def listen(self, listener: Listener) -> None:
        """Adds a listener."""
        self._listeners = (*self._listeners, listener)
        for owner, name in () if self._ours else _PLACES:
            inherited = name not in vars(owner)
            original = getattr(owner, name)
            ours = self._wrapping(original)
            self._ours[owner, name] = ours, None if inherited else original
            setattr(owner, name, ours)

    def stop_listening(self, listener: Listener) -> None:
        """Removes a listener; what another tool has wrapped meanwhile passes on to ours."""
        self._listeners = tuple(one for one in self._listeners if one != listener)
        if self._listeners:
            return
        for (owner, name), (ours, original) in self._ours.items():
            if vars(owner).get(name) is not ours:
                continue
            if original is None:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
        self._ours.clear()

    def _wrapping(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            if not torch.compiler.is_compiling():
                keys = args[0] if args else kwargs.get("input")
                order = result[-1] if isinstance(result, tuple) else result
                if type(keys) is Tensor and type(order) is Tensor:
                    for listener in self._listeners:
                        listener(keys, order)
            return result

        return call


_WRAPPED = _WrappedSorts()
