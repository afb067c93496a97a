"""When a step of training is over: all optimizers have stepped, or a step was made by hand."""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import count
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lifesigns.record.graph.walk import shape_of
from lifesigns.record.readable import on_this_rank
from lifesigns.record.schedule.long_momenta import long_momenta
from lifesigns.record.schedule.rate_log import as_number
from lifesigns.records import LongMomentum, Shape

_LEAST_HALF = 2.0**-24
"""The smallest number of float16 above 0."""
_STALE_STEPS = 50
"""Steps of one optimizer after which another that has missed them all has stopped; of one that used
to step with it, `_TIMES` as many as there ever were in one of the first cycles, and later ones."""
_TIMES, _FEW_CYCLES = 8, 4


def unwrapped(optimizer: Optimizer) -> Optimizer:
    """The optimizer that steps, inside those that hand on to it, such as accelerate's.

    Args:
        optimizer: Any.
    """
    while isinstance(inner := getattr(optimizer, "optimizer", None), Optimizer):
        optimizer = inner
    return optimizer


class Optimizers:
    """The optimizers of a run, and which of them have stepped in the cycle that is going on.

    Args:
        known: Optimizers known beforehand; others are found when they step.
    """

    def __init__(self, known: Iterable[Optimizer]) -> None:
        self._alive: dict[int, weakref.ref[Optimizer]] = {}
        self._stepped: dict[int, int] = {}
        self._replaced: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        self._numbers: dict[int, int] = {}
        self._shapes: dict[int, list[Shape]] = {}
        self._latest: weakref.ref[Optimizer] | None = None
        self._names: dict[str, None] = {}
        self._rounded: dict[str, None] = {}
        self._long_momenta: dict[LongMomentum, None] = {}
        self._decays: set[float] = set()
        self._cycles, self._most_steps = 0, 1
        """Cycles of several, and the most steps of one optimizer in one of them."""
        self.several = False
        """Whether there were ever several at a time."""
        for optimizer in known:
            self._add(unwrapped(optimizer))

    def __len__(self) -> int:
        return len(self._alive)

    def __contains__(self, optimizer: Optimizer) -> bool:
        return id(optimizer) in self._alive

    @property
    def only(self) -> weakref.ref[Optimizer] | None:
        """The only one, if it has stepped last: its step ends a cycle."""
        latest = self._latest
        return latest if list(self._alive.values()) == [latest] else None

    def number(self, optimizer: Optimizer) -> int:
        """Which of the optimizers it is.

        One made anew for the same parameters, or for those of a further copy of the network, has
        the number of the one it replaces. One that trains others, such as adapters, has its own.

        Args:
            optimizer: One that is known.
        """
        return self._numbers[id(optimizer)]

    def alive(self) -> list[Optimizer]:
        """All that are known and not replaced."""
        return [optimizer for ref in self._alive.values() if (optimizer := ref()) is not None]

    @property
    def names(self) -> tuple[str, ...]:
        """Class names, each once."""
        return tuple(self._names)

    @property
    def rounded(self) -> tuple[str, ...]:
        """Class names of those with an eps that is 0 in the float16 of their parameters."""
        return tuple(self._rounded)

    @property
    def long_momenta(self) -> tuple[LongMomentum, ...]:
        """Those like Adam whose momentum has a longer memory than their scale."""
        return tuple(self._long_momenta)

    @property
    def weight_decay(self) -> float:
        """The largest that any began with; NaN where that is not known."""
        known = self._decays and not any(map(math.isnan, self._decays))
        return max(self._decays) if known else math.nan

    @property
    def stepping(self) -> bool:
        """Whether one has stepped in this cycle."""
        return bool(self._stepped)

    def found(self, optimizer: Optimizer, *, beside: bool = False) -> bool:
        """Adds an optimizer that steps.

        If others train some of the same parameters, the new one replaces them. A replaced one that
        steps again comes back, and both count.

        Args:
            optimizer: Not known yet, or replaced earlier.
            beside: Whether it steps on the gradients that another has just used: it replaces none.

        Returns:
            Whether it takes the place of all others, as where a network is trained on.
        """
        are_known = bool(self._numbers)
        if not beside and optimizer not in self._replaced:
            own = {id(p) for p in _parameters(optimizer)}
            for other in self.alive():
                if any(id(p) in own for p in _parameters(other)):
                    del self._alive[id(other)]
                    self._replaced.add(other)
        self._add(optimizer)
        return are_known and len(self._alive) == 1

    def stepped(self, optimizer: Optimizer) -> None:
        """Notes a step; optimizers that have missed too many steps of another are dropped."""
        self._latest = self._alive.get(id(optimizer))
        steps = self._stepped[id(optimizer)] = self._stepped.get(id(optimizer), 0) + 1
        usual = _TIMES * self._most_steps if self._cycles >= _FEW_CYCLES else _STALE_STEPS
        if steps > min(usual, _STALE_STEPS):
            for idle in self._alive.keys() - self._stepped.keys():
                del self._alive[idle]

    def all_stepped(self) -> bool:
        """Whether the cycle is over."""
        return self._stepped.keys() >= self._alive.keys()

    def begin_cycle(self, stepped: bool = False) -> None:
        """Begins a cycle, in which none has stepped yet.

        Args:
            stepped: All have: the last cycle, which they ended, goes on.
        """
        if len(self._stepped) > 1 and self.all_stepped():
            self._cycles += 1
            self._most_steps = max(self._most_steps, *self._stepped.values())
        self._stepped.clear()
        if stepped:
            self._stepped.update(dict.fromkeys(self._alive, 1))

    def rates(self) -> dict[int, float]:
        """Learning rate by `id` of the parameter."""
        groups = (group for optimizer in self.alive() for group in optimizer.param_groups)
        return {
            id(p): rate
            for group in groups
            for rate in [as_number(group.get("lr"))]
            for p in group["params"]
        }

    def forget(self) -> None:
        """Drops all optimizers: another training is followed, which has its own."""
        self._alive.clear()
        self._stepped.clear()

    def _add(self, optimizer: Optimizer) -> None:
        key, alive = id(optimizer), self._alive
        taken = {self._numbers[other] for other in alive}
        own = sorted(shape_of(p) for p in _parameters(optimizer))
        free = (n for n in count() if n not in taken)
        number = self._numbers[key] = next(n for n in free if self._shapes.get(n, own) == own)
        self._shapes[number] = own
        alive[key] = weakref.ref(optimizer, lambda _: alive.pop(key, None))
        self._names[type(optimizer).__name__] = None
        if any(map(_rounds_eps, optimizer.param_groups)):
            self._rounded[type(optimizer).__name__] = None
        self._long_momenta.update(dict.fromkeys(long_momenta(optimizer)))
        self._decays |= {as_number(g.get("weight_decay")) for g in optimizer.param_groups}
        self.several |= len(alive) > 1


