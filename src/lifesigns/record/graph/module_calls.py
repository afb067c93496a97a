"""Which module each autograd node ran in, noted by light hooks during one armed step.

Hooks are torch's global module hooks: nothing is stored on the user's modules, which stay
picklable, and everything is gone once the step has been recorded. A module call is an interval of
sequence numbers (`torch.autograd._get_sequence_nr()`); a node belongs to the innermost interval
that holds its own number.
"""

from __future__ import annotations

import math
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Container, Iterator, Mapping, Set
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.loss import _Loss
from torch.utils.checkpoint import CheckpointFunction

from lifesigns.record.attach.backward import outside_dynamo
from lifesigns.record.graph.global_hooks import GlobalHooks
from lifesigns.record.graph.prediction import (
    MOST_ELEMENTS,
    Prediction,
    first_tensor,
    kept,
    maker_of,
)
from lifesigns.record.graph.same_memory import Place as Memory
from lifesigns.record.graph.same_memory import places_of
from lifesigns.record.graph.sort_calls import SortCalls
from lifesigns.record.graph.ungraded import UngradedCalls
from lifesigns.record.graph.unheld_samples import UnheldSamples
from lifesigns.record.readable import is_readable, obstacle

MOST_CALLS = 50_000
"""Calls that are remembered when no backward pass follows: a model that only predicts."""
MOST_ROOT_CALLS = 16
"""Latest root calls whose input and output are kept, within `MOST_ELEMENTS` together."""
_CALL = nn.Module._call_impl.__code__
_CHECKPOINT = CheckpointFunction.forward.__code__


@dataclass(slots=True, eq=False)
class Call:
    """One call of a module."""

    module: weakref.ref[nn.Module]
    depth: int
    start: int
    end: int
    training: bool = True
    output_node: int | None = None
    """In evaluation mode: sequence number of the node that made the output, inside or before."""
    recurrent: str = ""
    batch_first: bool = False
    """Whether a recurrent layer takes `[batch, time, features]`."""
    parameters: tuple[tuple[str, weakref.ref[Tensor]], ...] = ()
    """What the module held while it ran: FSDP lends it others than it has outside."""
    is_compiled: bool = False
    """Calls inside it are not noted."""
    input: Tensor | None = None
    obstacle: str = ""
    """Why none of the tensors given could be read."""
    prediction: Prediction | None = None
    is_again: bool = False
    """Whether the module was called before in the step; of the first call no memory is noted."""
    given: tuple[Memory, ...] = ()
    """Where its positional arguments lie."""
    returned: tuple[Memory, ...] = ()

    @property
    def elements(self) -> int:
        """How large the tensors are that the call keeps alive."""
        given = 0 if self.input is None else self.input.numel()
        return given + (0 if self.prediction is None else self.prediction.value.numel())

    def let_go(self) -> None:
        """Drops the tensors."""
        self.input = self.prediction = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node ran."""

    module: str = ""
    known: bool = False
    in_root: bool = False
    recurrent: int | None = None
    """Number of the recurrent layer's call this node is part of."""
    recurrent_word: str = ""
    batch_first: bool = False


@dataclass(slots=True, eq=False)
class Forward:
    """The module calls of one step in one thread, and the names of their modules."""

    calls: list[Call] = field(default_factory=list)
    names: Mapping[int, str] = field(default_factory=dict)
    """Module path by `id`, for the modules of the roots."""
    roots: Set[int] = frozenset()
    """The roots by `id`."""
    since: float = -1
    """Highest sequence number of the backward pass before, if that was read."""

    def places(self, sequence: list[float]) -> list[Place]:
        """The place of each node, given sequence numbers in ascending order.

        Args:
            sequence: Autograd's sequence numbers, ascending.

        Returns:
            One place for each number.
        """
        openings = sorted(
            (c for c in self.calls if c.end > c.start), key=lambda c: (c.start, c.depth)
        )
        places: list[Place] = []
        stack: list[tuple[int, Call]] = []
        place, next_call, changes = Place(), 0, -math.inf
        for number in sequence:
            if number >= changes:
                while next_call < len(openings) and openings[next_call].start <= number:
                    _pop_ended(stack, openings[next_call].start)
                    stack.append((next_call, openings[next_call]))
                    next_call += 1
                _pop_ended(stack, number)
                inside = [s for s in stack if s[1].end > number]
                place = self._place(inside)
                begins = [call.start for call in openings[next_call : next_call + 1]]
                changes = min([*begins, *(call.end for _, call in inside)], default=math.inf)
            places.append(place)
        return places

    def _place(self, stack: list[tuple[int, Call]]) -> Place:
        for number, call in stack:
            if call.recurrent:
                path = self.path(call)
                word = call.recurrent
                return Place(path or "", path is not None, True, number, word, call.batch_first)
        for _, call in reversed(stack):
            path = self.path(call)
            if path is not None:
                return Place(path, not call.is_compiled, True)
        return Place()

    def path(self, call: Call) -> str | None:
        """Path of a call's module; None if it is no part of the roots."""
        module = call.module()
        return None if module is None else self.names.get(id(module))

    def roots_of(self, first: float, last: float) -> Iterator[Call]:
        """Outermost calls that made nodes with numbers in `[first, last]`.

        Args:
            first: Lowest sequence number.
            last: Highest sequence number, included.
        """
        for call in self.calls:
            if call.depth == 0 and call.start <= last and call.end > first:
                yield call


