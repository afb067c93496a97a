"""A walked graph whose compiled nodes are replaced by the eager repetitions of their calls."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from lifesigns.record.compiled.repetition import COMPILED, CompiledCall, Edge, Repetition
from lifesigns.record.compiled.traced_graph import OWN
from lifesigns.record.graph.module_calls import Forward
from lifesigns.record.graph.walk import Walk, walk

COMPILED_NAME = COMPILED.removesuffix("Backward")
"""How a compiled node is called in a walk."""


@dataclass(slots=True)
class Repeated:
    """The compiled calls of one backward pass that are read in a repetition."""

    walked: Walk
    repetitions: list[Repetition] = field(default_factory=list)
    obstacles: list[str] = field(default_factory=list)
    """Why compiled calls were left out, in words."""
    handles: list[Any] = field(default_factory=list)

    def hook(self, walked: Walk) -> None:
        """Keeps the gradients that arrive at the outputs of the compiled calls of `walked`.

        Args:
            walked: The graph of the loss, before its backward pass.
        """
        for repetition in self.repetitions:
            for node, number in zip(walked.nodes, walked.numbers, strict=True):
                taken = {
                    k: output for (n, k), output in repetition.call.outputs.items() if n == number
                }
                if taken:
                    self.handles.append(node.register_prehook(_keeping(repetition, taken)))

    def backward(self) -> Iterator[str]:
        """Drives the hooks of the repetitions; yields what failed."""
        failed = (repetition.backward() for repetition in self.repetitions)
        yield from (f"a compiled call: {text}" for text in failed if text)

    def unhook(self) -> None:
        """Removes the hooks and lets go of the repetitions."""
        for handle in self.handles:
            handle.remove()
        self.handles.clear()
        self.repetitions.clear()


def repeat_compiled(
    losses: list[Tensor],
    walked: Walk,
    calls: Iterable[CompiledCall],
    forward: Forward,
    names: Mapping[int, str],
) -> Repeated:
    """Repeats the compiled calls a graph leads to, and joins their graphs with it.

    Args:
        losses: What the graph was walked from.
        walked: The graph.
        calls: The calls noted in this step.
        forward: The module calls of the step; without any, nothing was noted.
        names: Names of parameters by `id`.
    """
    repeated = Repeated(walked)
    calls = list(calls)
    if not calls and COMPILED_NAME not in walked.names:
        return repeated
    opened: dict[int, str] = {}
    reached = [call for call in calls if _is_reached(walked, call)]
    if forward.calls or reached:
        repeated.obstacles.extend(_unknown(walked, reached))
    for call in reached:
        repetition = Repetition.of(call)
        if repetition is None:
            repeated.obstacles.append(f"a compiled call was left out: {call.obstacle}")
        elif call.is_open:
            opened.update(_opened(walked, repetition, forward, names))
        else:
            repeated.repetitions.append(repetition)
    walked = repeated.walked = replace(walked, modules=opened)
    if repeated.repetitions:
        repeated.hook(walked)
        repeated.walked = _Graft(walked, repeated.repetitions, forward, names).joined(losses)
    return repeated


def _is_reached(walked: Walk, call: CompiledCall) -> bool:
    if call.is_open:
        return any(call.made[0] <= number < call.made[1] for number in walked.numbers)
    return any(
        number == call.node and node.name() == COMPILED
        for number, node in zip(walked.numbers, walked.nodes, strict=True)
    )


def _unknown(walked: Walk, reached: list[CompiledCall]) -> Iterator[str]:
    if COMPILED_NAME not in walked.names:
        return
    known = {call.node for call in reached}
    nodes = zip(walked.numbers, walked.nodes, strict=True)
    if any(number not in known and node.name() == COMPILED for number, node in nodes):
        yield "compiled code was left out: it was compiled before watching began, or ran long ago"


def _opened(
    walked: Walk, repetition: Repetition, forward: Forward, names: Mapping[int, str]
) -> dict[int, str]:
    """The modules of a call whose own nodes are in the graph, in the order of the repetition's."""
    start, end = repetition.call.made
    shift = repetition.made[0] - start
    if end + shift != repetition.made[1]:
        return {}
    module_of = _Naming(repetition, forward, names, start)
    inside = [(i, n) for i, n in enumerate(walked.numbers) if start <= n < end]
    found = {i: module_of(number + shift) for i, number in inside}
    return {i: name for i, name in found.items() if name is not None}


class _Naming:
    """Names the module that made a node of a repetition, by the node's sequence number.

    Args:
        repetition: The repetition.
        forward: The module calls of the step.
        names: Names of parameters by `id`.
        number: Sequence number of a node of the run's own call.
    """

    def __init__(
        self, repetition: Repetition, forward: Forward, names: Mapping[int, str], number: int
    ) -> None:
        self.places = repetition.places
        self.starts = [start for start, _, _ in self.places]
        self.bases = _bases(repetition.call, names)
        place = forward.places([number])[0]
        self.own = place.module if place.in_root else None
        """The module that was compiled; None if it was a function."""

    def __call__(self, number: float) -> str | None:
        """Path of the module; None if unknown."""
        at = bisect_right(self.starts, number) - 1
        if at < 0 or number >= self.places[at][1]:
            return None
        path = self.places[at][2]
        return self.own if path == OWN else _module(path, self.bases)


def _keeping(repetition: Repetition, taken: dict[int, int]) -> Any:
    def hook(gradients: tuple[Any, ...]) -> None:
        try:
            for k, output in taken.items():
                if k < len(gradients) and gradients[k] is not None:
                    repetition.gradients[output] = gradients[k].detach().clone()
        except Exception as error:  # an exception here would end the user's backward
            repetition.failure = f"{type(error).__name__}: {error}"

    return hook


