"""One recorded backward pass: what is read before it, hooked during it, and packed after it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lifesigns.record.attach.guard import described, is_from_a_signal
from lifesigns.record.graph.evaluation_mode import evaluating
from lifesigns.record.graph.module_calls import Forward, Inputs
from lifesigns.record.graph.operations import ACTIVATION_NODES, value_of_readable
from lifesigns.record.graph.own_length import divided_by_length
from lifesigns.record.graph.site_plan import MOST_CALLS
from lifesigns.record.graph.sites import Condensed
from lifesigns.record.graph.walk import Operands, Walk, operands, saved, value_as_used
from lifesigns.record.looks import Look, Seen
from lifesigns.record.loss.comparison import PendingLoss, PendingMarks
from lifesigns.record.loss.marks import add_marks
from lifesigns.record.loss.own_backward import Watching, own_backwards
from lifesigns.record.loss.recognise import read_loss
from lifesigns.record.loss.reversals import reversals
from lifesigns.record.measure.codes import read_codes
from lifesigns.record.measure.large import how_many_of, some_units
from lifesigns.record.measure.nonfinite_origin import forward_origin
from lifesigns.record.measure.padding import padded, padding_hook
from lifesigns.record.measure.reduce import Pack, PendingSums
from lifesigns.record.measure.tokens import PendingTokens, read_tokens
from lifesigns.record.read_pass import PendingSite, ReadPass
from lifesigns.record.readable import (
    no_gradients,
    obstacle,
    without_modes,
)
from lifesigns.record.site_gradient import SiteGradient, unit_dim
from lifesigns.records import (
    EVERYTHING,
    Coverage,
    Graph,
    Kind,
    LossReading,
    Mixing,
    NonFinite,
    Quantity,
    Site,
)


class _Part:
    """Runs a part of a reading; entered often in each recorded step, and so no generator."""

    __slots__ = ("_failed", "_name")

    def __init__(self, name: str, failed: Callable[[str, Exception], None]) -> None:
        self._name, self._failed = name, failed

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self._failed(self._name, error)
        return True


class Reading:
    """Reads one walked graph around its backward pass.

    Args:
        walked: The graph.
        condensed: Its sites.
        forward: The module calls it came from; empty if the step was not armed.
        value: The loss, scaling undone.
        scale: What the loss was scaled by: gradients are divided by it.
        inputs: Input and output of the root module, where known.
        leaf_names: Names of the leaves of `walked`.
        reason: Why the step is recorded.
        needs: What is measured.
        repeated: Compiled calls that were run again eagerly to be read.
        obstacles: Why others were not.
        mixing: What one output depends on, if that was asked.
        pack: Where the numbers wait for the copy; None for a new one.
    """

    def __init__(
        self,
        walked: Walk,
        condensed: Condensed,
        forward: Forward,
        *,
        value: float,
        scale: float,
        inputs: Inputs,
        leaf_names: list[str],
        reason: str,
        needs: Collection[Quantity] = EVERYTHING,
        repeated: int = 0,
        obstacles: Iterable[str] = (),
        mixing: Mixing | None = None,
        pack: Pack | None = None,
    ) -> None:
        self._pack, self._needs = Pack() if pack is None else pack, frozenset(needs)
        self._pack.clear()
        self.scale, self.leaves = scale, walked.leaves
        self._value, self._reason = value, reason
        self._graph = Graph()
        self._sites: dict[int, PendingSite] = {}
        self._handles: list[Any] = []
        self.failures: list[str] = []
        self._unreadable: list[str] = list(obstacles)
        self._repeated, self._mixing = repeated, mixing
        self._hooked_saves, self._nodes, self._opaque = 0, 0, condensed.opaque
        self._evaluating: dict[str, None] = {}
        self._nonfinite: NonFinite | None = None
        if not np.isfinite(value):
            with self.part("the origin of the non-finite loss"):
                self._nonfinite = forward_origin(walked, condensed, leaf_names, inputs.batch)
        self._loss: PendingLoss | None = None
        if Quantity.LOSS in needs:
            with self.part("the loss"):
                self._loss = read_loss(self._pack, walked, condensed, value, inputs.prediction)
            if Quantity.GRADIENTS in needs:
                with self.part("the gradients on their way"):
                    self._watch_gradients(walked, condensed, self._loss)
        self.extend(walked, condensed, forward)
        self._batch: tuple[tuple[int, ...], PendingSums] | None = None
        self.features: tuple[Tensor, int] | None = None
        """The batch that was read, until the pass begins, and the dimension of its features."""
        self._tokens: PendingTokens | None = None
        if Quantity.BATCH in needs:
            with self.part("the batch"):
                self._batch = self._read_batch(inputs)
                self._tokens = read_tokens(self._pack, walked, inputs.batch)
                self.mark({}, read_codes(self._pack, walked))

    def extend(self, walked: Walk, condensed: Condensed, forward: Forward) -> None:
        """Reads and hooks the sites of a graph; a second one is a recomputed piece of the step.

        Args:
            walked: The graph.
            condensed: Its sites.
            forward: The module calls that made it.
        """
        offset = len(self._graph.sites)
        self._graph = self._graph.with_piece(condensed.graph)
        self._nodes += len(walked)
        self._evaluating.update(dict.fromkeys(evaluating(walked, condensed, forward)))
        self._read_sites(walked, condensed, offset)

    def mark(self, known: Mapping[str, float], waiting: PendingMarks | None) -> None:
        """Adds details of the loss.

        Args:
            known: By their words.
            waiting: Those that wait in the pack; None for nothing.
        """
        if self._loss is not None:
            add_marks(self._loss, known)
            self._loss.marks += [] if waiting is None else [waiting]

    def look(self, one: Look, seen: Seen) -> None:
        """Adds to the loss what a look finds.

        Args:
            one: The look.
            seen: The pass that is read.
        """
        with self.part(one.name):
            found = one.find(seen)
            if isinstance(found, dict):
                self.mark(found, None)
            else:
                self.mark({}, found)

    def part(self, name: str) -> _Part:
        """A part of the reading; if it fails, it alone is left out."""
        return _Part(name, self.failed)

    def failed(self, name: str, error: Exception) -> None:
        """See `Told`."""
        if is_from_a_signal(error):
            raise error
        self.failures.append(f"{name}: {described(error)}")

    def left_out(self, why: str) -> None:
        """See `Told`."""
        self._unreadable.append(why)

    def _watch_gradients(self, walked: Walk, found: Condensed, loss: PendingLoss | None) -> None:
        """What the gradient shows on its way, as details of the loss."""
        if loss is None:
            return
        hooks: list[Watching] = [(b.node, *padding_hook(self._pack, b)) for b in padded(walked)]
        if walked.own_functions:
            hooks += own_backwards(self._pack, walked) + reversals(self._pack, walked, found)
        for node, waiting, hook in hooks:
            loss.marks.append(waiting)
            self._handles.append(walked.nodes[node].register_hook(self._guarded(hook)))

    def _guarded(self, hook: Callable[..., None]) -> Callable[..., None]:
        """A hook that cannot end the user's backward, and runs outside of the user's modes."""

        def guarded(*gradients: tuple[Any, ...]) -> None:
            plain = torch._C.DisableTorchFunction()
            with self.part("a gradient"), plain, no_gradients(), without_modes():
                hook(*gradients)

        return guarded

    def _read_batch(self, inputs: Inputs) -> tuple[tuple[int, ...], PendingSums] | None:
        batch = inputs.batch if inputs.widest is None else inputs.widest
        if why := inputs.obstacle if batch is None else obstacle(batch):
            self.left_out(f"the batch: {why}")
        if batch is None or not batch.is_floating_point() or batch.dim() == 0:
            return None
        first = next((s for s in self._graph.sites if s.kind is not Kind.OTHER), None)
        channels = first is not None and first.kind is Kind.CONVOLUTION and batch.dim() > 2
        self.features = batch, 1 if channels else -1
        sums = self._pack.sums(*self.features)
        return None if sums is None else (tuple(batch.shape), sums)

    def _read_sites(self, walked: Walk, condensed: Condensed, offset: int) -> None:
        for plan in condensed.plans:
            site, kept = plan.site, operands(walked.nodes[plan.index])
            if kept.obstacle:
                self.left_out(f"{site.name}: {kept.obstacle}")
            if not plan.is_hooked:
                continue
            if plan.is_one_of_many:
                self.left_out(f"{site.name}: only {MOST_CALLS} calls are read")
                continue
            units = site.units
            if (few := how_many_of(units)) < units:
                self.left_out(f"{site.name}: {few} of {units} units are read")
            pending = self._sites.setdefault(plan.number + offset, PendingSite())
            with self.part(site.name):
                node = walked.nodes[plan.index]
                if Quantity.ACTIVATIONS in self._needs:
                    pending.value = self._output(site, walked, plan.index, kept)
                if Quantity.GRADIENTS in self._needs:
                    grouped = saved(node, "dim") if plan.is_group else None
                    hook = SiteGradient(
                        self._pack,
                        pending,
                        plan,
                        grouped=grouped,
                        whole=few == units,
                        told=self,
                    )
                    self._handles.append(node.register_hook(hook))
        self._pack.flush()

    def _output(self, site: Site, walked: Walk, index: int, kept: Operands) -> PendingSums | None:
        if site.kind is Kind.ACTIVATION:
            return self._activation(site, walked, index, kept)
        if "length_dim" in site.details:
            rows = divided_by_length(walked, index)
            return None if rows is None else self._pack.sums(rows, -1)
        result = kept.values.get("result") if site.kind is Kind.SOFTMAX else None
        if result is None:
            return None
        return self._pack.sums(result, site.unit_dim, known=kept.are_ordinary)

    def _activation(
        self, site: Site, walked: Walk, index: int, kept: Operands
    ) -> PendingSums | None:
        name, node = walked.names[index], walked.nodes[index]
        if "result" in kept.hooked or "self" in kept.hooked:
            self._hooked_saves += 1
            return None
        if kept.obstacle:
            return None
        output, flat = value_of_readable(name, node, kept)
        output = value_as_used(walked, index) if output is None else output
        if output is None:
            if name in ACTIVATION_NODES and ACTIVATION_NODES[name].output is not None:
                self.left_out(f"{site.name}: its saved value was modified in place")
            return None
        dim = unit_dim(output, site)
        if isinstance(flat, Tensor):
            flat = some_units(flat, dim)
        some = some_units(output, dim)
        known = kept.are_ordinary and some is kept.values.get("result")
        return self._pack.sums(some, dim, flat, known=known)

    def unhook(self) -> None:
        """Removes every hook; nothing of this step is held by the graph any longer."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def end(self, *, succeeded: bool = True) -> ReadPass:
        """What was read, with one copy to the host; nothing of the run is held any longer.

        Args:
            succeeded: Whether backward came to its end; if not, gradients say nothing.
        """
        loss = self._loss
        if loss is not None:
            loss.let_go()
        return ReadPass(
            graph=self._graph,
            arrays=self._pack.fetch(),
            sites=self._sites,
            scale=self.scale,
            has_gradients=succeeded,
            loss=loss or LossReading(self._value),
            batch=self._batch,
            tokens=self._tokens,
            nonfinite=self._nonfinite,
            evaluating=tuple(self._evaluating),
            mixing=self._mixing,
            coverage=Coverage(
                nodes=self._nodes,
                opaque=self._opaque,
                hooked_saves=self._hooked_saves,
                repeated=self._repeated,
                unreadable=tuple(dict.fromkeys(self._unreadable)),
                failures=tuple(self.failures),
                unmeasured=unmeasured(self._needs),
            ),
            reason=self._reason,
        )


@lru_cache(maxsize=64)
def unmeasured(needs: frozenset[Quantity]) -> tuple[Quantity, ...]:
    """What is left out on purpose.

    Args:
        needs: What is measured.
    """
    return tuple(quantity for quantity in Quantity if quantity not in needs)
