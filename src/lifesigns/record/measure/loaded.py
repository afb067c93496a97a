"""Checkpoints that were loaded into a network, and what of it they left as it was."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np
from torch import Tensor, nn

from lifesigns.record.graph.walk import shape_of
from lifesigns.record.measure.measuring import measuring
from lifesigns.record.measure.spot_check import spots
from lifesigns.record.readable import is_readable
from lifesigns.records import Load

MOST = 16
"""Loads that are kept: the first ones."""
MISFIT = 0.5
"""Share of a checkpoint that is taken where its load is not looked at any further."""
COMPARED = 16
"""Names of a checkpoint that are compared with those of the network."""
ALIKE = 0.5
"""Cosine of the numbers of a weight with those that were loaded. The mean of two weights that have
nothing in common has 0.7 with either of them; what is drawn anew has 0."""

State = tuple[int, tuple[float, ...]]
"""How often a tensor was changed, and some numbers of it: one through `.data` does not count."""
Left = tuple[weakref.ref[Tensor], State]
"""A parameter, and its state when a checkpoint had been loaded."""


@dataclass
class _Kept:
    """A load that is kept: one that did not fit, or as long as no training has followed."""

    load: Load
    module: weakref.ref[nn.Module]
    left: Sequence[Left]
    """Parameters that were passed over."""
    filled: Sequence[Left]
    """Weights that were filled for the first time, and had not been trained."""
    size: int
    """How many numbers the network holds."""
    is_settled: bool = False
    """Whether training has begun, and `left` is what was still untouched then."""
    overwritten: Sequence[weakref.ref[Tensor]] = field(default=())
    """Of `filled`, those that were something else by then."""

    @property
    def counts(self) -> bool:
        """Whether there is something to tell."""
        return self.load.used < MISFIT or bool(self.overwritten)


class Loaded:
    """The loads of a run; nothing here keeps a tensor alive."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        self._fits = 0
        self._filled: dict[int, weakref.ref[Tensor]] = {}
        self.is_pending = False
        """Whether something was loaded, and no backward pass has come since."""
        self.asks = False
        """Whether it has left something: a step is worth recording."""

    def note(
        self,
        module: nn.Module,
        missing: Iterable[str],
        unexpected: Iterable[str],
        given: Mapping[str, object],
        trained: Container[Tensor] = (),
    ) -> None:
        """A module was given a checkpoint.

        Args:
            module: As it is now.
            missing: Its names that the checkpoint lacks.
            unexpected: The checkpoint's names that it lacks.
            given: The checkpoint.
            trained: Parameters that were trained here before.
        """
        own, lacking, strange = _tensors_of(module), set(missing), set(unexpected)
        foreign = {
            name: tensor
            for name, tensor in given.items()
            if isinstance(tensor, Tensor) and not _is_same(tensor, own.get(name))
        }
        taken = {name: tensor for name, tensor in foreign.items() if name not in strange}
        used = _numbers(taken) / max(_numbers(foreign), 1)
        fresh = self._fill([own[name] for name in own if name in taken], trained)
        fits = used >= MISFIT
        self._fits += fits and bool(fresh)
        if (fits and not (fresh and self._fits <= MOST)) or len(self._kept) >= 2 * MOST:
            return
        load = Load(
            type(module).__name__,
            len(foreign),
            len(taken),
            used,
            _numbers(taken) / max(_numbers(own), 1),
            missing=next((name for name in own if name in lacking), ""),
            unexpected=next((name for name in foreign if name in strange), ""),
        )
        self.is_pending = True
        filled, size = [(weakref.ref(t), _state(t)) for t in fresh], _numbers(own)
        if fits:
            self._kept.append(_Kept(load, weakref.ref(module), (), filled, size))
            return
        unfilled = (t for t in own.values() if self._is_unfilled(t) and t not in trained)
        left = [(weakref.ref(t), _state(t)) for t in unfilled]
        load = _compared(load, own, lacking, foreign, strange)
        self._kept.append(_Kept(load, weakref.ref(module), left, filled, size))
        self.asks = True

    def _fill(self, tensors: Sequence[Tensor], trained: Container[Tensor]) -> list[Tensor]:
        """Notes that tensors were filled; returns the weights among them that never were before."""
        fresh: list[Tensor] = [
            t
            for t in tensors
            if isinstance(t, nn.Parameter)
            and t.dim() > 1
            and self._is_unfilled(t)
            and t not in trained
        ]
        for tensor in tensors:
            self._filled[id(tensor)] = weakref.ref(tensor)
        again = {id(tensor) for tensor in tensors}
        for kept in self._kept:  # what is loaded twice was not written over by chance
            if not kept.is_settled:
                kept.filled = [(ref, state) for ref, state in kept.filled if id(ref()) not in again]
        return fresh

    def _is_unfilled(self, tensor: Tensor) -> bool:
        filled = self._filled.get(id(tensor))
        return filled is None or filled() is not tensor

    def evaluates(self, module: nn.Module) -> None:
        """A network is put in evaluation mode, and may never be trained: what is left is looked at.

        Args:
            module: The network.
        """
        for kept in self._kept:
            if not kept.is_settled and kept.module() is module:
                with measuring():
                    kept.load = _with_frozen(kept, _tensors(_untouched(kept.left)))

    def settle(self) -> None:
        """Training goes on: what was written since a load was not left to chance."""
        with measuring():
            self._settle()
        self.is_pending = self.asks = False

    def _settle(self) -> None:
        for kept in self._kept:
            if not kept.is_settled:
                kept.is_settled = True
                _look_at_left(kept)
                _look_for_overwritten(kept)
        self._kept = [kept for kept in self._kept if kept.counts]

    def find(self, trained: Mapping[str, Tensor]) -> None:
        """Looks for what was left among the parameters that are trained.

        Until then it may be written still, as by an average of the trained weights.

        Args:
            trained: By name.
        """
        names = {id(p): name for name, p in trained.items()}
        for kept in self._kept:
            if kept.is_settled and kept.left and not kept.load.left:
                found = _named((ref for ref, _ in kept.left), names)
                kept.load = replace(kept.load, left=found)
                with measuring():
                    _look_at_left(kept)
            if kept.is_settled and not kept.load.overwritten:
                found = _named(kept.overwritten, names)
                kept.load = replace(kept.load, overwritten=found)

    @property
    def is_unfound(self) -> bool:
        """Whether `find` has something to look for."""
        return any(
            (k.left and not k.load.left) or (k.overwritten and not k.load.overwritten)
            for k in self._kept
            if k.is_settled
        )

    def loads(self) -> tuple[Load, ...]:
        """Those that took less than half of what they were given, or were written over."""
        return tuple(kept.load for kept in self._kept if kept.counts)


