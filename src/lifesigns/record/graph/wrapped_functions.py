"""Functions of `torch.nn.functional` that tell of their calls as long as somebody listens."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.nn import functional

Listener = Callable[[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], None]
"""Told the name of the function, itself, and its arguments, before it runs."""


class WrappedFunctions:
    """Some functions, wrapped while there are listeners; afterwards they are what they were.

    Args:
        names: Of the functions.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._listeners: list[Listener] = []
        self._originals: dict[str, tuple[Any, Any]] = {}

    def listen(self, listener: Listener, wanted: bool) -> None:
        """Adds or removes a listener; with the last one the functions are what they were."""
        if wanted and listener not in self._listeners:
            self._listeners.append(listener)
        elif not wanted and listener in self._listeners:
            self._listeners.remove(listener)
        if self._listeners and not self._originals:
            self._wrap()
        elif not self._listeners and self._originals:
            self._unwrap()

    def _wrap(self) -> None:
        for name in self._names:
            original = getattr(functional, name)
            ours = self._wrapping(name, original)
            self._originals[name] = original, ours
            setattr(functional, name, ours)

    def _unwrap(self) -> None:
        for name, (original, ours) in self._originals.items():
            if getattr(functional, name) is ours:
                setattr(functional, name, original)
        self._originals = {}

    def _wrapping(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not torch.compiler.is_compiling():
                for listener in tuple(self._listeners):
                    listener(name, original, args, kwargs)
            return original(*args, **kwargs)

        return call