class _Graft:
    """Joins the walk of the run's graph with those of the repetitions.

    Nodes are told apart by their sequence number; those of a repetition come between the number of
    the compiled node and the next.
    """

    def __init__(
        self,
        walked: Walk,
        repetitions: list[Repetition],
        forward: Forward,
        names: Mapping[int, str],
    ) -> None:
        self.walked, self.forward, self.names = walked, forward, names
        self.parts = [(r, walk(o for o in r.outputs if isinstance(o, Tensor))) for r in repetitions]
        gone = {r.call.node for r in repetitions} | {
            number for r in repetitions for number, _ in r.call.outputs
        }
        keys: list[tuple[float, Any, int]] = [
            (number, None, i) for i, number in enumerate(walked.numbers) if number not in gone
        ]
        for part, (repetition, inner) in enumerate(self.parts):
            share = 1 / (len(inner) + 1)
            keys += [(repetition.call.node + i * share, part, i) for i in range(len(inner))]
        self.keys = sorted(keys, key=lambda key: key[0])
        self.position = {(part, i): at for at, (_, part, i) in enumerate(self.keys)}
        self.real = {number: i for i, number in enumerate(walked.numbers)}
        self.leaf = {id(leaf): -1 - k for k, leaf in enumerate(walked.leaves)}
        self.stands_for: dict[int, int] = {}
        self.made = self._made()

    def _made(self) -> dict[Edge, int | None]:
        """Where the outputs of the compiled calls are made now."""
        made: dict[Edge, int | None] = {}
        for part, (repetition, inner) in enumerate(self.parts):
            inside = {number: i for i, number in enumerate(inner.numbers)}
            for edge, output in repetition.call.outputs.items():
                node = getattr(repetition.outputs[output], "grad_fn", None)
                at = None if node is None else inside.get(node._sequence_nr())
                made[edge] = None if at is None else self.position[part, at]
                if at is not None:
                    self.stands_for[self.position[part, at]] = edge[0]
        return made

    def joined(self, losses: list[Tensor]) -> Walk:
        """The whole graph as one walk."""
        walks = [inner for _, inner in self.parts]
        picked = [
            (self.walked if part is None else walks[part], part, i) for _, part, i in self.keys
        ]
        roots = [self._at(n._sequence_nr(), x.output_nr) for x in losses if (n := x.grad_fn)]
        return replace(
            self.walked,
            nodes=[w.nodes[i] for w, _, i in picked],
            names=[w.names[i] for w, _, i in picked],
            inputs=[
                self._real_inputs(i) if part is None else self._inner_inputs(part, i)
                for _, part, i in picked
            ],
            roots=[root for root in roots if root is not None and root >= 0],
            numbers=[number for number, _, _ in self.keys],
            modules=self._modules(),
            stands_for=self.stands_for,
        )

    def _at(self, number: int, output: int) -> int | None:
        """Position of the node that makes output number `output` of a node of the run."""
        if (number, output) in self.made:
            return self.made[number, output]
        return self.position.get((None, self.real.get(number, -1)))

    def _real_inputs(self, i: int) -> tuple[int | None, ...]:
        edges = self.walked.nodes[i].next_functions
        return tuple(
            given if given is None or given < 0 else self._at(node._sequence_nr(), output)
            for (node, output), given in zip(edges, self.walked.inputs[i], strict=True)
        )

    def _inner_inputs(self, part: int, i: int) -> tuple[int | None, ...]:
        repetition, inner = self.parts[part]
        return tuple(
            given
            if given is None
            else self.position[part, given]
            if given >= 0
            else self._origin(repetition, inner.leaves[-1 - given])
            for given in inner.inputs[i]
        )

    def _origin(self, repetition: Repetition, leaf: Tensor) -> int | None:
        """What went into the compiled call where the repetition has a leaf of its own."""
        kept = next((kept for own, kept in repetition.leaves if own is leaf), None)
        if kept is None:
            return None
        if kept.maker is not None:
            return self._at(*kept.maker)
        return None if kept.leaf is None else self.leaf.get(id(kept.leaf()))

    def _modules(self) -> dict[int, str]:
        """Module path by node, where dynamo tells."""
        modules = {self.position[None, i]: path for i, path in self.walked.modules.items()}
        for part, (repetition, inner) in enumerate(self.parts):
            module_of = _Naming(repetition, self.forward, self.names, repetition.call.node)
            for i, number in enumerate(inner.numbers):
                if (name := module_of(number)) is not None:
                    modules[self.position[part, i]] = name
        return modules


def _bases(call: CompiledCall, names: Mapping[int, str]) -> dict[str, str]:
    """What dynamo's variables stand for, such as `L['self']` for `encoder`: the parameters tell.

    A graph may be used for several modules alike; the parameters of the call are this one's.
    """
    bases: dict[str, str] = {}
    for path, given in zip(call.graph.inputs(), call.inputs, strict=True):
        leaf = getattr(given, "leaf", None)
        name = names.get(id(leaf())) if path and leaf is not None else None
        if name is None:
            continue
        inner, outer = path.split("."), name.split(".")[:-1]
        while len(inner) > 1 and outer and inner[-1] == outer[-1]:
            inner.pop()
            outer.pop()
        bases.setdefault(".".join(inner), ".".join(outer))
    return bases


def _module(path: str, bases: dict[str, str]) -> str | None:
    """The name of a module by its path in dynamo's words; None if unknown."""
    fitting = [base for base in bases if path == base or path.startswith(f"{base}.")]
    if not path or not fitting:
        return None
    base = max(fitting, key=len)
    return ".".join(part for part in (bases[base], path[len(base) + 1 :]) if part)
