"""One walk over an autograd graph: its nodes in forward order, their inputs, its leaves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from torch import Tensor, nn

from lifesigns.record.readable import is_ordinary, is_readable, obstacle

_USUAL = frozenset({Tensor, nn.Parameter})
"""Classes without code of their own, which may be asked anything."""
LEAF = "torch::autograd::AccumulateGrad"
OPERANDS = ("result", "self", "other", "target", "weight", "pos_weight", "noise", "min", "max")
"""What activations and losses save, beside their indices."""
_SUFFIX = re.compile(r"Backward\d*$")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Walk:
    """The nodes a set of losses leads to.

    An input is the index of the node that produced it, `-1 - k` for leaf `k`, or None for a value
    without gradient (data, a constant, a frozen parameter).
    """

    nodes: list[Any]
    """Autograd nodes by sequence number, oldest first, leaves left out. Holding them keeps the
    Python objects, and so their identity, alive."""
    names: list[str]
    """Node names without `Backward0`, e.g. `Relu`, `Addmm`."""
    inputs: list[tuple[int | None, ...]]
    leaves: list[Tensor]
    """The parameters at the leaves."""
    roots: list[int]
    numbers: list[float]
    """Sequence numbers of the nodes; those of repeated compiled code lie between two of the run."""
    modules: Mapping[int, str] = field(default_factory=dict)
    """Path of the module a node ran in, by index, where it is known without forward hooks."""
    stands_for: Mapping[int, int] = field(default_factory=dict)
    """Sequence number of the run's node whose output a node of repeated compiled code makes."""
    kept: dict[type, Any] = field(default_factory=dict)
    """What was found in it and is asked for again, by its class."""

    def __len__(self) -> int:
        return len(self.nodes)

    def shape(self, index: int, number: int = 0) -> tuple[int, ...]:
        """Shape of an output of a node, of most the only one; empty where autograd kept none."""
        metadata = self.nodes[index]._input_metadata
        try:
            return tuple(map(int, metadata[number].shape)) if number < len(metadata) else ()
        except (RuntimeError, AttributeError):  # nested: its rows are of different lengths
            return ()

    def leaf_shape(self, k: int) -> tuple[int, ...]:
        """Shape of leaf `k`; empty where it has none."""
        return shape_of(self.leaves[k])

    def makes(self, index: int, number: int | None) -> bool:
        """Whether a node makes the output of the run's node with this sequence number.

        Args:
            index: Index of a node of this walk.
            number: Sequence number in the user's run.
        """
        return number == self.stands_for.get(index, self.numbers[index])

    @cached_property
    def readers(self) -> dict[int, list[int]]:
        """The nodes that read the value of each node, in forward order."""
        found: dict[int, list[int]] = {}
        for later, inputs in enumerate(self.inputs):
            for i in dict.fromkeys(inputs):
                if i is not None and 0 <= i < later:
                    found.setdefault(i, []).append(later)
        return found

    @cached_property
    def own_functions(self) -> list[int]:
        """The nodes of `torch.autograd.Function`s that were written in Python."""
        return [i for i, node in enumerate(self.nodes) if hasattr(type(node), "_forward_cls")]

    @property
    def signature(self) -> tuple[Any, ...]:
        """What two steps share when they ran the same operations in the same order."""
        return (*self.names, *self.inputs)


def walk(losses: Iterable[Tensor]) -> Walk:
    """Walks the graph of `losses` once.

    Args:
        losses: What was passed to `backward`; each has a graph.

    Returns:
        Nodes and leaves, each once.

    Cost: about 1 µs per node; nothing is recomputed and no saved tensor is touched.
    """
    starts = [loss.grad_fn for loss in losses if loss.grad_fn is not None]
    below: dict[Any, tuple[Any, ...]] = dict.fromkeys(starts, ())
    words = {node: node.name() for node in below}
    stack = list(below)
    leaves: dict[Any, int] = {}
    while stack:
        node = stack.pop()
        below[node] = found = node.next_functions
        for node, _ in found:
            if node is None or node in below or node in leaves:
                continue
            word = node.name()
            if word == LEAF:
                leaves[node] = len(leaves)
            else:
                below[node], words[node] = (), word
                stack.append(node)
    numbered = {node: node._sequence_nr() for node in below}
    nodes = sorted(below, key=numbered.__getitem__)
    position: dict[Any, int] = {node: i for i, node in enumerate(nodes)}
    position.update({node: -1 - k for node, k in leaves.items()})
    return Walk(
        nodes=nodes,
        names=[short_name(words[node]) for node in nodes],
        inputs=[tuple([position.get(n) for n, _ in below[node]]) for node in nodes],
        leaves=[node.variable for node in leaves],
        roots=[position[node] for node in starts if node in position and position[node] >= 0],
        numbers=[numbered[node] for node in nodes],
    )


@lru_cache(maxsize=1024)
def short_name(name: str) -> str:
    """`torch::autograd::ReluBackward0` as `Relu`.

    Args:
        name: What a node calls itself.
    """
    return _SUFFIX.sub("", name.rpartition("::")[2])


