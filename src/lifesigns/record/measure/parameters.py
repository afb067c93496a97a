"""Weights, gradients and updates of every parameter, on recorded cycles.

Everything here runs inside `measuring`, where no operation makes a graph.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping, Set

import torch
from torch import Tensor, nn

from lifesigns.record.measure.by_program import numbers_for
from lifesigns.record.measure.large import LARGE, some_rows, with_a_zero_row
from lifesigns.record.measure.parameter_numbers import ParameterNumbers, Part, sample, wide
from lifesigns.record.measure.stale_gradients import NOTHING, is_multiple, leftover, was_cleared
from lifesigns.record.measure.watched_parameter import Form, ReadParameters, Watched
from lifesigns.record.readable import is_ordinary, local, obstacle, on_this_rank
from lifesigns.records import EVERYTHING, Quantity

FROM_GRADIENT = frozenset({Quantity.PARAMETERS, Quantity.UPDATES, Quantity.STALE})
"""What is measured with a copy of the gradient; that shows, too, which scale it is in."""


class Trained:
    """The parameters that earlier cycles reached, and what they are; none is kept alive."""

    def __init__(self) -> None:
        self._known: dict[int, weakref.ref[Tensor]] = {}
        self._first: dict[str, weakref.ref[Tensor]] = {}
        self._forms: dict[int, Form] = {}

    def add(self, name: str, p: Tensor, reference: weakref.ref[Tensor]) -> bool:
        """Adds a parameter.

        Args:
            name: Of the parameter.
            p: The parameter.
            reference: To the same.

        Returns:
            Whether another one had its name before.
        """
        known = self._known.get(id(p))
        if known is None or known() is not p:
            self._known[id(p)] = reference
        return self._first.setdefault(name, reference)() is not p

    def form(self, p: Tensor) -> Form:
        """What a parameter is, told by an earlier cycle where it is the same still.

        Args:
            p: The parameter.
        """
        known = self._forms.get(id(p))
        if known is None or not known.is_of(p):
            known = self._forms[id(p)] = Form.of(p)
        return known

    def __contains__(self, p: object) -> bool:
        known = self._known.get(id(p))
        return known is not None and known() is p


class ParameterReader:
    """Reads the parameters of one cycle: before backward, after it, after the step.

    Args:
        named: The parameters by name.
        reached: Names of those the loss leads to.
        asks_of_data: Whether the pass asks for gradients of data, too, such as of an input.
        is_alone: Whether no other thread trains; else those that no pass of this cycle leads to may
            be another's, and are known by name and shape only.
        from_start: Whether no backward pass of this cycle went before.
        needs: What is measured.
        numbers: Measures them; of the cycles before, or None for new ones.
        trained: Parameters that earlier cycles reached; those of this cycle are added.
        by_columns: Those, by `id`, whose units are columns: they are read as rows.
    """

    def __init__(
        self,
        named: Mapping[str, Tensor],
        reached: Iterable[str],
        is_alone: Callable[[], bool],
        *,
        asks_of_data: bool = False,
        from_start: bool = True,
        needs: Collection[Quantity] = EVERYTHING,
        numbers: ParameterNumbers | None = None,
        trained: Trained | None = None,
        by_columns: Set[int] = frozenset(),
    ) -> None:
        self._needs, self._numbers = needs, numbers or numbers_for(needs)
        self._keeps_weights, self._keeps_stale = Quantity.UPDATES in needs, Quantity.STALE in needs
        self._numbers.begin()
        self._trained = Trained() if trained is None else trained
        self._is_alone, self._from_start = is_alone, from_start
        self._by_columns = by_columns
        self._asks_of_data = asks_of_data
        self._reached_now: set[str] = set()
        self.unreadable: dict[str, str] = {}
        """Why a parameter, or its gradient, was left out."""
        self.sampled: dict[str, str] = {}
        """How much was read of the weights that are too large to be read as a whole."""
        self.sharded: dict[str, str] = {}
        """Parameters that are spread over several ranks, and over how many."""
        self.watched = [
            Watched.of(name, self._trained.form(p))
            for name, p in named.items()
            if (p.is_floating_point() or p.is_complex()) and not nn.parameter.is_lazy(p)
        ]
        self.reach(reached)

    def begin_pass(self, reached: Iterable[str], *, asks_of_data: bool = False) -> None:
        """Prepares for another backward pass of the cycle.

        Args:
            reached: Names of the parameters that the pass leads to.
            asks_of_data: Whether it asks for gradients of data, too.
        """
        for watched, p in self._alive():
            if not watched.stepped:
                found = _gradient_sample(p)
                if watched.leftover is not None:
                    watched.leftover.carry(watched.gradient, found, _eps(p))
                if was_cleared(watched.gradient, found):  # an overflow was skipped, a GAN turns
                    self._count_discarded(watched, p)
                    watched.scale = 0.0
        self._asks_of_data = asks_of_data
        self.reach(reached)

    def _count_discarded(self, watched: Watched, p: Tensor) -> None:
        """Counts the last pass where it left a finite gradient, and weights are as they were.

        What asks for a gradient of its data, as adversarial examples do, wants no other.
        """
        left, before = watched.gradient, watched.before
        if self._asks_of_data or left is None or before is None or not watched.scale:
            return
        kept = (wide(sample(p)) == before).all() & left.isfinite().all()
        watched.discarded = kept.long() if watched.discarded is None else watched.discarded + kept

    def reach(self, names: Iterable[str]) -> None:
        """Adds parameters that the pass leads to, and reads their weights before the step."""
        self._reached_now |= set(names)
        for watched in self.watched:
            watched.reached |= watched.name in self._reached_now
        self._begin()

    def follow(self, named: Callable[[], Mapping[str, Tensor]]) -> None:
        """Right after a pass that freed parameters: FSDP trains others in their place.

        What was in those others before the pass was not seen.

        Args:
            named: Gives the parameters that the modules hold now.
        """
        lost = [w for w in self.watched if w.begun and not w.stepped and _is_freed(w)]
        if not lost and all(w.begun for w in self.watched):
            return
        held = named() if lost else {}
        for watched in lost:
            if (p := held.get(watched.name)) is not None:
                watched.take(self._trained.form(p))
        self._begin()
        for watched in lost:
            watched.leftover = None

    def _begin(self) -> None:
        fresh = [(w, p) for w, p in self._alive(begun=False) if self._may_be_read(w, p)]
        self._numbers.of("weight", [self._weight(*one) for one in fresh])
        for watched, p in fresh:
            watched.begun = True
            if not (p.requires_grad and self._keeps_stale):
                continue
            if p.grad is None:
                watched.leftover = NOTHING
            elif self._gradient(watched, p) is not None:
                watched.leftover = leftover(_gradient_sample(p), self._from_start)

    def _weight(self, watched: Watched, p: Tensor) -> Part:
        """The weight, or evenly spread rows of one that is very large."""
        is_sampled = p.requires_grad and self._keeps_weights
        if watched.address and watched.size < LARGE and id(p) not in self._by_columns:
            return Part(watched, p, p if is_sampled else None, True)
        whole = p if watched.address else local(p)
        read = self._by_units(p, whole) if watched.size < LARGE else some_rows(whole, LARGE)
        if read.numel() < whole.numel():
            watched.read = read.numel()
            self.sampled[watched.name] = f"{len(read)} of {len(whole)} rows are read"
        is_ordinary = watched.address != 0 and read is whole
        return Part(watched, read, whole if is_sampled else None, is_ordinary)

    def _by_units(self, p: Tensor, values: Tensor) -> Tensor:
        """A parameter, or its gradient, with a row for each unit."""
        return values.t() if id(p) in self._by_columns and values.dim() == 2 else values

    def _may_be_read(self, watched: Watched, p: Tensor) -> bool:
        address = watched.form.address
        if address and p.data_ptr() == address:
            watched.address = address
            return True
        if is_ordinary(p) and not p.is_complex():
            watched.address = p.data_ptr()
            return True
        why = "complex" if p.is_complex() else obstacle(local(p))
        if why:
            self.unreadable[watched.name] = why
        return not why

    def _gradient(self, watched: Watched, p: Tensor) -> Tensor | None:
        """The gradient of a parameter; None if it has none or it cannot be read.

        The very tensor only if it is ordinary.
        """
        given = p.grad
        if given is None or is_ordinary(given):
            return given
        gradient = on_this_rank(given)
        if gradient is None and (why := obstacle(local(given))):
            self.unreadable[f"the gradient of {watched.name}"] = why
        return gradient

    def stepped(self, parameters: Iterable[Tensor], scale: float | None = None) -> None:
        """Notes parameters that have been updated; their gradient is not read again.

        Args:
            parameters: What an optimizer holds.
            scale: Given when the optimizer steps inside backward: the gradients are read now.
        """
        ids = {id(p) for p in parameters}
        if scale is not None:
            self.gradients(scale, ids)
        scaled: list[tuple[Watched, Tensor]] = []
        for watched, p in self._alive():
            if id(p) not in ids or watched.stepped:
                continue
            watched.stepped = True
            if watched.discarded is not None:
                is_last = is_multiple(watched.gradient, _gradient_sample(p), _eps(p))
                watched.discarded = watched.discarded * is_last
            if self._keeps_stale and watched.scale > 1:
                scaled += [(watched, used) for used in [_gradient_sample(p)] if used is not None]
            if scale is None and watched.leftover is not None:
                if watched.leftover.is_none:
                    watched.stale = 0.0
                    continue
                used = _gradient_sample(p)
                watched.stale = watched.leftover.rms(watched.gradient, used, _eps(p))
        self._add("used", [(w, g.square().mean().sqrt()) for w, g in scaled])

    def gradients(
        self,
        scale: float,
        only: Set[int] | None = None,
        returned: Mapping[int, Tensor] | None = None,
        looked_up: Mapping[int, Tensor] | None = None,
    ) -> None:
        """Reads the gradients accumulated so far, right after a backward pass.

        Args:
            scale: What the loss of this pass was scaled by. The scales of a cycle add up, so that
                the reading is the mean over micro-batches however they were weighted.
            only: Parameters by `id`; None for all.
            returned: What `torch.autograd.grad` has returned, by `id` of the parameter: the
                parameters hold no gradients then, and nothing old is added to.
            looked_up: The only rows that have a gradient, by `id` of the parameter: see `lookups`.
        """
        read, keeps = [], not FROM_GRADIENT.isdisjoint(self._needs)
        alive = [(w, p) for w, p in self._alive() if only is None or id(p) in only]
        reached = {w.name for w, _ in alive} & self._reached_now
        self._reached_now -= reached
        for watched, p in alive:
            if watched.stepped:
                continue
            if returned is None:
                gradient = self._gradient(watched, p)
            else:
                gradient, watched.leftover = on_this_rank(returned.get(id(p))), None
            if gradient is None:
                continue
            watched.scale += scale if watched.name in reached else 0.0
            rows, whole = (looked_up or {}).get(id(p)), gradient if keeps else None
            if rows is not None and gradient.dim() == 2:
                gradient = with_a_zero_row(gradient, rows)
            elif self._by_columns and watched.size < LARGE:
                gradient = self._by_units(p, gradient)
            read.append(Part(watched, gradient, whole, gradient is p.grad))
        self._numbers.of("gradient", read)

    def finish(
        self, rates: Mapping[int, float], optimizers_known: bool, twice: Set[int] = frozenset()
    ) -> ReadParameters:
        """What was read, once the step has been made.

        A plain tensor that asks for a gradient is data (a physics-informed network differentiates
        by its input), unless an optimizer holds it or none is known. What only earlier cycles
        reached is left out: its training is over, perhaps under another name.

        Args:
            rates: Learning rate by `id` of the parameter, for the parameters in some optimizer.
            optimizers_known: Whether any optimizer has been seen at all.
            twice: Parameters by `id` that two optimizers hold.
        """
        left = [(w, p) for w, p in self._alive() if w.before is not None]
        if not optimizers_known:
            self._stepped_by_hand(left)
        self._numbers.of_steps(left)
        self._add_late()
        arrays = self._numbers.pack.fetch()
        alive = [(w, p) for w in self.watched if (p := w.parameter()) is not None]
        for watched, p in alive:
            if watched.reached:
                watched.replaced = self._trained.add(watched.name, p, watched.parameter)
        read = [
            (w, p)
            for w, p in alive
            if w.reached or p not in self._trained
            if id(p) in rates or not optimizers_known or isinstance(p, nn.Parameter)
        ]
        for watched, p in read:
            watched.end(p, rates.get(id(p)))
            watched.held_twice = id(p) in twice
            if watched.form.shards > 1:
                self.sharded[watched.name] = f"1 of {watched.form.shards} is read"
        return ReadParameters([w for w, _ in read], arrays, optimizers_known)

    def _add_late(self) -> None:
        """Numbers of stale and of discarded gradients that are on a device."""
        discarded = [(w, d) for w in self.watched if (d := w.discarded) is not None and w.stepped]
        self._add("discarded", discarded)
        late = [(w, w.stale) for w in self.watched if isinstance(w.stale, Tensor)]
        self._add("stale", late)
        for watched, _ in late:
            watched.stale = math.nan

    def _add(self, what: str, numbers: Iterable[tuple[Watched, Tensor]]) -> None:
        """Adds a number of each parameter to the pack, those of one device together."""
        alike: dict[tuple[torch.device, torch.dtype], list[tuple[Watched, Tensor]]] = {}
        for watched, number in numbers:
            alike.setdefault((number.device, number.dtype), []).append((watched, number))
        for found in alike.values():
            slot = self._numbers.pack.add(torch.stack([number for _, number in found]))
            for position, (watched, _) in enumerate(found):
                watched.scalars[what] = slot, position

    @property
    def seen(self) -> set[int]:
        """The parameters by `id`: those of the watched networks, and those that were reached."""
        return {id(p) for w in self.watched if (p := w.parameter()) is not None}

    def _alive(self, *, begun: bool = True) -> list[tuple[Watched, Tensor]]:
        """The parameters that may be touched: all as long as this thread trains alone.

        Not those whose storage was freed since.
        """
        alone = self._is_alone()
        return [
            (watched, p)
            for watched in self.watched
            if watched.begun == begun
            and (p := watched.parameter()) is not None
            and (alone or watched.reached)
            and (not begun or 0 != watched.address == p.data_ptr() or watched.is_readable(p))
        ]

    def _stepped_by_hand(self, after: list[tuple[Watched, Tensor]]) -> None:
        """A step made by hand used the gradients as the last pass left them."""
        for watched, now in after:
            p, before = watched.parameter(), watched.before
            if p is None or before is None or watched.leftover is None:
                continue
            if torch.equal(wide(sample(now)), before):
                continue
            left = watched.gradient
            eps = torch.finfo(p.dtype).eps
            watched.stepped, watched.stale = True, watched.leftover.rms(left, left, eps)


def _is_freed(watched: Watched) -> bool:
    p = watched.parameter()
    return p is not None and not watched.is_readable(p)


def _sample(tensor: Tensor) -> Tensor:
    return wide(sample(tensor))


def _gradient_sample(p: Tensor) -> Tensor | None:
    gradient = on_this_rank(p.grad)
    return None if gradient is None else _sample(gradient)


def _eps(p: Tensor) -> float:
    return 0.0 if p.grad is None else torch.finfo(p.grad.dtype).eps
