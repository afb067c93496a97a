"""One parameter during one recorded cycle: where what was read of it is, and what it says."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import shape_of
from lifesigns.record.measure.reduce import Arrays
from lifesigns.record.measure.stale_gradients import LateLeftover, Leftover
from lifesigns.record.readable import is_ordinary, is_readable, local, shards
from lifesigns.records import ParameterReading, Shape

Lying = tuple[Any, ...]
"""Shape, strides and dtype of a tensor."""

ROW_TOLERANCE = 1e-5
"""Equal rows may be summed in a different order, so their projections differ by rounding."""


class Form(NamedTuple):
    """What a parameter is: the same for as long as it is one tensor and lies where, and as, it lay.

    That is asked anew in each recorded cycle, see `is_of`; nothing else of it is.
    """

    parameter: weakref.ref[Tensor]
    address: int
    """Of its values; 0 unless it is ordinary, and then all of this is asked again."""
    lying: Lying
    size: int
    shape: Shape
    shards: int
    resolution: float

    @classmethod
    def of(cls, p: Tensor) -> Form:
        """The form of a parameter, at the price of several looks at it.

        Args:
            p: The parameter.
        """
        part, is_usual = local(p), is_ordinary(p) and not p.is_complex()
        return cls(
            weakref.ref(p),
            p.data_ptr() if is_usual else 0,
            (p.shape, p.stride(), p.dtype) if is_usual else (),
            max(part.numel(), 1),
            shape_of(part),
            shards(p),
            torch.finfo(p.dtype).eps if p.is_floating_point() else math.nan,
        )

    def is_of(self, p: Tensor) -> bool:
        """Whether it is that of a parameter, told without a look at its values.

        Args:
            p: The parameter.
        """
        return (
            self.address != 0
            and self.parameter() is p
            and p.data_ptr() == self.address
            and (p.shape, p.stride(), p.dtype) == self.lying
        )


@dataclass(slots=True, eq=False)
class Watched:
    """One parameter during one recorded cycle, and the slots of what was read of it."""

    name: str
    form: Form
    parameter: weakref.ref[Tensor]
    size: int
    read: int
    """Elements of the weight that are read: all, unless it is very large."""
    reached: bool = False
    address: int = 0
    """Where its values lay when they were read before the step; 0 unless it was ordinary."""
    begun: bool = False
    """Whether it was read before the step, and so is read after it."""
    before: Tensor | None = None
    """Sample of the weight before the step."""
    gradient: Tensor | None = None
    """Sample of the gradient as the last backward pass left it."""
    leftover: Leftover | LateLeftover | None = None
    stale: float | Tensor = math.nan
    """Until the cycle ends it may be on a device."""
    discarded: Tensor | None = None
    """How many passes left a gradient that no step has used; None if none did."""
    scale: float = 0.0
    """What the losses were scaled by, added up over the backward passes of the cycle."""
    stepped: bool = False
    """Whether its optimizer has stepped: what is added to the gradient later is another cycle's."""
    scalars: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Slot and position of each number."""
    rows: dict[str, tuple[int, slice]] = field(default_factory=dict)
    """Slot of a number of each row, and where in it they are."""
    trainable: bool = True
    sampled: int = 1
    """Elements of the weight that the step was read of."""
    rate: float | None = None
    """Its learning rate; None if no known optimizer holds it."""
    replaced: bool = False
    """Whether another parameter had its name before."""
    held_twice: bool = False
    ungraded: bool = False
    checkpointed: bool = False

    @classmethod
    def of(cls, name: str, form: Form) -> Watched:
        """A parameter at the beginning of a cycle.

        Args:
            name: Its name.
            form: What it is.
        """
        return cls(name, form, form.parameter, form.size, form.size)

    def take(self, form: Form) -> None:
        """Goes on with another parameter of this name; what was read of the old one is forgotten.

        Args:
            form: What the other is.
        """
        self.form, self.parameter, self.begun = form, form.parameter, False
        self.size = self.read = form.size
        self.before = self.gradient = None
        self.address = 0
        self.scalars.clear()
        self.rows.clear()

    def keep(self, what: str, sample: Tensor) -> None:
        """Keeps a sample.

        Args:
            what: Of the `weight` before the step, or of the `gradient` after a pass.
            sample: In float32 at least.
        """
        if what == "weight":
            self.before = sample
        else:
            self.gradient = sample

    def end(self, p: Tensor, rate: float | None) -> None:
        """Notes what the parameter is, and lets go of all tensors.

        Args:
            p: The parameter.
            rate: Its learning rate; None if no known optimizer holds it.
        """
        if self.address == 0 or p.data_ptr() != self.form.address:
            self.form = Form.of(p)
        self.trainable, self.rate = p.requires_grad, rate
        if self.before is not None:
            self.sampled = max(self.before.numel(), 1)
        self.before = self.gradient = self.leftover = self.discarded = None

    def is_readable(self, p: Tensor) -> bool:
        """Whether the parameter can be read now: its storage may have been freed.

        Args:
            p: The parameter.
        """
        return 0 != self.address == p.data_ptr() or is_readable(local(p))

    def is_ordinary(self, p: Tensor) -> bool:
        """Whether the parameter is as ordinary as it was: it lies where it lay.

        Args:
            p: The parameter.
        """
        return 0 != self.address == p.data_ptr()

    def value(self, key: str, arrays: Arrays) -> float:
        """A number that was read, NaN if it was not.

        Args:
            key: What was read.
            arrays: What the pack brought to the host, by slot.
        """
        found = self.scalars.get(key)
        return math.nan if found is None else arrays[found[0]].item(found[1])

    def count(self, key: str, arrays: Arrays) -> int:
        """A count that was read, 0 if it was not.

        Args:
            key: What was counted.
            arrays: What the pack brought to the host, by slot.
        """
        return int(self.value(key, arrays)) if key in self.scalars else 0

    def of_rows(self, key: str, arrays: Arrays) -> NDArray[np.float64]:
        """A number of each row.

        Args:
            key: What was read.
            arrays: What the pack brought to the host, by slot.
        """
        slot, where = self.rows[key]
        return arrays[slot][where]


@dataclass(slots=True)
class ReadParameters:
    """What was read of the parameters of a cycle; the readings are made when they are asked for."""

    read: Sequence[Watched] = ()
    arrays: Arrays = field(default_factory=list)
    """What the pack brought to the host, by slot."""
    optimizers_known: bool = False
    """Whether any optimizer has been seen at all."""
    made: tuple[ParameterReading, ...] | None = None

    def __len__(self) -> int:
        return len(self.read)

    def note_ungraded(self, held: Callable[[], Mapping[int, bool]]) -> None:
        """Notes of what the loss does not reach whether its module ran without gradients.

        Args:
            held: The parameters of such modules by `id`, and whether a checkpoint called them.
        """
        left = [w for w in self.read if w.trainable and not w.reached]
        ran = held() if left else {}
        for one in left:
            p = one.parameter()
            one.ungraded, one.checkpointed = id(p) in ran, ran.get(id(p), False)

    def readings(self) -> tuple[ParameterReading, ...]:
        """One for each parameter, the same each time."""
        if self.made is None:
            made = [_reading_of(w, self.arrays, self.optimizers_known) for w in self.read]
            self.made = tuple(made)
        return self.made


def _reading_of(watched: Watched, arrays: Arrays, optimizers_known: bool) -> ParameterReading:
    weight, gradient, update = (
        watched.value(key, arrays) for key in ("weight", "gradient", "update")
    )
    stale = watched.value("stale", arrays) if "stale" in watched.scalars else watched.stale
    assert not isinstance(stale, Tensor), "the cycle has ended"
    rate, scale, sampled = watched.rate, watched.scale or 1.0, watched.sampled
    return ParameterReading(
        name=watched.name,
        shape=watched.form.shape,
        trainable=watched.trainable,
        reached=watched.reached,
        optimized=rate is not None or not optimizers_known,
        replaced=watched.replaced,
        held_twice=watched.held_twice,
        ungraded=watched.ungraded,
        checkpointed=watched.checkpointed,
        learning_rate=float("nan") if rate is None else rate,
        weight_rms=weight / watched.read**0.5,
        gradient_rms=gradient / watched.size**0.5 / scale,
        update_rms=update / sampled**0.5,
        gradient_is_zero=gradient == 0.0,
        nonfinite_weights=int("weight" in watched.scalars and not math.isfinite(weight)),
        nonfinite_gradients=int("gradient" in watched.scalars and not math.isfinite(gradient)),
        distinct_weight_rows=_distinct(watched, "weight_rows", arrays),
        distinct_gradient_rows=_distinct(watched, "gradient_rows", arrays),
        sign_coherence=_coherence(watched, arrays),
        stale_gradient_rms=stale / scale,
        discarded_passes=watched.count("discarded", arrays),
        used_gradient_rms=watched.value("used", arrays),
        lost_updates=watched.value("lost", arrays),
        resolution=watched.form.resolution,
        predicted_change=watched.value("product", arrays) * watched.size / sampled / scale,
        shards=watched.form.shards,
    )


def _coherence(watched: Watched, arrays: Arrays) -> float:
    """How far the entries of a gradient's row have one sign, as a mean over rows that are not 0."""
    if "signed" not in watched.rows:
        return watched.value("coherence", arrays)
    signed, unsigned = (watched.of_rows(key, arrays) for key in ("signed", "unsigned"))
    counts = (unsigned > 0) & (unsigned < math.inf)
    return float(np.mean(np.abs(signed[counts]) / unsigned[counts])) if counts.any() else math.nan


def _distinct(watched: Watched, key: str, arrays: Arrays) -> int:
    """How many rows differ, judged by their projections, to `ROW_TOLERANCE` of the largest."""
    if key not in watched.rows:
        return int(watched.value(key, arrays)) if key in watched.scalars else -1
    projections = np.sort(watched.of_rows(key, arrays))
    lowest, highest = abs(projections[0]), abs(projections[-1])
    if not (lowest < math.inf and highest < math.inf):
        return -1
    gap = ROW_TOLERANCE * max(lowest, highest)
    return 1 + int(np.count_nonzero(projections[1:] - projections[:-1] > gap))
