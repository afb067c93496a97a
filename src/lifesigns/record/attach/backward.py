"""The wrappers around `torch.autograd.backward` and what `torch.autograd.grad` calls.

All recorders of the process share them. Of `grad` the engine is wrapped that it looks up at each
call: code that took `grad` by name goes through it, and compiled code knows `grad` as it was.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn


class GradCall(NamedTuple):
    """A call of `torch.autograd.grad` for leaves of the graph."""

    outputs: tuple[Tensor, ...]
    weights: tuple[Tensor | None, ...] | None
    """Gradients of the outputs; None if all are single numbers."""
    inputs: tuple[Any, ...]
    creates_graph: bool
    """Whether the gradients can be differentiated again."""

    @property
    def is_for_parameters(self) -> bool:
        """Whether a network may be trained; plain tensors are mostly data, as in a penalty."""
        return any(isinstance(i, nn.Parameter) for i in self.inputs)


class Listener(Protocol):
    """What a recorder does around a backward pass."""

    def before_backward(self, tensors: Any, gradients: Any) -> Callable[[bool], None]:
        """Called with what was passed to `backward`.

        Args:
            tensors: What was passed: a tensor, or a sequence of them.
            gradients: The gradients given for them, in the same form; None for plain losses.

        Returns:
            Called when backward has returned or raised, with whether it has returned.
        """

    def before_grad(self, call: GradCall) -> None:
        """Called with a call of `torch.autograd.grad` for leaves, outside any backward pass.

        Args:
            call: What was passed.
        """

    def after_grad(self, call: GradCall, gradients: tuple[Tensor | None, ...] | None) -> None:
        """Called when `grad` has returned or raised, also if `before_grad` raised.

        Args:
            call: What was passed.
            gradients: What it returns, one for each input; None if it has raised.
        """

    def forked(self) -> None:
        """Called in a forked child, to stop listening there."""


_listeners: tuple[Listener, ...] = ()
_wrapped: weakref.WeakKeyDictionary[Callable[..., Any], Callable[..., Any]]
_wrapped = weakref.WeakKeyDictionary()
"""What each wrapper of ours calls."""
_thread = threading.local()


def listen(listener: Listener) -> None:
    """Adds a listener; wraps what is to be watched unless our wrapper is outermost.

    Args:
        listener: Told of every backward pass from here on, in every thread.
    """
    global _listeners
    for name, wrapping in _WRAPPINGS.items():
        original = getattr(torch.autograd, name)
        if original not in _wrapped:
            wrapper = wrapping(original)
            _wrapped[wrapper] = original
            setattr(torch.autograd, name, wrapper)
    _listeners = (*_listeners, listener)


def stop_listening(listener: Listener) -> None:
    """Removes a listener; restores what was wrapped after the last.

    If another tool wrapped the same meanwhile, our wrapper stays below that one and passes calls
    through.
    """
    global _listeners
    _listeners = tuple(one for one in _listeners if one is not listener)
    for name in () if _listeners else _WRAPPINGS:
        while (wrapper := getattr(torch.autograd, name)) in _wrapped:
            setattr(torch.autograd, name, _wrapped[wrapper])


def _wrapping(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def backward(*args: Any, **kwargs: Any) -> None:
        task = torch._C._current_graph_task_id()
        outer = getattr(_thread, "task", None)
        if not _listeners or outer == task:  # an outer wrapper of ours has told them
            original(*args, **kwargs)
            return
        tensors = args[0] if args else kwargs.get("tensors", ())
        gradients = args[1] if len(args) > 1 else kwargs.get("grad_tensors")
        afterwards: list[Callable[[bool], None]] = []
        succeeded, _thread.task = False, task
        try:
            for listener in _listeners:
                after = listener.before_backward(tensors, gradients)
                afterwards.append(after)  # at once: the next may raise
            original(*args, **kwargs)
            succeeded = True
        finally:
            try:
                for after in afterwards:
                    after(succeeded)
            finally:
                _thread.task = outer

    return outside_dynamo(backward)


def _engine_wrapping(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def engine(outputs: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("accumulate_grad", True) or not _listeners:
            return original(outputs, *args, **kwargs)
        call = _of_leaves(outputs, *args)
        if call is None:
            return original(outputs, *args, **kwargs)
        return _notify_of_grad(call, lambda: original(outputs, *args, **kwargs))

    return outside_dynamo(engine)


def _of_leaves(
    outputs: Any, weights: Any, _retains: bool, creates_graph: bool, inputs: Any, *_: Any
) -> GradCall | None:
    """The call, unless it is part of a pass, of a transform, or of what is computed here."""
    inside = torch._C._current_graph_task_id() != -1
    if inside or torch._C._functorch.peek_interpreter_stack() is not None:
        return None
    if getattr(_thread, "apart", False):
        return None
    if not all(isinstance(i, Tensor) and i.is_leaf for i in inputs):
        return None
    if not all(isinstance(output, Tensor) for output in outputs):
        return None
    single = all(output.numel() == 1 for output in outputs)
    return GradCall(tuple(outputs), None if single else weights, tuple(inputs), creates_graph)


def _notify_of_grad(call: GradCall, run: Callable[[], tuple[Tensor | None, ...]]) -> Any:
    told: list[Listener] = []
    gradients = None
    try:
        for listener in _listeners:
            told.append(listener)
            listener.before_grad(call)
        with apart():  # another wrapper of ours may lie below
            gradients = run()
        return gradients
    finally:
        for listener in told:
            listener.after_grad(call, gradients)


@contextmanager
def apart() -> Iterator[None]:
    """Nobody is told of calls of `torch.autograd.grad` inside: they are our own."""
    outer, _thread.apart = getattr(_thread, "apart", False), True
    try:
        yield
    finally:
        _thread.apart = outer


_WRAPPINGS = {"backward": _wrapping, "_engine_run_backward": _engine_wrapping}
"""By the name that `torch.autograd` knows it under."""


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
