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
        first = self.inputs[0] if self.inputs else None
        return type(first) is nn.Parameter or any(isinstance(i, nn.Parameter) for i in self.inputs)


class Listener(Protocol):
    """What a recorder does around a backward pass."""

    @property
    def is_noting(self) -> bool:
        """Whether this thread is inside a pass that was noted."""

    def notes_pass(self, loss: Any, gradients: Any) -> bool:
        """Called first, outside any pass: whether this one is like others and dealt with.

        Args:
            loss: What was passed: a tensor, or a sequence of them.
            gradients: The gradients given for it, in the same form; None for a plain loss.

        Returns:
            Whether `after_noted` is to be called after the pass; if not, `before_backward` is
            called now.
        """

    def after_noted(self, succeeded: bool) -> None:
        """Called when a pass that was noted has returned or raised.

        Args:
            succeeded: Whether it has returned.
        """

    def before_backward(self, tensors: Any, gradients: Any) -> Callable[[bool], None]:
        """Called with what was passed to `backward`.

        Args:
            tensors: What was passed: a tensor, or a sequence of them.
            gradients: The gradients given for them, in the same form; None for plain losses.

        Returns:
            Called when backward has returned or raised, with whether it has returned.
        """

    def notes_call(self, call: GradCall) -> bool:
        """Called first: whether this call is like others and dealt with, as `notes_pass` is.

        Args:
            call: What was passed.

        Returns:
            Whether `after_noted_call` is to be called after it.
        """

    def after_noted_call(self, call: GradCall, gradients: tuple[Tensor | None, ...] | None) -> None:
        """Called when a call that was noted has returned or raised.

        Args:
            call: What was passed.
            gradients: What it returns; None if it has raised.
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
_alone: Listener | None = None
"""The listener, where there is one."""
_wrapped: weakref.WeakKeyDictionary[Callable[..., Any], Callable[..., Any]]
_wrapped = weakref.WeakKeyDictionary()
"""What each wrapper of ours calls."""
OUTSIDE = -1
"""The task of code that does not run inside a backward pass."""
task = torch._C._current_graph_task_id
"""Number of the backward pass that this code runs in."""
_transform = torch._C._functorch.peek_interpreter_stack


class _Here(threading.local):
    """What goes on in this thread."""

    task: int | None = None
    """Where the listeners have been told of the pass that goes on: in this task."""
    apart = False
    """Whether calls of `grad` are not told."""


_here = _Here()


def listen(listener: Listener) -> None:
    """Adds a listener; wraps what is to be watched unless our wrapper is outermost.

    Args:
        listener: Told of every backward pass from here on, in every thread.
    """
    for name, wrapping in _WRAPPINGS.items():
        original = getattr(torch.autograd, name)
        if original not in _wrapped:
            wrapper = wrapping(original)
            _wrapped[wrapper] = original
            setattr(torch.autograd, name, wrapper)
    _set((*_listeners, listener))


def stop_listening(listener: Listener) -> None:
    """Removes a listener; restores what was wrapped after the last.

    If another tool wrapped the same meanwhile, our wrapper stays below that one and passes calls
    through.
    """
    _set(tuple(one for one in _listeners if one is not listener))
    for name in () if _listeners else _WRAPPINGS:
        while (wrapper := getattr(torch.autograd, name)) in _wrapped:
            setattr(torch.autograd, name, _wrapped[wrapper])


def _set(listeners: tuple[Listener, ...]) -> None:
    global _listeners, _alone
    _listeners, _alone = listeners, listeners[0] if len(listeners) == 1 else None


def _wrapping(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def backward(*args: Any, **kwargs: Any) -> None:
        alone = _alone
        if alone is None or len(args) < 2 or not alone.notes_pass(args[0], args[1]):
            _tell_all(original, args, kwargs)
            return
        succeeded = False
        try:
            original(*args, **kwargs)
            succeeded = True
        finally:
            alone.after_noted(succeeded)

    return outside_dynamo(backward)


def _tell_all(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    now, outer, listeners, alone = task(), _here.task, _listeners, _alone
    told = outer == now or (alone is not None and now == OUTSIDE and alone.is_noting)
    if told or not listeners:  # by an outer wrapper of ours
        original(*args, **kwargs)
        return
    tensors = args[0] if args else kwargs.get("tensors", ())
    gradients = args[1] if len(args) > 1 else kwargs.get("grad_tensors")
    afterwards: list[Callable[[bool], None]] = []
    succeeded, _here.task = False, now
    try:
        for listener in listeners:
            if now == OUTSIDE and listener.notes_pass(tensors, gradients):
                afterwards.append(listener.after_noted)
            else:  # at once: the next may raise
                afterwards.append(listener.before_backward(tensors, gradients))
        original(*args, **kwargs)
        succeeded = True
    finally:
        try:
            for after in afterwards:
                after(succeeded)
        finally:
            _here.task = outer


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
    if task() != OUTSIDE or _transform() is not None or _here.apart:
        return None
    for leaf in inputs:
        if not (isinstance(leaf, Tensor) and leaf.is_leaf):
            return None
    single = True
    for output in outputs:
        if not isinstance(output, Tensor):
            return None
        single = single and output.numel() == 1
    return GradCall(tuple(outputs), None if single else weights, tuple(inputs), creates_graph)


def _notify_of_grad(call: GradCall, run: Callable[[], tuple[Tensor | None, ...]]) -> Any:
    afterwards: list[Callable[[GradCall, Any], None]] = []
    gradients = None
    try:
        for listener in _listeners:
            if listener.notes_call(call):
                afterwards.append(listener.after_noted_call)
            else:
                afterwards.append(listener.after_grad)
                listener.before_grad(call)
        _here.apart = True  # another wrapper of ours may lie below
        try:
            gradients = run()
        finally:
            _here.apart = False
        return gradients
    finally:
        for after in afterwards:
            after(call, gradients)


@contextmanager
def apart() -> Iterator[None]:
    """Nobody is told of calls of `torch.autograd.grad` inside: they are our own."""
    outer, _here.apart = _here.apart, True
    try:
        yield
    finally:
        _here.apart = outer


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
