"""Compiled calls, repeated eagerly: the traced graph once more, operation by operation.

The compiled step is left alone. Its graph, which holds tensor operations and no Python of the user,
runs again on the inputs of the call, under a forked generator, with leaves of its own: no
parameter, buffer, gradient or random number of the run changes. Dropout masks are others than the
step's.
"""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from lifesigns.record.attach.backward import apart
from lifesigns.record.compiled.traced_graph import CompiledGraph, interpreter

COMPILED = "CompiledFunctionBackward"
"""The autograd node of a compiled graph."""
MOST_ELEMENTS = 1 << 26
"""Elements of data and buffers that are copied, and of activations that are kept."""
Edge = tuple[int, int]
"""Sequence number of an autograd node, and which of its outputs."""


@dataclass
class Kept:
    """A tensor that went into a compiled call and that gradients flow to, or a frozen parameter."""

    alias: Tensor
    version: int
    leaf: weakref.ref[Tensor] | None
    maker: Edge | None

    @classmethod
    def of(cls, tensor: Tensor) -> Kept:
        """Holds the values, not the graph they came from."""
        maker = None
        if tensor.grad_fn is not None:
            maker = tensor.grad_fn._sequence_nr(), tensor.output_nr
        leaf = weakref.ref(tensor) if tensor.is_leaf else None
        return cls(tensor.detach(), tensor._version, leaf, maker)


@dataclass
class CompiledCall:
    """One call of a compiled graph in an armed step.

    Data and buffers are copied, for the graph may change them; parameters are not.
    """

    graph: CompiledGraph
    inputs: list[Any] = field(default_factory=list)
    autocast: list[tuple[str, torch.dtype, bool]] = field(default_factory=list)
    outputs: dict[Edge, int] = field(default_factory=dict)
    """Which of the graph's outputs an autograd edge stands for."""
    node: int = -1
    """Sequence number of its autograd node."""
    made: tuple[int, int] = (0, 0)
    """Interval of the sequence numbers of all autograd nodes made in it."""
    elements: int = 0
    """How large the tensors are that the call keeps alive."""
    obstacle: str = ""
    """Why it cannot be repeated."""

    @property
    def is_open(self) -> bool:
        """Whether its operations are in the run's own graph (the backend `eager`)."""
        return self.node < 0 and self.made[1] > self.made[0]

    @classmethod
    def begin(cls, graph: CompiledGraph, inputs: tuple[Any, ...]) -> CompiledCall:
        """Notes what goes in. Raises nothing.

        Args:
            graph: The compiled graph that is called.
            inputs: What it is called with, parameters included.
        """
        call = cls(graph, obstacle=graph.obstacle)
        try:
            if not call.obstacle:
                call._keep(inputs)
            call.made = (torch._C._autograd._get_sequence_nr(),) * 2
        except Exception as error:
            call.obstacle = f"its inputs cannot be copied ({type(error).__name__}: {error})"
        return call

    def _keep(self, inputs: tuple[Any, ...]) -> None:
        tensors = [x for x in inputs if isinstance(x, Tensor)]
        if any(type(x) not in (Tensor, nn.Parameter) for x in tensors):
            self.obstacle = "its inputs are not plain tensors"
            return
        self.elements = sum(x.numel() for x in tensors if x.grad_fn is not None or not _is_kept(x))
        if self.elements > MOST_ELEMENTS:
            self.obstacle = f"its inputs are large ({self.elements:,} numbers)"
            return
        self.autocast = _autocast_of({"cpu", *(x.device.type for x in tensors)})
        with torch.no_grad():
            self.inputs = [_noted(x) for x in inputs]

    def end(self, outputs: Any) -> None:
        """Notes what came out. Raises nothing.

        Args:
            outputs: What the compiled graph returned, gradients attached.
        """
        self.made = self.made[0], torch._C._autograd._get_sequence_nr()
        try:
            for number, output in enumerate(outputs):
                if isinstance(output, Tensor) and output.grad_fn is not None:
                    self._note_output(number, output)
        except Exception as error:
            self.obstacle = self.obstacle or f"{type(error).__name__}: {error}"

    def _note_output(self, number: int, output: Tensor) -> None:
        node: Any = output.grad_fn
        made = _compiled_node(node)
        if made is None:
            return
        self.outputs[node._sequence_nr(), output.output_nr] = number
        if self.node not in (-1, made._sequence_nr()):
            self.obstacle = "it was compiled in pieces"
        self.node = made._sequence_nr()
        self.obstacle = self.obstacle or self._changes(made)

    def _changes(self, node: Any) -> str:
        """Why a repetition would change tensors of the run, if it would."""
        metadata = getattr(getattr(type(node), "_forward_cls", None), "metadata", None)
        told: list[Any] | None = getattr(metadata, "input_info", None)
        if told is None:
            return "torch does not tell which of its inputs it changes"
        if not any(info.mutates_data for info in told):
            return ""
        if len(told) != len(self.inputs):
            return "it changes some of its inputs in place"
        changed = [x for x, info in zip(self.inputs, told, strict=True) if info.mutates_data]
        return "it changes parameters" if any(isinstance(x, Kept) for x in changed) else ""


