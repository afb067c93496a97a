"""From the walked graph to sites: what matters for learning, joined through transparent nodes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from torch import Tensor, nn

from lifesigns.record.graph.cut_state import cut_states
from lifesigns.record.graph.flow import Flow, Sites
from lifesigns.record.graph.masks import PRODUCTS, is_zero, masked_to, told_by
from lifesigns.record.graph.module_calls import Forward, Place
from lifesigns.record.graph.momenta import momenta
from lifesigns.record.graph.operations import (
    ACTIVATION_NODES,
    ATTENTION_PREFIX,
    LINEAR_MAPS,
    NAMED,
    OPAQUE_NAMES,
    TRANSPARENT,
    activation_of,
    details,
    has_details,
)
from lifesigns.record.graph.own_length import normalised_along
from lifesigns.record.graph.products import UNTURNED
from lifesigns.record.graph.site_plan import SitePlan, site_plans
from lifesigns.record.graph.steep_edge import is_steep
from lifesigns.record.graph.unreached_calls import unreached_calls
from lifesigns.record.graph.walk import Walk, snake_case
from lifesigns.records import WEIGHTED, Graph, Kind, Shape, Site

Found = TypeVar("Found")
LOOKUPS = frozenset({"Gather", "Index", "IndexSelect"})
"""Rows chosen by data: of a parameter, an embedding."""
CHANNELS_FIRST = frozenset({"batch_norm", "group_norm"})


@dataclass(frozen=True)
class Condensed:
    """The graph of sites, and which node each site stands for."""

    graph: Graph
    nodes: tuple[int, ...]
    """Per site: index of its node in the walk (of the last one, for a recurrent layer)."""
    opaque: tuple[str, ...]
    loss_from: int
    """First node index after the last root module returned: the loss is computed from here on."""
    site_of_node: Mapping[int, int]
    weight_like: frozenset[int]
    """Nodes computed from parameters alone: reparametrised weights and penalties."""
    told: tuple[tuple[int, Hashable], ...]
    """Nodes of whose saved values the sites depend on, and what those told; see `masks.told_by`."""
    cut: Set[int] | None
    """Sites whose state is cut off its history, on which their details depend; see `cut_states`."""
    unreached: Mapping[int, int]
    """Calls before that of a site which no gradient reaches; see `unreached_calls`."""
    plans: tuple[SitePlan, ...] = ()
    """What is to be read of the sites."""
    kept: dict[type, Any] = field(default_factory=dict)
    """What those who read the graph keep of it, by its class, which says what else is its key."""
    kept_of_all_sizes: dict[type, Any] = field(default_factory=dict)
    """What they keep of it and of all graphs that differ from it in sizes alone."""


def first_kept(kept: dict[type, Any], kind: type[Found], found: Iterator[Found]) -> Found | None:
    """The first thing of a kind, looked for once in graphs that are alike; None without one.

    Args:
        kept: Where the answer is kept, see `Condensed`.
        kind: Its class.
        found: Gives such things; not asked where there is an answer.
    """
    if kind not in kept:
        kept[kind] = next(found, None)
    first: Found | None = kept[kind]
    return first


def condense(walked: Walk, forward: Forward, leaf_name: Callable[[Tensor], str]) -> Condensed:
    """Classifies every node, names the sites, and joins them.

    Args:
        walked: The graph of one backward pass.
        forward: Which module each node ran in.
        leaf_name: Name of a parameter.
    """
    return _Condenser(walked, forward, [leaf_name(leaf) for leaf in walked.leaves]).run()


class _Condenser:
    def __init__(self, walked: Walk, forward: Forward, leaf_names: list[str]) -> None:
        self.walk, self.forward = walked, forward
        self.leaf_names = leaf_names
        self.places = forward.places(walked.numbers)
        for index, path in walked.modules.items():
            self.places[index] = Place(path, known=True, in_root=True)
        self.loss_from = self._loss_start()
        self.momenta = momenta(forward)
        self.data_leaves = {
            -1 - k
            for k, leaf in enumerate(walked.leaves)
            if forward.names and not isinstance(leaf, nn.Parameter)
        }
        self.flow = Flow(walked.inputs)
        self.weight_like: set[int] = set()
        self.sites: list[Site] = []
        self.site_nodes: list[int] = []
        self.edges: dict[tuple[int, int], None] = {}
        self.calls: Counter[tuple[str, str]] = Counter()
        self.opaque: Counter[str] = Counter()
        self.recurrent: dict[int, int] = {}
        self.site_of_node: dict[int, int] = {}
        self.asked: set[int] = set()

    def run(self) -> Condensed:
        for index in range(len(self.walk)):
            self.flow.note(self._visit(index))
        cut = cut_states(self.walk, self.sites, self.site_nodes)
        for number in cut or ():
            self._detail(number, "cut_state", 1.0)
        unreached = unreached_calls(self.walk, self.sites, self.site_nodes, self.forward)
        for number, count in unreached.items():
            self._detail(number, "calls_cut_off", float(count))
        return Condensed(
            Graph(tuple(self.sites), tuple(self.edges)),
            tuple(self.site_nodes),
            tuple(sorted(self.opaque)),
            self.loss_from,
            self.site_of_node,
            frozenset(self.weight_like),
            tuple((index, told_by(self.walk, index)) for index in sorted(self.asked)),
            cut,
            unreached,
            tuple(
                site_plans(
                    self.sites,
                    self.site_nodes,
                    self.walk.names,
                    self.walk.inputs,
                    self.weight_like,
                )
            ),
        )

    def _detail(self, number: int, word: str, value: float) -> None:
        site = self.sites[number]
        self.sites[number] = replace(site, details={**site.details, word: value})

    def _loss_start(self) -> int:
        inside = [i for i, place in enumerate(self.places) if place.in_root]
        return inside[-1] + 1 if inside else len(self.walk)

    def _visit(self, index: int) -> Sites:
        """Adds a node that is a site; returns the sites whose values reach the nodes above it."""
        inputs = [i for i in self.walk.inputs[index] if i is not None]
        if self._is_weight_like(index, inputs):
            self.weight_like.add(index)
            return {}
        data = [i for i in inputs if i >= 0 and i not in self.weight_like]
        reaching, layer = self.flow.into(data), self.places[index].recurrent
        if layer is not None:
            return {self._inside_recurrent(index, layer, self.flow.read(reaching)): None}
        kind, word = self._classify(index, data)
        if kind is None:
            return reaching
        sources = self.flow.read(reaching)
        return {self._add_site(index, kind, word, sources, self._parameters(index)): None}

    def _is_weight_like(self, index: int, inputs: list[int]) -> bool:
        """Whether a node computes with parameters only: no data enters, nor a large constant."""
        name = self.walk.names[index]
        if name in LINEAR_MAPS or name in NAMED or name in LOOKUPS or name in OPAQUE_NAMES:
            return False
        if not inputs or (None in self.walk.inputs[index] and self._mixes_data(index)):
            return False
        return all(i in self.weight_like if i >= 0 else i not in self.data_leaves for i in inputs)

    def _mixes_data(self, index: int) -> bool:
        """Whether a constant operand is large enough to be data rather than a number."""
        if self.walk.names[index] not in ("Add", "Sub", "Mul", "Div"):
            return False
        produced = self.walk.shape(index)
        given = [_input_shape(self.walk, i) for i in self.walk.inputs[index] if i is not None]
        return bool(produced) and produced not in given

    def _classify(self, index: int, data: list[int]) -> tuple[Kind | None, str]:
        name = self.walk.names[index]
        if name in LINEAR_MAPS:
            return self._matrix_product(index)
        if name in NAMED:
            return NAMED[name]
        if name.startswith(ATTENTION_PREFIX):
            return Kind.ATTENTION, "scaled_dot_product_attention"
        if name in LOOKUPS and all(i is None or i < 0 for i in self.walk.inputs[index]):
            return Kind.EMBEDDING, snake_case(name)
        if name in TRANSPARENT:
            return None, ""
        if name in PRODUCTS:
            return self._product(index, name, data)
        if name not in ACTIVATION_NODES and (name in OPAQUE_NAMES or not self._is_native(index)):
            self.opaque[name] += 1
            return Kind.OPAQUE, snake_case(name)
        reader = activation_of(name)
        if reader is None or index >= self.loss_from:
            return Kind.OTHER, reader.word if reader else snake_case(name)
        return Kind.ACTIVATION, reader.word

    def _product(self, index: int, name: str, data: list[int]) -> tuple[Kind | None, str]:
        """The kind of a product: one with a constant is no site, unless the constant is a mask."""
        numerator_only = name == "Div" and self.walk.inputs[index][0] in data
        if len(data) != 1 or not (name == "Mul" or numerator_only):
            return Kind.OTHER, snake_case(name)
        self.asked.add(index)
        mask = masked_to(self.walk.nodes[index], self.walk.shape(index))
        if name == "Mul" and mask > 1:
            return Kind.DROPOUT, "dropout"
        if name == "Mul" and (mask == 1 or is_zero(self.walk.nodes[index])):
            return (Kind.OTHER, "mul") if index < self.loss_from else (None, "")
        return None, ""

    def _is_native(self, index: int) -> bool:
        """Whether a node is torch's own rather than of a user's `autograd.Function`."""
        return not hasattr(type(self.walk.nodes[index]), "_forward_cls")

    def _matrix_product(self, index: int) -> tuple[Kind, str]:
        factors = self.walk.inputs[index][-2:]
        data = [i for i in factors if i is not None and i >= 0 and i not in self.weight_like]
        return (Kind.ATTENTION, "matmul") if len(data) == 2 else (Kind.LINEAR, "linear")

    def _inside_recurrent(self, index: int, layer: int, sources: tuple[int, ...]) -> int:
        """Adds a node to the one site that stands for this call of a recurrent layer."""
        if layer not in self.recurrent:
            place = self.places[index]
            added = self._add_site(index, Kind.RECURRENT, place.recurrent_word, sources, ())
            if place.batch_first:
                self.sites[added] = replace(self.sites[added], details={"batch_first": 1.0})
            self.recurrent[layer] = added
        site = self.recurrent[layer]
        self.edges.update({(s, site): None for s in sources if s != site})
        self.site_nodes[site] = index
        self.site_of_node[index] = site
        if parameters := self._parameters(index):
            self._extend(site, parameters)
        return site

    def _extend(self, site: int, parameters: tuple[str, ...]) -> None:
        old = self.sites[site]
        merged = tuple(dict.fromkeys(old.parameters + parameters))
        if merged != old.parameters:
            self.sites[site] = replace(old, parameters=merged)

    def _add_site(
        self, index: int, kind: Kind, word: str, sources: tuple[int, ...], names: tuple[str, ...]
    ) -> int:
        shape = self.walk.shape(index)
        module = self._module(index, kind, sources, names)
        if word == "conv":
            word = f"conv{max(len(shape) - 2, 1)}d"
        fan_in, fan_out = fans(self.walk, index) if kind in WEIGHTED else (0, 0)
        number = len(self.sites)
        self.sites.append(
            Site(
                module=module,
                operation=word,
                call=self.calls[module, word],
                kind=kind,
                shape=shape,
                unit_dim=self._unit_dim(kind, word, shape, sources),
                parameters=names,
                fan_in=fan_in,
                fan_out=fan_out,
                details=self._details(index, kind),
            )
        )
        self.calls[module, word] += 1
        self.site_nodes.append(index)
        self.site_of_node[index] = number
        self.edges.update({(s, number): None for s in sources})
        return number

    def _details(self, index: int, kind: Kind) -> dict[str, float]:
        name, node = self.walk.names[index], self.walk.nodes[index]
        if has_details(name):
            self.asked.add(index)
        if kind is Kind.OTHER and name == "Mul":
            self.asked.add(index)
            if is_zero(node):
                return {"factor": 0.0}
        if kind is Kind.DROPOUT and name in PRODUCTS:
            return {"p": round(1 - 1 / masked_to(node, self.walk.shape(index)), 6)}
        along = normalised_along(self.walk, index) if kind is Kind.OTHER else {}
        if kind is Kind.NORM and (kept := self.momenta.get(self.places[index].module)) is not None:
            return {**details(name, node), "momentum": kept}
        found = along or details(name, node)
        steep = kind is Kind.OTHER and is_steep(self.walk, index)
        return {**found, "steep_edge": 1.0} if steep else found

    def _module(
        self, index: int, kind: Kind, sources: tuple[int, ...], names: tuple[str, ...]
    ) -> str:
        """The innermost module; without one, that of the site's or the nearest parameter."""
        place = self.places[index]
        if place.known:
            return place.module
        if names:
            return names[0].rpartition(".")[0]
        if kind is Kind.LOSS or index >= self.loss_from or not sources:
            return ""
        return self.sites[sources[0]].module

    def _parameters(self, index: int) -> tuple[str, ...]:
        """Names of the parameters that reach this node through weight-like nodes, weight first."""
        found: dict[str, int] = {}
        stack = list(self._weights_read_by(index))
        while stack:
            i = stack.pop()
            if i < 0:
                found[self.leaf_names[-1 - i]] = self.walk.leaves[-1 - i].dim()
            else:
                stack.extend(self._weights_read_by(i))
        return tuple(sorted(found, key=lambda name: -found[name]))

    def _weights_read_by(self, index: int) -> Iterator[int]:
        """Parameters, and nodes that compute with parameters alone."""
        for i in self.walk.inputs[index]:
            if i is not None and (i in self.weight_like if i >= 0 else i not in self.data_leaves):
                yield i

    def _unit_dim(self, kind: Kind, word: str, shape: Shape, sources: tuple[int, ...]) -> int:
        """The dimension of the units: 1 (channels) behind a convolution, elsewhere the last."""
        if kind is Kind.CONVOLUTION or word in CHANNELS_FIRST or "pool" in word:
            return 1 if len(shape) > 1 else -1
        above = self.sites[sources[0]] if sources else None
        follows_channels = above is not None and above.unit_dim == 1 and len(shape) > 2
        if follows_channels and above is not None and shape[1] == above.shape[1]:
            return 1
        return -1


def fans(walked: Walk, index: int) -> tuple[int, int]:
    """Inputs and outputs of a unit: `fan_in`, `fan_out`; zeros if they cannot be told.

    Args:
        walked: The graph.
        index: Index of a node that multiplies by a weight.
    """
    weight = _weight_shape(walked, index)
    return (_product(weight[1:]), weight[0]) if weight else (0, 0)


def _weight_shape(walked: Walk, index: int) -> Shape:
    """Shape of the weight as `[fan_out, fan_in…]`; empty if it cannot be told."""
    name, inputs = walked.names[index], walked.inputs[index]
    position = 1 if name not in LINEAR_MAPS else len(inputs) - 1
    operand = inputs[position] if position < len(inputs) else None
    if operand is None:
        return ()
    shape = _input_shape(walked, operand)
    if name in LINEAR_MAPS and (operand >= 0 or name in UNTURNED):
        return tuple(reversed(shape[-2:]))
    return shape


def _input_shape(walked: Walk, i: int) -> Shape:
    return walked.shape(i) if i >= 0 else walked.leaf_shape(-1 - i)


def _product(numbers: Shape) -> int:
    return math.prod(numbers) if numbers else 0