def _pop_ended(stack: list[tuple[int, Call]], number: float) -> None:
    """Takes off the calls that were over before `number`, before others bury them."""
    while stack and stack[-1][1].end <= number:
        stack.pop()


@dataclass
class Inputs:
    """What the forward hooks kept of the root module's call."""

    batch: Tensor | None = None
    prediction: Prediction | None = None
    obstacle: str = ""
    """Why there is no batch, if there was one."""
    widest: Tensor | None = None
    """What the module was given in that of its calls in this step that had the most samples."""
    network: weakref.ref[nn.Module] | None = None
    """The module."""


class ForwardHooks(GlobalHooks):
    """Global module hooks, alive while a step is armed.

    Args:
        guard: Runs what happens in a hook, so that a failure does not reach the user's run.
    """

    def __init__(self, guard: Callable[..., None]) -> None:
        super().__init__()
        self._guard = guard
        self._calls: dict[int, deque[Call]] = {}
        self._stacks: dict[int, list[Call]] = {}
        self._kept: deque[Call] = deque(maxlen=MOST_ROOT_CALLS)
        self._called: set[int] = set()
        self.ungraded = UngradedCalls()
        """Of the step."""
        self.samples = UnheldSamples()
        """Of the step."""
        self.sorts = SortCalls()
        self.first_event: float | None = None

    def arm(self) -> None:
        """Puts the hooks in place, if they are not; forgets earlier calls."""
        self.forget()
        self.armed = True
        self._register()

    def disarm(self) -> None:
        """Takes the hooks away."""
        self.armed = False
        self._register()

    def enter_compiled(self, module: nn.Module | None, inputs: tuple[Any, ...]) -> None:
        """Compiled code begins: a call like any other, of which the inside is not seen."""
        super().enter_compiled(module, inputs)
        stack = self._stacks.get(threading.get_ident())
        if module is not None and not (stack and stack[-1].module() is module):
            self._open(module, inputs, True)

    def leave_compiled(self, module: nn.Module | None, output: Any) -> None:
        """Compiled code has come to its end, or failed."""
        super().leave_compiled(module, output)
        if module is not None:
            self._close(module, output)

    def forget(self) -> None:
        """Drops the calls noted so far and the tensors they hold."""
        self._calls.clear()
        self._stacks.clear()
        self._kept.clear()
        self._called.clear()
        self.ungraded.forget()
        self.samples.forget()
        self.sorts.forget()

    def _register(self) -> None:
        super()._register()
        self.samples.listen(bool(self._handles))
        self.sorts.listen(bool(self._handles))

    def answered(self, trained: Container[float]) -> Iterator[tuple[nn.Module, Tensor, bool]]:
        """What modules returned that no other one called, and whether it was with gradients.

        Args:
            trained: Sequence numbers of the nodes that lead to the loss: what these made is left
                out.
        """
        yield from ((module, answer, False) for module, answer in self.ungraded.answered())
        for call in self.calls():
            module, made = call.module(), call.prediction
            if module is None or made is None or call.depth or made.node in trained:
                continue
            yield module, made.value, True

    def calls(self) -> list[Call]:
        """The calls of this thread; if it made none, of the other, if that is one."""
        own = self._calls.get(threading.get_ident())
        if not own and len(self._calls) == 1:
            (own,) = self._calls.values()
        return list(own or ())

    @outside_dynamo
    def _enter(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if torch._C._get_tracing_state() is not None:  # `torch.jit.trace` would write us down
            return
        inner = uncompiled(module)
        self._guard(self._open, inner, inputs, inner is not module)

    @outside_dynamo
    def _leave(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if torch._C._get_tracing_state() is not None:
            return
        self._guard(self._close, uncompiled(module), output)

    def _open(self, module: nn.Module, inputs: tuple[Any, ...], is_compiled: bool) -> None:
        if self.first_event is None:
            self.first_event = time.perf_counter()
        stack = self._stacks.setdefault(threading.get_ident(), [])
        outermost = stack[0].module() if stack else None
        is_again = outermost is module or outermost is None
        if stack and is_again and _running_calls() <= len(stack):
            stack.clear()  # Ctrl-C ended them: hooks that are always called are not called then
        if not torch.is_grad_enabled():
            self.ungraded.open(module, inputs, _is_running(_CHECKPOINT))
            return
        number = torch._C._autograd._get_sequence_nr()
        call = Call(weakref.ref(module), len(stack), number, number, module.training)
        call.is_compiled = is_compiled
        if isinstance(module, nn.RNNBase):
            call.recurrent, call.batch_first = type(module).__name__.lower(), module.batch_first
        if id(module) in self._called:
            call.is_again, call.given = True, places_of(inputs)
        self._called.add(id(module))
        if not stack:
            given = [i for i in inputs if isinstance(i, Tensor)]
            with torch._C.DisableTorchFunction():  # else a class of the user's own runs its code
                batch = _batch_among(given)
                call.input = None if batch is None else kept(batch)
            call.obstacle = obstacle(given[0]) if given and call.input is None else ""
        stack.append(call)

    def _close(self, module: nn.Module, output: Any) -> None:
        thread = threading.get_ident()
        self.ungraded.close(module, output)
        stack = self._stacks.get(thread, [])
        if not (stack and stack[-1].module() is module) and not any(
            call.module() is module for call in stack
        ):
            return
        calls = self._calls.get(thread)
        if calls is None:
            calls = self._calls[thread] = deque(maxlen=MOST_CALLS)
        while stack:
            call = stack.pop()
            call.end = torch._C._autograd._get_sequence_nr()
            calls.append(call)
            if call.module() is module:
                break
        if module._parameters:
            held = module._parameters.items()
            call.parameters = tuple([(n, weakref.ref(p)) for n, p in held if p is not None])
        if call.is_again:
            call.returned = places_of(output)
        if call.training and call.depth:
            return
        with torch._C.DisableTorchFunction():
            if not call.training:
                call.output_node = maker_of(first_tensor(output))
            if call.depth == 0:
                call.prediction = Prediction.of(output)
                self._keep(call)

    def _keep(self, call: Call) -> None:
        """Keeps the tensors of the latest root calls within their limit."""
        if len(self._kept) == MOST_ROOT_CALLS:
            self._kept[0].let_go()
        self._kept.append(call)
        total = 0
        for one in reversed(self._kept):
            total += one.elements
            if total > MOST_ELEMENTS and one is not call:
                one.let_go()


def _batch_among(given: list[Tensor]) -> Tensor | None:
    """The first that can be read; where it is a square matrix, the rows that it relates."""
    readable = filter(is_readable, given)
    first = next(readable, None)
    rows = () if first is None else tuple(first.shape[:1])
    if first is None or tuple(first.shape) != rows * 2:
        return first
    related = (x for x in readable if x.dim() > 1 and tuple(x.shape[:1]) == rows)
    return next((x for x in related if x.shape != first.shape), first)  # of a graph, say


def uncompiled(module: nn.Module) -> nn.Module:
    """The module that `torch.compile` wrapped; itself, if none."""
    if type(module).__name__ != "OptimizedModule":
        return module
    return module._modules.get("_orig_mod") or module


def _running_calls() -> int:
    """How many calls of modules this thread is in."""
    return sum(code is _CALL for code in _running())


def _is_running(code: CodeType) -> bool:
    """Whether this thread is in a call of a function."""
    return any(code is one for one in _running())


def _running() -> Iterator[CodeType]:
    """What this thread is in, innermost first."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


def is_root(module: nn.Module) -> bool:
    """Whether an outermost module is a network to watch rather than a loss."""
    return not isinstance(module, _Loss) and next(iter(module.parameters()), None) is not None
