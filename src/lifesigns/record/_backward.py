"""The one wrapper around `torch.autograd.backward`, shared by all recorders of the process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

import torch


class Listener(Protocol):
    """What a recorder does around a backward pass. Neither call may raise."""

    def before_backward(self, tensors: Any) -> None:
        """Called with what was passed to `backward`."""

    def after_backward(self) -> None:
        """Called when backward has returned or raised."""


_listeners: tuple[Listener, ...] = ()
_original: Callable[..., Any] | None = None


def listen(listener: Listener) -> None:
    """Adds a listener; wraps `torch.autograd.backward` if it is the first."""
    global _listeners, _original
    if _original is None:
        _original = torch.autograd.backward
        torch.autograd.backward = _outside_dynamo(_backward)
    _listeners = (*_listeners, listener)


def stop_listening(listener: Listener) -> None:
    """Removes a listener; restores `torch.autograd.backward` after the last.

    If another tool wrapped it meanwhile, the wrapper stays below that one and passes calls through.
    """
    global _listeners, _original
    _listeners = tuple(one for one in _listeners if one is not listener)
    if not _listeners and getattr(torch.autograd.backward, "_lifesigns", False):
        if _original is not None:
            torch.autograd.backward = _original
        _original = None


def _backward(tensors: Any, *args: Any, **kwargs: Any) -> None:
    listeners = _listeners
    for listener in listeners:
        listener.before_backward(tensors)
    try:
        _original(tensors, *args, **kwargs)  # type: ignore[misc]
    finally:
        for listener in listeners:
            listener.after_backward()


_backward._lifesigns = True  # type: ignore[attr-defined]


def _outside_dynamo(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps dynamo from tracing the wrapper, without importing dynamo (1.4 s) for it."""
    if "torch._dynamo" not in sys.modules:
        return function
    disabled: Callable[..., Any] = torch._dynamo.disable(function)  # type: ignore[no-untyped-call]
    disabled._lifesigns = True  # type: ignore[attr-defined]
    return disabled
