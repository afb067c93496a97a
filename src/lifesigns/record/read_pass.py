"""What was read in one backward pass, as arrays, and the snapshot that is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lifesigns.record.loss.comparison import PendingLoss
from lifesigns.record.measure.reduce import Arrays, PendingSums
from lifesigns.record.measure.tokens import PendingTokens
from lifesigns.records import (
    BatchReading,
    Coverage,
    Graph,
    Kind,
    LossReading,
    Mixing,
    NonFinite,
    ParameterReading,
    Shape,
    SiteReading,
    Snapshot,
    UnitSums,
)

OBJECTS = 1024
"""Bytes of the objects that hold the sums of one tensor's units."""


@dataclass(slots=True)
class PendingSite:
    """A site whose sums are in the arrays."""

    value: PendingSums | None = None
    output_gradient: PendingSums | None = None
    input_gradient: PendingSums | None = None

    def has_nonfinite_gradient(self, arrays: Arrays) -> bool:
        """Whether a gradient that was passed on is not finite.

        Args:
            arrays: What was read, by slot.
        """
        return self.input_gradient is not None and self.input_gradient.has_nonfinite(arrays)


@dataclass(frozen=True, slots=True)
class ReadPass:
    """One backward pass, once it is over: nothing here keeps a tensor of the run alive."""

    graph: Graph
    arrays: Arrays
    sites: Mapping[int, PendingSite]
    scale: float
    """What gradients are divided by."""
    has_gradients: bool
    """Whether backward came to its end; if not, gradients say nothing."""
    loss: PendingLoss | LossReading
    batch: tuple[Shape, PendingSums] | None
    tokens: PendingTokens | None
    nonfinite: NonFinite | None
    """Of the forward pass."""
    evaluating: tuple[str, ...]
    mixing: Mixing | None
    coverage: Coverage
    reason: str

    @property
    def size(self) -> int:
        """About how many bytes it takes; its graph, which others share, is not counted."""
        sums = 3 * len(self.sites) + 3
        return OBJECTS * sums + sum(array.nbytes for array in self.arrays)

    @property
    def is_notable(self) -> bool:
        """Whether it is kept because of what happened in it."""
        if self.reason != "scheduled" or self.nonfinite is not None or self.mixing is not None:
            return True
        suspect = any(site.has_nonfinite_gradient(self.arrays) for site in self.sites.values())
        return suspect and self._backward_origin(self._sites()) is not None

    def snapshot(
        self, step: int, stream: int, parameters: tuple[ParameterReading, ...]
    ) -> Snapshot:
        """The snapshot.

        Args:
            step: Number of the cycle.
            stream: Number of the loss.
            parameters: Of the cycle.
        """
        sites, batch, loss = self._sites(), self.batch, self.loss
        loss = loss if isinstance(loss, LossReading) else loss.of(self.arrays)
        return Snapshot(
            step=step,
            graph=self.graph,
            stream=stream,
            sites=sites,
            parameters=parameters,
            loss=loss,
            batch=None if batch is None else BatchReading(batch[0], batch[1].of(self.arrays)),
            tokens=None if self.tokens is None else self.tokens.of(self.arrays),
            nonfinite=self.nonfinite
            or self._left_out_late(sites, loss)
            or self._backward_origin(sites),
            evaluating=self.evaluating,
            mixing=self.mixing,
            coverage=self.coverage,
            reason=self.reason,
        )

    def _sites(self) -> tuple[SiteReading, ...]:
        return tuple(
            SiteReading(
                number,
                value=None if pending.value is None else pending.value.of(self.arrays),
                output_gradient=self._gradient(pending.output_gradient),
                input_gradient=self._gradient(pending.input_gradient),
            )
            for number, pending in self.sites.items()
        )

    def _gradient(self, sums: PendingSums | None) -> UnitSums | None:
        if sums is None or not self.has_gradients:
            return None
        return rescaled(sums.of(self.arrays), 1 / self.scale)

    def _left_out_late(self, sites: tuple[SiteReading, ...], loss: LossReading) -> NonFinite | None:
        """Targets that a mask left out of the loss, but not of its gradient."""
        spoilt = any(s.has_nonfinite_gradient(self.arrays) for s in self.sites.values())
        if not spoilt or not (count := int(loss.details.get("masked_late", 0))):
            return None
        origin, losses = self._backward_origin(sites), list(self.graph.of_kind(Kind.LOSS))
        if origin is None and losses:
            site = self.graph.sites[losses[0]]
            return NonFinite("data", site.name, site.operation, count)
        return origin and replace(origin, phase="data", count=count)

    def _backward_origin(self, sites: tuple[SiteReading, ...]) -> NonFinite | None:
        """The first operation, in backward order, that turned a finite gradient into another."""
        for reading in reversed(sites):
            arrived, passed = reading.output_gradient, reading.input_gradient
            if arrived is None or passed is None or arrived.nonfinite.any():
                continue
            if bad := int(passed.nonfinite.sum()):
                site = self.graph.sites[reading.site]
                return NonFinite("backward", site.name, site.operation, bad)
        return None


def rescaled(sums: UnitSums, factor: float) -> UnitSums:
    """The sums of values multiplied by `factor` (positive).

    Args:
        sums: Sums of a signal, by unit.
        factor: What each value was multiplied by.
    """
    if factor == 1.0:
        return sums
    return replace(
        sums,
        total=sums.total * factor,
        total_squared=sums.total_squared * factor**2,
        minimum=sums.minimum * factor,
        maximum=sums.maximum * factor,
    )