class ByHand:
    """Tells a micro-batch from a step made by hand, as long as no optimizer is known.

    One parameter is looked at, the smallest that got a gradient. If its weight and its gradient are
    still what the last backward pass left, the next pass accumulates; otherwise a step was made.
    Values are compared until a step has shown in torch's count of the changes of the weight, which
    does not see what is done through `.data`; from then on the counts.
    """

    def __init__(self) -> None:
        self._parameter: weakref.ref[Tensor] | None = None
        self._seen: list[Tensor] = []
        self._counted = (0, True)
        self.counts_tell = False
        """Whether a step shows in torch's count of the changes of the weight."""

    def choose(self, leaves: Iterable[tuple[Tensor, Tensor | None]]) -> None:
        """Picks the parameter to look at.

        Args:
            leaves: Parameters that a backward pass has reached, each with its gradient.
        """
        self._parameter, self.counts_tell = None, False
        for leaf, given in sorted(leaves, key=lambda pair: pair[0].numel()):
            gradient = on_this_rank(given)
            if gradient is not None and on_this_rank(leaf) is not None and gradient.any():
                self._parameter = weakref.ref(leaf)
                return

    def looks_at_one_of(self, tensors: Iterable[object]) -> bool:
        """Whether the parameter that is looked at is among these."""
        p = None if self._parameter is None else self._parameter()
        return p is not None and any(p is tensor for tensor in tensors)

    def look(self) -> None:
        """Notes gradient and weight as backward left them."""
        self._counted = self._counts()
        if not self.counts_tell:
            self._seen = [tensor.clone() for tensor in self._now()]

    def is_accumulating(self) -> bool:
        """Whether the backward pass about to begin adds to the gradients of the last one."""
        counts = self._counts()
        if self.counts_tell:
            return counts == self._counted
        now, seen = self._now(), self._seen
        if now and len(now) == len(seen) and all(map(torch.equal, now, seen)):
            return True
        self.counts_tell = bool(now) and counts[0] != self._counted[0]
        return False

    def keeps_weight(self) -> bool:
        """Whether the weight is what the last pass left, whatever became of its gradient.

        One that cannot be read is taken for kept, one that is gone for replaced.
        """
        counts = self._counts()
        if self.counts_tell:
            return counts[0] == self._counted[0]
        p = None if self._parameter is None else self._parameter()
        now, seen = self._now()[:1], self._seen[:1]
        if p is not None and not now:
            return True
        if now and seen and torch.equal(now[0], seen[0]):
            return True
        self.counts_tell = bool(now and seen) and counts[0] != self._counted[0]
        return False

    def forget(self) -> None:
        """Lets go of what was noted."""
        self._parameter, self._seen, self.counts_tell = None, [], False

    def _counts(self) -> tuple[int, bool]:
        """How often the weight was changed in place, and whether it has no gradient."""
        p = None if self._parameter is None else self._parameter()
        return (-1, True) if p is None else (p._version, p.grad is None)

    def _now(self) -> list[Tensor]:
        """The weight, and its gradient where it has one (`torch.autograd.grad` leaves none)."""
        p = None if self._parameter is None else self._parameter()
        weight = on_this_rank(p)
        if p is None or weight is None:
            return []
        gradient = on_this_rank(p.grad)
        return [weight] if gradient is None else [weight, gradient]


def held_twice(optimizers: Collection[Optimizer]) -> set[int]:
    """The parameters, by `id`, that two optimizers hold, neither of which hands on to the other.

    Args:
        optimizers: Those that are alive.
    """
    if len(optimizers) < 2:
        return set()
    groups = {id(group): group for one in optimizers for group in one.param_groups}
    counts = Counter(id(p) for group in groups.values() for p in group["params"])
    return {number for number, count in counts.items() if count > 1}


def _rounds_eps(group: Mapping[str, Any]) -> bool:
    """Whether the eps of a group is 0 in float16, and that is what its parameters are."""
    eps = group.get("eps")
    lost = isinstance(eps, float) and 0 < eps <= _LEAST_HALF / 2
    return lost and any(p.dtype is torch.float16 for p in group["params"])


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]
