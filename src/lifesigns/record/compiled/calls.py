"""What compiled code does, noted without changing it: its graphs, and the calls of an armed step.

Dynamo hands each graph that it has traced to a compiler; a copy of the graph is kept then, and the
compiled function is called through one that can note a call. While compiled code runs, the
recorder's module hooks are out of the way: dynamo would trace them, and torch would warn of them.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as module_hooks

from lifesigns.record.compiled.repetition import MOST_ELEMENTS, CompiledCall
from lifesigns.record.compiled.traced_graph import CompiledGraph
from lifesigns.record.graph.global_hooks import GlobalHooks

MOST_CALLS = 1024
"""Calls of compiled graphs that are noted when no backward pass follows."""

_attached: list[CompiledCode] = []
_armed: list[CompiledCode] = []
_undo: list[Callable[[], None]] = []
_undo_armed: list[Callable[[], None]] = []


class CompiledCode:
    """The compiled code of the process, as one recorder sees it.

    Dynamo is not imported, and nothing of it changed, before something is compiled: `torch.compile`
    is wrapped to notice that.

    Args:
        hooks: The module hooks that compiled code must not see.
        guard: Runs what happens inside the user's code, so that a failure does not reach it.
    """

    def __init__(self, hooks: GlobalHooks, guard: Callable[..., None]) -> None:
        self.hooks, self._guard = hooks, guard
        self._calls: dict[int, deque[CompiledCall]] = {}

    def attach(self) -> None:
        """Keeps a copy of every graph that is compiled from here on."""
        _attached.append(self)
        if not _undo:
            _undo.append(_replaced(torch, "compile", _noticing_compile))
        _reach_dynamo()

    def reach(self) -> None:
        """Dynamo may have been imported."""
        self._guard(_reach_dynamo)

    def detach(self) -> None:
        """Takes back what was changed in torch, once no other recorder needs it."""
        self.disarm()
        self.forget()
        if self in _attached:
            _attached.remove(self)
        if not _attached:
            _take_back(_undo)

    def arm(self) -> None:
        """Notes the calls of compiled graphs from here on, and keeps the module hooks from them."""
        self.disarm()
        self.forget()
        _armed.append(self)
        if len(_undo_armed) == 0:
            _undo_armed.append(_replaced(module_hooks, "_has_any_global_hook", _others_hooks))
        _reach_dynamo()

    def disarm(self) -> None:
        """Notes no more calls."""
        if self in _armed:
            _armed.remove(self)
        if not _armed:
            _take_back(_undo_armed)

    def forget(self) -> None:
        """Drops the calls noted so far and the tensors they hold."""
        self._calls.clear()

    def calls(self) -> list[CompiledCall]:
        """The calls of this thread; of all threads if this one made none."""
        own = self._calls.get(threading.get_ident())
        return list(own) if own else [c for calls in self._calls.values() for c in calls]

    def note(self, call: CompiledCall) -> None:
        """Keeps a call of a compiled graph."""
        calls = self._calls.setdefault(threading.get_ident(), deque(maxlen=MOST_CALLS))
        calls.append(call)
        while sum(kept.elements for kept in calls) > MOST_ELEMENTS and len(calls) > 1:
            calls.popleft()

    def enter(self, module: nn.Module | None, inputs: tuple[Any, ...]) -> None:
        """Compiled code begins to run.

        Args:
            module: The module whose forward is compiled; None for a compiled function.
            inputs: Its positional arguments.
        """
        self._guard(self.hooks.enter_compiled, module, inputs)

    def leave(self, module: nn.Module | None, output: Any) -> None:
        """Compiled code has come to its end.

        Args:
            module: The same as in `enter`.
            output: What it returned; None if it raised.
        """
        self._guard(self.hooks.leave_compiled, module, output)


# --- what is changed in torch, and taken back -----------------------------------------------------
def _replaced(holder: Any, name: str, make: Callable[[Any], Any]) -> Callable[[], None]:
    """Replaces an attribute by what `make` makes of it; returns what restores it."""
    original = getattr(holder, name)
    ours = make(original)
    setattr(holder, name, ours)

    def restore() -> None:
        if getattr(holder, name) is ours:  # or else another tool has wrapped ours
            setattr(holder, name, original)

    return restore


def _take_back(changes: list[Callable[[], None]]) -> None:
    while changes:
        changes.pop()()


def _reach_dynamo() -> None:
    """Changes dynamo, as soon as it is there."""
    if "torch._dynamo.output_graph" not in sys.modules:
        return
    dynamo, graphs = (
        sys.modules["torch._dynamo.eval_frame"],
        sys.modules["torch._dynamo.output_graph"],
    )
    if len(_undo) == 1:
        _undo.append(_replaced(graphs.OutputGraph, "call_user_compiler", _keeping_graphs))
    if len(_undo_armed) == 1:
        context = dynamo._TorchDynamoContext
        context.enter_exit_hooks = property(_with_ours, _set_theirs)
        _undo_armed.append(lambda: delattr(context, "enter_exit_hooks"))


def _noticing_compile(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def compile_and_notice(*args: Any, **kwargs: Any) -> Any:
        compiled = original(*args, **kwargs)
        for one in _attached[:1]:
            one.reach()
        return compiled

    return compile_and_notice


def _others_hooks(original: Callable[[], bool]) -> Callable[[], bool]:
    """Torch warns of global hooks on compiled modules: not of ours, which they never see."""

    def has_others() -> bool:
        hidden = [one.hooks for one in _armed]
        for hooks in hidden:
            hooks.hide()
        try:
            return original()
        finally:
            for hooks in hidden:
                hooks.show()

    return has_others


# --- where compiled code begins and ends ----------------------------------------------------------
class _WithOurs(list[Any]):
    """What dynamo does around compiled code, with a piece of ours; what it adds goes to its own."""

    def __init__(self, theirs: list[Any]) -> None:
        super().__init__([*theirs, _enter])
        self._theirs = theirs

    def append(self, hook: Any) -> None:
        self._theirs.append(hook)


def _with_ours(context: Any) -> list[Any]:
    theirs: list[Any] = context.__dict__["enter_exit_hooks"]
    return _WithOurs(theirs) if _armed else theirs


def _set_theirs(context: Any, hooks: list[Any]) -> None:
    context.__dict__["enter_exit_hooks"] = hooks


def _enter() -> Callable[[], None]:
    """Called where compiled code begins; returns what is called where it ends."""
    called, inputs = _caller("fn"), _caller("args")
    module = getattr(called, "__self__", None)
    module = module if isinstance(module, nn.Module) else None
    holders = () if module is not None and _stays_eager(module) else tuple(_armed)
    for holder in holders:
        holder.enter(module, inputs if isinstance(inputs, tuple) else ())

    def leave() -> None:
        output = _caller("result")
        for holder in holders:
            holder.leave(module, output)

    return leave


def _stays_eager(module: nn.Module) -> bool:
    """Whether dynamo compiles nothing of it: it skips torch's own modules, `Sequential` as well."""
    rules = sys.modules["torch._dynamo.trace_rules"]
    return all(rules.check(type(part).forward) for part in module.modules())


