"""Notices when a network is put in evaluation mode, at no cost to a training step.

`nn.Module.eval` is called once for a whole network, before each evaluation; its parts are told
through `train`, which is left alone. All recorders of the process share the wrapper.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Listener = Callable[[nn.Module], None]
_listeners: tuple[Listener, ...] = ()
_wrapped: dict[Callable[..., Any], Callable[..., Any]] = {}
"""What each wrapper of ours calls; at most one is in place."""


def listen(listener: Listener) -> None:
    """Adds a listener.

    Args:
        listener: Told of each module that `eval` was called of, in any thread; it raises nothing.
    """
    global _listeners
    if nn.Module.eval not in _wrapped:
        original = nn.Module.eval
        wrapper = _wrapping(original)
        _wrapped[wrapper] = original
        nn.Module.eval = wrapper  # type: ignore[method-assign]
    _listeners = (*_listeners, listener)


def stop_listening(listener: Listener) -> None:
    """Removes a listener; the last one leaves `eval` as it was.

    Where another tool has wrapped it meanwhile, our wrapper stays below that one and passes on.

    Args:
        listener: One that was added; others are passed over.
    """
    global _listeners
    _listeners = tuple(one for one in _listeners if one != listener)
    while not _listeners and nn.Module.eval in _wrapped:
        nn.Module.eval = _wrapped.pop(nn.Module.eval)  # type: ignore[method-assign]


def _wrapping(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def evaluate(self: nn.Module) -> Any:
        result = original(self)
        if _listeners and not torch.compiler.is_compiling():  # traced code sees torch alone
            for listener in _listeners:
                listener(self)
        return result

    return evaluate
