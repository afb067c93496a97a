"""Notices calls of a method that programs make now and then, at no cost to a training step.

A method of a class of torch is wrapped while somebody listens: it does what it did, and the
listeners are told afterwards. All recorders of the process share the wrapper.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

Listener = Callable[..., Any]
"""Called with the object, what the method returned, and its arguments; it raises nothing."""


class NotedMethod:
    """A method whose calls are noted, in any thread, as long as anybody listens.

    Args:
        owner: The class that has it; what is derived from the class and calls it is noted, too.
        name: Of the method.
    """

    def __init__(self, owner: type, name: str) -> None:
        self._owner, self._name = owner, name
        self._listeners: tuple[Listener, ...] = ()
        self._wrapped: dict[Callable[..., Any], Callable[..., Any]] = {}
        """What each wrapper of ours calls; at most one is in place."""

    def listen(self, listener: Listener) -> None:
        """Adds a listener.

        Args:
            listener: Told of each call that has returned.
        """
        if self._method not in self._wrapped:
            original = self._method
            wrapper = self._wrapping(original)
            self._wrapped[wrapper] = original
            setattr(self._owner, self._name, wrapper)
        self._listeners = (*self._listeners, listener)

    def stop_listening(self, listener: Listener) -> None:
        """Removes a listener; the last one leaves the method as it was.

        Where another tool has wrapped it meanwhile, our wrapper stays below that one and passes on.

        Args:
            listener: One that was added; others are passed over.
        """
        self._listeners = tuple(one for one in self._listeners if one != listener)
        while not self._listeners and self._method in self._wrapped:
            setattr(self._owner, self._name, self._wrapped.pop(self._method))

    @property
    def _method(self) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._owner, self._name)
        return method

    def _wrapping(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(self_: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(self_, *args, **kwargs)
            if torch.compiler.is_compiling():  # traced code sees torch alone
                return result
            for listener in self._listeners:
                listener(self_, result, *args, **kwargs)
            return result

        return call


Place = tuple[int, int, int, int]
"""Of the two innermost calls of the program, for one may be a decorator of torch's: the code, by
`id`, and the instruction."""


def place_of(frame: FrameType) -> Place:
    """Where a program is.

    Args:
        frame: The innermost.
    """
    outer = frame.f_back or frame
    return id(frame.f_code), frame.f_lasti, id(outer.f_code), outer.f_lasti


class NotedEntry(NotedMethod):
    """A method without arguments that may be called at every step, noted at new places.

    A listener is called with the place and its frame, and returns whether it is done with it: what
    all are done with costs half a microsecond from then on.
    """

    def __init__(self, owner: type, name: str) -> None:
        super().__init__(owner, name)
        self._done: set[Place] = set()

    def listen(self, listener: Listener) -> None:
        """Adds a listener, to which every place is new.

        Args:
            listener: Told of each call from a place that it is not done with.
        """
        self._done.clear()
        super().listen(listener)

    def _wrapping(self, original: Callable[..., Any]) -> Callable[..., Any]:
        done, current = self._done, sys._getframe

        @functools.wraps(original)
        def call(self_: Any) -> Any:
            result = original(self_)
            frame = current().f_back  # its own frame in a variable would hold itself, and all these
            if frame is None:  # called from C, as at the end of the process
                return result
            outer = frame.f_back or frame  # as `place_of`, whose call would double the cost
            place = id(frame.f_code), frame.f_lasti, id(outer.f_code), outer.f_lasti
            if place not in done and not torch.compiler.is_compiling():
                answers = [listener(place, frame) for listener in self._listeners]
                done.update([place] if all(answers) else ())
            return result

        return call


EVALUATION = NotedMethod(nn.Module, "eval")
"""Called once for a whole network, before each evaluation; its parts are told through `train`,
which is left alone."""
LOADING = NotedMethod(nn.Module, "load_state_dict")
"""Called once for a whole network, or for a part of one."""
TELLING = NotedMethod(nn.Module, "state_dict")
"""Called once for a whole network, which calls it of each of its parts with a `destination`."""
BEGINNING = NotedMethod(DataLoader, "__iter__")
"""Called once an epoch, before its first batch."""
AVERAGING = NotedMethod(AveragedModel, "__init__")
"""Called once, when an average of weights is made."""
WAITING = NotedMethod(ReduceLROnPlateau, "step")
"""Called once an epoch, with the number that is to become better."""
NO_GRADIENTS = NotedEntry(torch.no_grad, "__enter__")
"""Called where gradients are switched off: for an evaluation, among others."""
INFERENCE = NotedEntry(torch.inference_mode, "__enter__")
"""The same."""
SWITCHING = NotedEntry(torch.set_grad_enabled, "__enter__")
"""Called where gradients are switched on or off: of one loop for training and evaluation."""