def _tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """What `state_dict` lists, without the hooks and the collectives that it may run."""
    own: dict[str, Tensor] = dict(nn.Module.named_parameters(module, remove_duplicate=False))
    return own | dict(nn.Module.named_buffers(module, remove_duplicate=False))


def _named(refs: Iterable[weakref.ref[Tensor]], names: Mapping[int, str]) -> tuple[str, ...]:
    alive = (p for ref in refs if (p := ref()) is not None)
    return tuple(names[id(p)] for p in alive if id(p) in names)


def _state(tensor: Tensor) -> State:
    seen = spots(tensor)
    return tensor._version, () if seen is None else tuple(seen.tolist())


def _untouched(left: Iterable[Left]) -> list[Left]:
    """Those that hold what they held."""
    return [(r, state) for r, state in left if (p := r()) is not None and _state(p) == state]


def _tensors(left: Iterable[Left]) -> list[Tensor]:
    return [p for ref, _ in left if (p := ref()) is not None]


def _with_frozen(kept: _Kept, tensors: Iterable[Tensor]) -> Load:
    """The load, with what was left and is not trained: it has no name among what is."""
    sizes = [p.numel() for p in tensors if isinstance(p, nn.Parameter)]
    return replace(kept.load, frozen=len(sizes), frozen_share=sum(sizes) / max(kept.size, 1))


def _look_at_left(kept: _Kept) -> None:
    """Finds what is untouched still, and of that what is not to be trained.

    That needs no gradient, or is found in no trained network and its own is in evaluation mode, as
    a teacher is that is asked without gradients. What is gone by now is what it was.
    """
    module = kept.module()
    if module is None:
        return
    if not kept.load.left:
        kept.left = _untouched(kept.left)
    is_asked = not (module.training or kept.load.left)
    frozen = [p for p in _tensors(kept.left) if is_asked or not p.requires_grad]
    kept.load = _with_frozen(kept, frozen)


def _look_for_overwritten(kept: _Kept) -> None:
    """Finds the weights that have nothing left of what was loaded: they were drawn anew."""
    alive = [(p, state) for ref, state in kept.filled if (p := ref()) is not None]
    lost = [p for p, state in alive if _is_another(state, _state(p))]
    kept.overwritten = [weakref.ref(p) for p in lost]
    size = sum(p.numel() for p, _ in alive)
    kept.load = replace(kept.load, lost=sum(p.numel() for p in lost) / max(size, 1))
    kept.filled = ()


def _is_another(before: State, after: State) -> bool:
    if before == after or len(before[1]) != len(after[1]):
        return False
    one, other = np.array(before[1]), np.array(after[1])
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return norms > 0 and float(one @ other) < ALIKE * norms


def _is_same(given: Tensor, own: Tensor | None) -> bool:
    """Whether a checkpoint's tensor is the network's own: it was filled up with `state_dict()`."""
    if own is None or not (is_readable(given) and is_readable(own)):
        return False
    return given.data_ptr() == own.data_ptr() != 0


def _numbers(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())


def _compared(
    load: Load,
    own: Mapping[str, Tensor],
    lacking: Set[str],
    given: Mapping[str, Tensor],
    strange: Set[str],
) -> Load:
    """With the most frequent difference between the beginnings of the names that do not match."""
    asked = [name for name in given if name in strange][:COMPARED]
    pairs = Counter(pair for name in asked if (pair := _beginnings(name, lacking)))
    if not pairs:
        return load
    (prefix, instead_of), _ = pairs.most_common(1)[0]
    fitting = 0
    for name in strange & given.keys():
        counterpart = own.get(instead_of + name.removeprefix(prefix))
        if name.startswith(prefix) and counterpart is not None:
            fitting += shape_of(counterpart) == shape_of(given[name])
    return replace(load, prefix=prefix, instead_of=instead_of, fitting=fitting)


def _beginnings(name: str, others: Iterable[str]) -> tuple[str, str] | None:
    """How a name and the one of the others that ends most like it begin."""
    parts = name.split(".")
    best: tuple[int, list[str]] = (1, [])  # a `weight` alone says nothing
    for other in others:
        theirs = other.split(".")
        alike = _alike(parts, theirs)
        if alike > best[0]:
            best = alike, theirs
    alike, theirs = best
    if not theirs:
        return None
    return _joined(parts[:-alike]), _joined(theirs[:-alike])


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many of the last parts of two names are the same."""
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count


def _joined(parts: Sequence[str]) -> str:
    return "".join(f"{part}." for part in parts)
