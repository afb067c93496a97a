"""The one wrapper around `torch.autograd.backward`, shared by all recorders of the process."""

from __future__ import annotations

import functools
import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, Protocol

import torch


class Listener(Protocol):
    """What a recorder does around a backward pass."""

    def before_backward(self, tensors: Any, gradients: Any) -> None:
        """Called with what was passed to `backward`.

        Args:
            tensors: What was passed: a tensor, or a sequence of them.
            gradients: The gradients given for them, in the same form; None for plain losses.
        """

    def after_backward(self, *, succeeded: bool) -> None:
        """Called when backward has returned or raised, also if `before_backward` raised.

        Args:
            succeeded: Whether it has returned.
        """

    def forked(self) -> None:
        """Called in a forked child, to stop listening there."""


_listeners: tuple[Listener, ...] = ()
_wrapped: weakref.WeakKeyDictionary[Callable[..., Any], Callable[..., Any]]
_wrapped = weakref.WeakKeyDictionary()
"""What each wrapper of ours calls."""
_thread = threading.local()


def listen(listener: Listener) -> None:
    """Adds a listener; wraps `torch.autograd.backward` unless our wrapper is outermost.

    Args:
        listener: Told of every backward pass from here on, in every thread.
    """
    global _listeners
    original = torch.autograd.backward
    if original not in _wrapped:
        wrapper = _wrapping(original)
        _wrapped[wrapper] = original
        torch.autograd.backward = wrapper
    _listeners = (*_listeners, listener)


def stop_listening(listener: Listener) -> None:
    """Removes a listener; restores `torch.autograd.backward` after the last.

    If another tool wrapped it meanwhile, our wrapper stays below that one and passes calls through.
    """
    global _listeners
    _listeners = tuple(one for one in _listeners if one is not listener)
    while not _listeners and torch.autograd.backward in _wrapped:
        torch.autograd.backward = _wrapped[torch.autograd.backward]


def _wrapping(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def backward(*args: Any, **kwargs: Any) -> None:
        task = torch._C._current_graph_task_id()
        outer = getattr(_thread, "task", None)
        if not _listeners or outer == task:  # an outer wrapper of ours has told them
            original(*args, **kwargs)
            return
        _thread.task = task
        try:
            _notify(original, args, kwargs)
        finally:
            _thread.task = outer

    return outside_dynamo(backward)


def _notify(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    tensors = args[0] if args else kwargs.get("tensors", ())
    gradients = args[1] if len(args) > 1 else kwargs.get("grad_tensors")
    told: list[Listener] = []
    succeeded = False
    try:
        for listener in _listeners:
            told.append(listener)
            listener.before_backward(tensors, gradients)
        original(*args, **kwargs)
        succeeded = True
    finally:
        for listener in told:
            listener.after_backward(succeeded=succeeded)


def outside_dynamo(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps dynamo from tracing a function, without importing dynamo (1.4 s) for it.

    Where torch can skip code by itself, this costs nothing; `torch._dynamo.disable` costs 4 µs at
    each call.

    Args:
        function: Written in Python; it is changed in place where torch allows that.

    Returns:
        The function to call: the same, or one that dynamo steps around.
    """
    dynamo: Any = getattr(torch._C, "_dynamo", None)
    try:
        skip = dynamo.eval_frame._FrameAction.SKIP
        strategy = dynamo.eval_frame._FrameExecStrategy(skip, skip)
        dynamo.eval_frame.set_code_exec_strategy(function.__code__, strategy)
    except AttributeError:
        if "torch._dynamo" not in sys.modules:
            return function
        return torch._dynamo.disable(function)  # type: ignore[no-any-return, no-untyped-call]
    function._torchdynamo_disable = True  # type: ignore[attr-defined]
    return function


def _leave_children() -> None:
    """A forked child (a `DataLoader` worker) is not the run that is watched."""
    for listener in _listeners:
        listener.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_children)