@dataclass
class Repetition:
    """A compiled call that was run again eagerly."""

    call: CompiledCall
    outputs: list[Any]
    leaves: list[tuple[Tensor, Kept]]
    places: list[tuple[int, int, str]]
    """Intervals of sequence numbers, and the dynamo path of the module that ran in each."""
    made: tuple[int, int]
    """Interval of the sequence numbers of all its autograd nodes."""
    gradients: dict[int, Tensor] = field(default_factory=dict)
    """What arrived at the outputs in the run's own backward pass."""
    failure: str = ""
    """Why that could not be kept, if it could not."""

    @classmethod
    def of(cls, call: CompiledCall) -> Repetition | None:
        """Runs the graph of a call again; None if that cannot be done, which `obstacle` tells.

        Cost: an eager forward pass, and the memory of its activations.

        Args:
            call: A call whose graph, inputs and outputs were kept.
        """
        try:
            return None if call.obstacle else cls._run(call)
        except Exception as error:
            call.obstacle = f"{type(error).__name__}: {error}"
            return None

    @classmethod
    def _run(cls, call: CompiledCall) -> Repetition:
        kept = [x for x in call.inputs if isinstance(x, Kept)]
        if any(x.alias._version != x.version for x in kept):
            raise RuntimeError("its inputs were changed since")
        leaves = [(_leaf(x), x) for x in kept]
        own = iter(leaves)
        inputs = [next(own)[0] if isinstance(x, Kept) else x for x in call.inputs]
        run = interpreter(call.graph)
        with _apart(call.autocast, inputs):
            start = torch._C._autograd._get_sequence_nr()
            outputs = run.run_once(inputs)
            made = start, torch._C._autograd._get_sequence_nr()
        return cls(call, list(outputs), leaves, run.places, made)

    def backward(self) -> str:
        """Sends the gradients that arrived in the run through the repetition, for its hooks.

        Nothing is added to a `.grad`. Returns why it failed, if it did.
        """
        try:
            if not self.failure:
                self._backward()
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
        return self.failure

    def _backward(self) -> None:
        outputs = [self.outputs[number] for number in self.gradients]
        leaves = [leaf for leaf, _ in self.leaves if leaf.requires_grad]
        if outputs and leaves:
            with apart(), _apart([], leaves):
                torch.autograd.grad(
                    outputs, leaves, list(self.gradients.values()), allow_unused=True
                )


def _is_kept(tensor: Tensor) -> bool:
    return tensor.requires_grad or isinstance(tensor, nn.Parameter)


def _noted(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    return Kept.of(value) if _is_kept(value) else value.clone()


def _leaf(kept: Kept) -> Tensor:
    frozen = kept.leaf is not None and (real := kept.leaf()) is not None and not real.requires_grad
    return kept.alias.detach().requires_grad_(not frozen)


def _compiled_node(node: Any) -> Any:
    """The compiled graph's node that an output comes from, directly or as a view of it."""
    if node.name() == COMPILED:
        return node
    below = node.next_functions[0][0] if node.next_functions else None
    return below if below is not None and below.name() == COMPILED else None


def _autocast_of(devices: set[str]) -> list[tuple[str, torch.dtype, bool]]:
    return [
        (device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device))
        for device in sorted(devices)
        if torch.amp.is_autocast_available(device)
    ]


@contextmanager
def _apart(autocast: list[tuple[str, torch.dtype, bool]], tensors: list[Any]) -> Iterator[None]:
    """Nothing that happens inside is seen by the run: random numbers, modes, warnings."""
    devices = {x.device for x in tensors if isinstance(x, Tensor) and x.device.type != "cpu"}
    kind = next((device.type for device in devices), "cuda")
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng([d.index for d in devices], device_type=kind))
        stack.enter_context(_quiet())
        stack.enter_context(_disable_current_modes())
        stack.enter_context(torch._C.DisableTorchFunction())
        stack.enter_context(torch.enable_grad())
        for device, dtype, enabled in autocast:
            stack.enter_context(torch.autocast(device, dtype, enabled, cache_enabled=False))
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Warnings of this thread are not shown a second time.

    The filters stay as they are: `warnings.catch_warnings` would make Python show again what it
    shows once.
    """
    show, thread = warnings.showwarning, threading.get_ident()

    def show_others(*args: Any, **kwargs: Any) -> None:
        if threading.get_ident() != thread:
            show(*args, **kwargs)

    warnings.showwarning = show_others
    try:
        yield
    finally:
        warnings.showwarning = show
