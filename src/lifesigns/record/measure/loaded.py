"""Checkpoints that were loaded into a network, and what of it they left as it was."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from torch import Tensor, nn

from lifesigns.record.graph.walk import shape_of
from lifesigns.record.measure.measuring import measuring
from lifesigns.record.readable import is_readable, on_this_rank
from lifesigns.records import Load

MOST = 16
"""Loads that are kept: the first ones."""
MISFIT = 0.5
"""Share of a checkpoint that is taken where its load is not looked at any further."""
COMPARED = 16
"""Names of a checkpoint that are compared with those of the network."""

FIRST = 8
"""Numbers of a tensor by which a change is told that torch does not count, one through `.data`."""

State = tuple[int, tuple[float, ...]]
"""How often a tensor was changed, and its first numbers."""
Left = tuple[weakref.ref[Tensor], State]
"""A parameter that was passed over, and its state then."""


@dataclass
class _Misfit:
    """A load that is kept."""

    load: Load
    left: Sequence[Left]
    is_settled: bool = False
    """Whether training has begun, and `left` is what was still untouched then."""


class Loaded:
    """The loads of a run; nothing here keeps a tensor alive."""

    def __init__(self) -> None:
        self._misfits: list[_Misfit] = []
        self._filled: dict[int, weakref.ref[Tensor]] = {}
        self.is_pending = False
        """Whether a load has left something, and no backward pass has come since."""

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
        for name in taken.keys() & own.keys():
            self._filled[id(own[name])] = weakref.ref(own[name])
        if used >= MISFIT or len(self._misfits) >= MOST:
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
        unfilled = (t for t in own.values() if self._is_unfilled(t) and t not in trained)
        left = [(weakref.ref(t), _state(t)) for t in unfilled]
        self._misfits.append(_Misfit(_compared(load, own, lacking, foreign, strange), left))
        self.is_pending = True

    def _is_unfilled(self, tensor: Tensor) -> bool:
        filled = self._filled.get(id(tensor))
        return filled is None or filled() is not tensor

    def settle(self) -> None:
        """Training goes on: what was written since a load was not left to chance."""
        with measuring():
            self._settle()
        self.is_pending = False

    def _settle(self) -> None:
        for misfit in self._misfits:
            if not misfit.is_settled:
                misfit.is_settled = True
                misfit.left = [
                    (ref, state)
                    for ref, state in misfit.left
                    if (p := ref()) is not None and _state(p) == state
                ]

    def find(self, trained: Mapping[str, Tensor]) -> None:
        """Looks for what was left among the parameters that are trained.

        Args:
            trained: By name.
        """
        names = {id(p): name for name, p in trained.items()}
        for misfit in self._misfits:
            if misfit.is_settled and not misfit.load.left:
                alive = (p for ref, _ in misfit.left if (p := ref()) is not None)
                found = tuple(names[id(p)] for p in alive if id(p) in names)
                misfit.load = replace(misfit.load, left=found)

    @property
    def is_unfound(self) -> bool:
        """Whether `find` has something to look for."""
        return any(m.is_settled and m.left and not m.load.left for m in self._misfits)

    def loads(self) -> tuple[Load, ...]:
        """Those that took less than half of what they were given, in order."""
        return tuple(misfit.load for misfit in self._misfits)


def _tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """What `state_dict` lists, without the hooks and the collectives that it may run."""
    own: dict[str, Tensor] = dict(nn.Module.named_parameters(module, remove_duplicate=False))
    return own | dict(nn.Module.named_buffers(module, remove_duplicate=False))


def _state(tensor: Tensor) -> State:
    whole = on_this_rank(tensor)
    first = () if whole is None else tuple(whole.detach().reshape(-1)[:FIRST].tolist())
    return tensor._version, first


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
