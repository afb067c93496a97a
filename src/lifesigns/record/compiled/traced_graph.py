"""A graph that dynamo traced, kept so that it can be run again: what it holds, and where from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

OWN = "own"
"""In the place of a path: it ran in what was compiled, in no module inside."""
_PURE = frozenset({"torch", "_operator", "operator", "math", "builtins", "None"})
"""Packages whose functions do nothing but compute."""
_NAMESPACES = frozenset({"aten", "prims", "prim"})
"""Operators of torch itself; others may do anything."""
_HIGHER_ORDER = frozenset({"tag_activation_checkpoint", "autograd_function_apply"})


@dataclass(frozen=True)
class CompiledGraph:
    """A copy of a traced graph: compilers change the graph they are given.

    Attributes:
        module: A `torch.fx.GraphModule`.
        obstacle: Why it is not to be run a second time; empty if it may be.
    """

    module: Any
    obstacle: str = ""

    @classmethod
    def copied(cls, traced: Any) -> CompiledGraph | None:
        """A copy of what dynamo traced; None if it cannot be made. Raises nothing.

        Args:
            traced: As dynamo handed it to the compiler; it stays as it is.
        """
        try:
            graph = torch.fx.Graph()
            values: dict[Any, Any] = {}
            result = graph.graph_copy(traced.graph, values)
            graph.output(result)
            for old, new in values.items():
                new.meta = {"nn_module_stack": old.meta.get("nn_module_stack")}
            module = torch.fx.GraphModule(traced, graph)
            return cls(module, _obstacle(module))
        except Exception:
            return None

    def inputs(self) -> Iterator[str]:
        """For each input the path of the module that first used it, as dynamo writes it."""
        for node in self.module.graph.nodes:
            if node.op == "placeholder":
                yield path_of(node)


def path_of(node: Any) -> str:
    """The innermost module a node of the graph ran in, such as `L['self'].layers.0`; else empty."""
    stack = node.meta.get("nn_module_stack")
    return str(list(stack.values())[-1][0]) if stack else ""


def _obstacle(module: Any) -> str:
    """What in a graph, or in the graphs it calls, does more than compute."""
    for part in module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            if node.op == "call_function" and not _is_pure(node.target):
                return f"it calls {_name(node.target)}"
            if node.op == "call_module":
                return "it holds modules"
    return ""


def _name(function: Callable[..., Any]) -> str:
    if isinstance(function, torch._ops.OpOverload):
        return str(function.overloadpacket)
    return str(getattr(function, "__name__", function))


def _is_pure(function: Callable[..., Any]) -> bool:
    if isinstance(function, torch._ops.HigherOrderOperator):
        return function.__name__ in _HIGHER_ORDER
    if isinstance(function, torch._ops.OpOverload | torch._ops.OpOverloadPacket):
        return str(function).partition(".")[0] in _NAMESPACES
    home = str(getattr(function, "__module__", None))
    return home.partition(".")[0] in _PURE and not home.startswith("torch.distributed")


def interpreter(graph: CompiledGraph) -> Any:
    """Runs the graph once, and notes which autograd nodes each of its nodes made."""
    return _Once(graph.module)


class _Once(torch.fx.Interpreter):
    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self.extra_traceback = False
        self.places: list[tuple[int, int, str]] = []
        self._entered: list[Any] = []

    def run_once(self, inputs: list[Any]) -> tuple[Any, ...]:
        """The graph's outputs; whatever it switched on is switched off again."""
        depth = torch._C._functorch.get_dynamic_layer_stack_depth()
        try:
            outputs: tuple[Any, ...] = tuple(self.run(*inputs))
        finally:
            for mode in reversed(self._entered):
                mode.__exit__(None, None, None)
            torch._C._functorch.pop_dynamic_layer_stack_and_undo_to_depth(depth)
        return outputs

    def run_node(self, node: Any) -> Any:
        """Runs one node, and notes the sequence numbers of the autograd nodes it makes."""
        first = torch._C._autograd._get_sequence_nr()
        value = super().run_node(node)
        last = torch._C._autograd._get_sequence_nr()
        if last > first and not isinstance(node.target, torch._ops.HigherOrderOperator):
            self.places.append((first, last, path_of(node) or OWN))
        if node.target is torch.amp.autocast_mode._enter_autocast:
            self._entered.append(value)
        elif node.target is torch.amp.autocast_mode._exit_autocast:
            self._entered.pop()
        return value

    def fetch_attr(self, target: str) -> Any:
        """A constant of the graph; copied, for the graph might change it."""
        value = super().fetch_attr(target)
        return value.detach().clone() if isinstance(value, Tensor) else value