def _caller(name: str) -> Any:
    """A variable of dynamo's wrapper, one or two frames (a comprehension) above ours."""
    frame = sys._getframe(2)
    for _ in range(2):
        if frame is not None and name in frame.f_code.co_varnames + frame.f_code.co_freevars:
            return frame.f_locals.get(name)
        frame = frame.f_back  # type: ignore[assignment]
    return None


# --- compiled graphs and their calls --------------------------------------------------------------
def _keeping_graphs(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call_user_compiler(output_graph: Any, gm: Any, *args: Any, **kwargs: Any) -> Any:
        graph = CompiledGraph.copied(gm)  # compilers change it
        compiled = original(output_graph, gm, *args, **kwargs)
        is_stored = getattr(output_graph, "package", None) is not None
        return compiled if graph is None or is_stored else _noting(graph, compiled)

    return call_user_compiler


def _noting(graph: CompiledGraph, compiled: Callable[..., Any]) -> Callable[..., Any]:
    """The compiled function, its calls noted while a step is armed."""

    def call(*args: Any) -> Any:
        if not _armed or not torch.is_grad_enabled():
            return compiled(*args)
        noted = CompiledCall.begin(graph, args)
        outputs = compiled(*args)
        noted.end(outputs)
        for holder in tuple(_armed):
            holder.note(noted)
        return outputs

    return call