def snake_case(name: str) -> str:
    """`LogSoftmax` as torch writes its function: `log_softmax`."""
    return _WORD_START.sub("_", name).lower()


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """Shape of a tensor; empty if its rows are of different lengths."""
    try:
        return tuple(map(int, tensor.shape))
    except (RuntimeError, AttributeError):
        return ()


def saved(node: Any, attribute: str) -> Any:
    """The saved value `attribute` of a node, or None where it may not or cannot be read.

    Tensors whose saving is hooked (checkpointing, `save_on_cpu`) are left alone: unpacking them
    could recompute a forward pass. A distributed tensor is left alone, too.

    Args:
        node: The autograd node.
        attribute: Its name without `_saved_`, such as `self` or `result`.
    """
    value = unpacked(node, attribute)
    tensors = value if isinstance(value, tuple) else (value,)
    for tensor in tensors:
        if isinstance(tensor, Tensor) and not is_readable(tensor):
            return None
    return value


class Operands(NamedTuple):
    """What a node saved of `OPERANDS`, in one look."""

    values: Mapping[str, Any]
    """By name, whether or not it can be read; without what is hooked, freed or overwritten."""
    hooked: tuple[str, ...]
    """Names of what goes through a user's hooks."""
    obstacle: str
    """Why something cannot be read; empty if all can."""
    are_ordinary: bool = False
    """Whether all tensors are, see `readable.is_ordinary`."""


def operands(node: Any) -> Operands:
    """What an operation computed with or made, as far as its node keeps it."""
    values, hooked, why, usual = {}, [], "", True
    for name, attribute, raw in _operands(node.__class__):
        if raw and goes_through_hooks(getattr(node, raw, None)):
            hooked.append(name)
            continue
        try:
            value = getattr(node, attribute)
        except RuntimeError:  # freed, or modified in place since
            continue
        values[name] = value
        if isinstance(value, Tensor) and not (type(value) in _USUAL and is_ordinary(value)):
            usual, why = False, why or obstacle(value)
    return Operands(values, tuple(hooked), why, usual)


def unreadable(node: Any) -> str:
    """Why something an operation computed with or made cannot be read; empty if all can."""
    return operands(node).obstacle


@lru_cache(maxsize=1024)
def _saved_names(kind: type) -> tuple[str, ...]:
    """The tensors that nodes of this class save; a number has no form in which it was saved."""
    return tuple(a.removeprefix("_raw_saved_") for a in dir(kind) if a.startswith("_raw_saved_"))


@lru_cache(maxsize=1024)
def _operands(kind: type) -> tuple[tuple[str, str, str], ...]:
    """What nodes of this class save of `OPERANDS`: its name, and those of the attributes.

    The last is that of a tensor as it was saved; empty for what is none.
    """
    found = [(name, f"_saved_{name}", f"_raw_saved_{name}") for name in OPERANDS]
    return tuple(
        (name, attribute, raw if hasattr(kind, raw) else "")
        for name, attribute, raw in found
        if hasattr(kind, attribute)
    )


def unpacked(node: Any, attribute: str) -> Any:
    """A saved value whether or not it can be read; None where it is not there, or hooked.

    Args:
        node: The autograd node.
        attribute: Its name without `_saved_`.
    """
    if is_hooked(node, attribute):
        return None
    try:
        return getattr(node, f"_saved_{attribute}", None)
    except RuntimeError:  # freed, or modified in place since
        return None


def is_hooked(node: Any, attribute: str) -> bool:
    """Whether the saved tensor goes through a user's pack and unpack hooks.

    Args:
        node: The autograd node.
        attribute: Its name without `_saved_`.
    """
    return goes_through_hooks(getattr(node, f"_raw_saved_{attribute}", None))


def goes_through_hooks(raw: Any) -> bool:
    """Whether saved tensors go through a user's hooks, which are not to be called for a look.

    Args:
        raw: One, or several, as a node keeps them; None for none.
    """
    if raw is None:
        return False
    if isinstance(raw, tuple):
        return any(getattr(r, "unpack_hook", None) is not None for r in raw)
    return getattr(raw, "unpack_hook", None) is not None


def kept_tensors(node: Any) -> Iterator[tuple[str, Tensor]]:
    """All tensors a node saved, by attribute name, but for those that are hooked."""
    for name in _saved_names(node.__class__):
        value = unpacked(node, name)
        if isinstance(value, Tensor):
            yield name, value


def saved_tensors(node: Any) -> list[tuple[str, Tensor]]:
    """All tensors a node saved that may be read, by attribute name."""
    return [(name, tensor) for name, tensor in kept_tensors(node) if is_readable(tensor)]


def value_as_used(walked: Walk, index: int) -> Tensor | None:
    """The value a node made but did not keep, from a later node that saved it as its input.

    Args:
        walked: The graph.
        index: Index of the node that made the value.
    """
    maker = walked.nodes[index]
    for later in walked.readers.get(index, ()):
        for _, tensor in saved_tensors(walked.nodes[later]):
            if tensor.grad_fn is maker and tensor.output_nr == 0:
                return tensor.detach()
    return None
