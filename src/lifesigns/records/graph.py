"""Sites and the dataflow between them."""

from __future__ import annotations

import typing
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from lifesigns.records.units import Shape


class Kind(str, Enum):
    """What a site does, as far as learning is concerned."""

    LINEAR = "linear"
    CONVOLUTION = "convolution"
    RECURRENT = "recurrent"
    NORM = "norm"
    ACTIVATION = "activation"
    SOFTMAX = "softmax"
    DROPOUT = "dropout"
    ATTENTION = "attention"
    EMBEDDING = "embedding"
    POOLING = "pooling"
    LOSS = "loss"
    OTHER = "other"
    """A non-linear operation without a name of its own here (pow, log, a product of two values)."""
    OPAQUE = "opaque"
    """A node whose inside is not seen (custom function, compiled or scripted code)."""


WEIGHTED = frozenset({Kind.LINEAR, Kind.CONVOLUTION, Kind.RECURRENT})
"""Kinds that multiply by a weight; what lies between two of them decides what they can express."""


@dataclass(frozen=True)
class Site:
    """One place where a value is produced."""

    module: str
    """Path of the innermost module it ran in, empty for the root or where none is known."""
    operation: str
    """What ran, in torch's words: `linear`, `conv2d`, `relu`, `log_softmax`, `mse_loss`."""
    call: int
    """Which call of this operation in this module, counted from 0 in forward order."""
    kind: Kind
    shape: Shape
    """Shape of the value produced, batch dimension included; empty if unknown or 0-d."""
    unit_dim: int = -1
    """The dimension of `shape` that holds the units."""
    parameters: tuple[str, ...] = ()
    """Names of the parameters this site multiplies by or adds (weight first, then bias)."""
    fan_in: int = 0
    fan_out: int = 0
    details: Mapping[str, float] = field(default_factory=dict)
    """The operation's own constants, e.g. `negative_slope`, `minimum`, `maximum`, `dim`; of a
    division by the value's own length `length_dim`, by its own sum `sum_dim`: the dimension of that
    length or sum, from the end."""

    @property
    def name(self) -> str:
        """`module:operation#call`, the name reports use."""
        return f"{self.module}:{self.operation}#{self.call}"

    @property
    def units(self) -> int:
        """Number of units; a value per sample (shape `[batch]`) is one unit."""
        return self.shape[self.unit_dim] if len(self.shape) > 1 else 1


@dataclass(frozen=True)
class Graph:
    """The sites of one step, in forward order, and the dataflow between them.

    An edge `(a, b)` says that the value of site `a` reaches site `b` through nothing but
    transparent operations (views, casts, additions, constant factors).
    """

    sites: tuple[Site, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()

    def with_piece(self, piece: Graph) -> Graph:
        """Both graphs as one; the very same piece if there was nothing else.

        Args:
            piece: Its sites follow after those of this graph.
        """
        if not self.sites:
            return piece
        offset = len(self.sites)
        edges = tuple((a + offset, b + offset) for a, b in piece.edges)
        return Graph(self.sites + piece.sites, self.edges + edges)

    def successors(self, index: int) -> tuple[int, ...]:
        """Sites that read the value of site `index`.

        Args:
            index: A position in `sites`.

        Returns:
            Positions in `sites`; empty for a last one.
        """
        return self._links[1].get(index, ())

    def predecessors(self, index: int) -> tuple[int, ...]:
        """Sites whose value site `index` reads.

        Args:
            index: A position in `sites`.

        Returns:
            Positions in `sites`; empty for a first one.
        """
        return self._links[0].get(index, ())

    def downstream(self, index: int) -> Iterator[int]:
        """All sites the value of `index` flows into, nearest first, each once.

        Args:
            index: A position in `sites`; itself left out.

        Example:
            >>> list(Graph(edges=((0, 1), (1, 2), (0, 3))).downstream(0))
            [1, 3, 2]
        """
        return self._closure([index], self.successors)

    def upstream(self, index: int) -> Iterator[int]:
        """All sites that flow into `index`, nearest first, each once.

        Args:
            index: A position in `sites`; itself left out.
        """
        return self._closure([index], self.predecessors)

    def before(self, indices: Iterable[int]) -> set[int]:
        """Sites whose value flows into one of several, in one walk for all of them.

        Args:
            indices: Positions in `sites`; one of them counts if it flows into another.

        Example:
            >>> Graph(edges=((0, 1), (1, 2), (3, 2))).before([1, 2])
            {0, 1, 3}
        """
        return set(self._closure(indices, self.predecessors, again=True))

    def behind(self, indices: Iterable[int]) -> set[int]:
        """Sites that the value of one of several flows into, in one walk for all of them.

        Args:
            indices: Positions in `sites`; one of them counts if another flows into it.
        """
        return set(self._closure(indices, self.successors, again=True))

    def leads_to(self, index: int, kinds: frozenset[Kind]) -> bool:
        """Whether a site of one of these kinds lies downstream.

        Args:
            index: A position in `sites`.
            kinds: Any of them counts.
        """
        if kinds not in self._leading:
            self._leading[kinds] = self.before(self.of_kind(*kinds))
        return index in self._leading[kinds]

    def find(self, name: str) -> int:
        """Index of the site called `name`; KeyError if there is none.

        Args:
            name: As in `Site.name`: `module:operation#call`.

        Raises:
            KeyError: There is none.
        """
        return self._index[name]

    def __contains__(self, name: str) -> bool:
        """Whether there is a site called `name`: in other recordings it may have another name."""
        return name in self._index

    def of_kind(self, *kinds: Kind) -> list[int]:
        """Indices of the sites of the given kinds, in forward order.

        Args:
            kinds: One or more; a site of any of them counts.
        """
        return sorted(i for kind in set(kinds) for i in self._kinds.get(kind, ()))

    @staticmethod
    def _closure(
        starts: Iterable[int],
        step: typing.Callable[[int], tuple[int, ...]],
        *,
        again: bool = False,
    ) -> Iterator[int]:
        """What is reached, each once; one of the starts only `again`, from another."""
        queue = deque(starts)
        seen = set() if again else set(queue)
        while queue:
            for index in step(queue.popleft()):
                if index not in seen:
                    seen.add(index)
                    queue.append(index)
                    yield index

    @cached_property
    def _leading(self) -> dict[frozenset[Kind], set[int]]:
        return {}

    @cached_property
    def _index(self) -> dict[str, int]:
        return {site.name: i for i, site in enumerate(self.sites)}

    @cached_property
    def _kinds(self) -> dict[Kind, list[int]]:
        kinds: dict[Kind, list[int]] = {}
        for index, site in enumerate(self.sites):
            kinds.setdefault(site.kind, []).append(index)
        return kinds

    @cached_property
    def _links(self) -> tuple[dict[int, tuple[int, ...]], dict[int, tuple[int, ...]]]:
        before: dict[int, list[int]] = {}
        after: dict[int, list[int]] = {}
        for a, b in self.edges:
            after.setdefault(a, []).append(b)
            before.setdefault(b, []).append(a)
        return _tuples(before), _tuples(after)


def _tuples(links: Mapping[int, list[int]]) -> dict[int, tuple[int, ...]]:
    return {index: tuple(others) for index, others in links.items()}
