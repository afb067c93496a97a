"""What is measured of parameters by the compiled program, in one call for all of them.

What the program is told of them is kept from cycle to cycle, see `Table`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lifesigns.record.measure.kernel import NUMBERS, Program, matrix, reads, step
from lifesigns.record.measure.large import distance
from lifesigns.record.measure.parameter_numbers import (
    FEW_ROWS,
    SHORT,
    ByTorch,
    ParameterNumbers,
    Part,
    Tensors,
    apart,
    keep_sample,
)
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.measure.watched_parameter import ROW_TOLERANCE, Watched
from lifesigns.record.readable import local
from lifesigns.records import EVERYTHING, Quantity

Room = tuple[int, int, int]
"""A slot of the pack, the position of the first number in it, and its address."""


class Lying(NamedTuple):
    """How tensors lie in memory, wherever that is, and which samples the program works with."""

    shapes: list[torch.Size]
    strides: list[tuple[int, ...]]
    dtypes: list[torch.dtype]
    samples: Sequence[tuple[int, ...]]
    """What tells the samples apart: whether one is taken; of a step, those before it."""

    @classmethod
    def of(cls, tensors: Sequence[Tensor], samples: Sequence[tuple[int, ...]]) -> Lying:
        """How tensors lie.

        Args:
            tensors: Any.
            samples: Of each tensor.
        """
        return cls(
            [one.shape for one in tensors],
            [one.stride() for one in tensors],
            [one.dtype for one in tensors],
            samples,
        )


@dataclass(slots=True)
class Entry:
    """What the program is told of one tensor, and where its parameter finds the numbers."""

    job: bytes
    """Begins with the address of the tensor."""
    scalars: dict[str, tuple[int, int]]
    rows: dict[str, tuple[int, slice]] = field(default_factory=dict)
    sample: Tensor | None = None
    """Where the program puts a sample, of the weight or the gradient."""
    copied: Tensor | None = None
    """Where one is put that the program cannot take."""
    given: tuple[Tensor | None, ...] = ()
    """The samples before a step, which the program reads."""


class Table:
    """What the program is told of several tensors: in the next cycle only addresses are new.

    Kept as long as the tensors are as many, lie as they lay and work with the same samples, and the
    pack has the same room for their numbers; thrown away as a whole when anything differs.

    Args:
        lying: How the tensors lie; with the room, the key by which a table is used again.
        entries: One for each tensor.
        room: For all their numbers.
        numbers: How many these are.
        values: How many values the tensors have together.
    """

    def __init__(
        self, lying: Lying, entries: list[Entry], room: Room, numbers: int, values: int
    ) -> None:
        self.lying, self.entries, self.room = lying, entries, room
        self.numbers, self.values = numbers, values
        words = np.frombuffer(bytearray(b"".join(entry.job for entry in entries)), np.uint64)
        self._addresses, self._jobs = words.reshape(len(entries), -1)[:, 0], words.ctypes.data

    def jobs(self, tensors: Iterable[Tensor]) -> int:
        """Where it is written what the program is told of the tensors of this cycle.

        Args:
            tensors: One for each entry.
        """
        self._addresses[:] = [tensor.data_ptr() for tensor in tensors]
        return self._jobs


class ByProgram:
    """One pass over each tensor.

    Args:
        pack: Where the numbers are put.
        needs: What is measured.
        program: What reads the tensors.
        others: For what it does not read.
        keeps: Whether tables are kept.
    """

    def __init__(
        self,
        pack: Pack,
        needs: Collection[Quantity],
        program: Program,
        others: ByTorch,
        *,
        keeps: bool = True,
    ) -> None:
        self.pack, self._program, self._others, self._keeps = pack, program, others, keeps
        self._rows, self._coherence = Quantity.ROWS in needs, Quantity.COHERENCE in needs
        self._norms, self._updates = Quantity.PARAMETERS in needs, Quantity.UPDATES in needs
        self._tables: dict[int, Table] = {}
        self._turn = 0

    def begin(self) -> None:
        """See `ParameterNumbers`."""
        self.pack.clear()
        self._turn = 0

    def of(self, what: str, parts: list[Part]) -> None:
        """See `ParameterNumbers`."""
        read: list[Part] = []
        if self._norms or self._rows or self._coherence:
            read, lying = parts, _lying(parts)
            if not (self._expects(lying) and all(p.is_ordinary for p in parts)):
                read = [p for p in map(_in_rows, parts) if p is not None]
                lying = _lying(read)
        if read:
            table = self._table(lying) or self._measuring(what, read, lying)
            for part, entry in zip(read, table.entries, strict=True):
                watched = part.watched
                watched.scalars.update(entry.scalars)
                if entry.rows:
                    watched.rows.update(entry.rows)
                if entry.sample is not None:
                    watched.keep(what, entry.sample)
                elif part.sampled is not None:
                    entry.copied = keep_sample(what, part, entry.copied)
            jobs = table.jobs([part.values for part in read])
            self._program.measure(jobs, len(read), table.values)
        if len(read) < len(parts):
            found = {id(part.watched) for part in read}
            self._others.of(what, [part for part in parts if id(part.watched) not in found])

    def of_steps(self, after: Tensors) -> None:
        """See `ParameterNumbers`."""
        read, lying = after, _lying_after(after)
        if not (self._expects(lying) and all(w.is_ordinary(p) for w, p in after)):
            read = [(w, now) for w, p in after if _is_compared(w, now := local(p))]
            lying = _lying_after(read)
        if read:
            table = self._table(lying) or self._comparing(read, lying)
            for (watched, _), entry in zip(read, table.entries, strict=True):
                watched.scalars.update(entry.scalars)
            self._program.compare(table.jobs([now for _, now in read]), len(read))
        if len(read) < len(after):
            found = {id(watched) for watched, _ in read}
            self._others.of_steps([one for one in after if id(one[0]) not in found])

    # --- tables ---------------------------------------------------------------------------------
    def _expects(self, lying: Lying) -> bool:
        """Whether the last cycle had such tensors at this turn, and the program read them."""
        table = self._tables.get(self._turn)
        return table is not None and table.lying == lying

    def _table(self, lying: Lying) -> Table | None:
        """The table that the last cycle had at this turn, with room in the pack, if it fits."""
        turn, self._turn = self._turn, self._turn + 1
        table = self._tables.get(turn)
        if table is None or table.lying != lying:
            return None
        if self.pack.room(table.numbers) == table.room:
            return table
        self.pack.give_back(table.numbers)
        return None

    def _keep(self, table: Table) -> Table:
        if self._keeps:
            self._tables[self._turn - 1] = table
        return table

    def _measuring(self, what: str, parts: list[Part], lying: Lying) -> Table:
        numbers = [NUMBERS + _count(part.values.shape) for part in parts]
        slot, first, found = room = self.pack.room(sum(numbers))
        entries = []
        for part, size in zip(parts, numbers, strict=True):
            entries.append(self._entry(what, part, (slot, first, found)))
            first, found = first + size, found + 8 * size
        values = sum(p.values.numel() for p in parts)
        return self._keep(Table(lying, entries, room, sum(numbers), values))

    def _entry(self, what: str, part: Part, room: Room) -> Entry:
        values, (slot, first, found) = part.values, room
        rows, has_rows = _rows(values.shape, values.stride()), values.dim() > 1
        assert rows is not None, "taken by `_in_rows`"
        count, distant, kept = rows[0], apart(values.numel()), None
        if part.is_sampled and values.is_contiguous():
            full = torch.float64 if values.dtype == torch.float64 else torch.float32
            kept = torch.empty(-(-values.numel() // distant), dtype=full, device="cpu")
        tolerance = ROW_TOLERANCE if has_rows and count <= FEW_ROWS else math.nan
        signs = what == "gradient" and has_rows and self._coherence
        job = matrix(values, rows, found, tolerance, sample=kept, apart=distant, signs=signs)
        entry = Entry(job, {}, sample=kept)
        if self._norms:
            entry.scalars[what] = slot, first
        if signs:
            entry.scalars["coherence"] = slot, first + 2
        if self._rows and has_rows:
            entry.scalars[f"{what}_rows"] = slot, first + 1
            if count > FEW_ROWS:
                spread = slice(first + NUMBERS, first + NUMBERS + count, distance(count))
                entry.rows[f"{what}_rows"] = slot, spread
        return entry

    def _comparing(self, read: Tensors, lying: Lying) -> Table:
        slot, first, found = room = self.pack.room(NUMBERS * len(read))
        entries = []
        for watched, now in read:
            entries.append(self._step(watched, now, (slot, first, found)))
            first, found = first + NUMBERS, found + 8 * NUMBERS
        return self._keep(Table(lying, entries, room, NUMBERS * len(read), 0))

    def _step(self, watched: Watched, now: Tensor, room: Room) -> Entry:
        before, gradient, (slot, first, found) = watched.before, watched.gradient, room
        assert before is not None, "taken by `_is_compared`"
        given = before, gradient
        if gradient is not None and not _are_alike(gradient, before):
            gradient = None
        job = step(now, apart(now.numel()), before, gradient, found)
        entry = Entry(job, {}, given=given)
        if self._updates:
            entry.scalars["update"] = slot, first
        if gradient is not None:
            entry.scalars["product"] = slot, first + 1
            if watched.stepped and now.dtype in SHORT:
                entry.scalars["lost"] = slot, first + 2
        return entry


def numbers_for(
    needs: Collection[Quantity] = EVERYTHING, *, keeps: bool = True
) -> ParameterNumbers:
    """The numbers as this machine computes them.

    Args:
        needs: What is measured.
        keeps: Whether what the program is told is kept from cycle to cycle.
    """
    pack = Pack()
    by_torch, program = ByTorch(pack, needs), pack.program
    return by_torch if program is None else ByProgram(pack, needs, program, by_torch, keeps=keeps)


def _lying(parts: list[Part]) -> Lying:
    return Lying.of([p.values for p in parts], [(p.sampled is p.values,) for p in parts])


def _lying_after(after: Tensors) -> Lying:
    """How parameters lie after a step; the program is told of their samples, too."""
    samples = [(id(w.before), id(w.gradient), w.stepped) for w, _ in after]
    return Lying.of([p for _, p in after], samples)


def _in_rows(part: Part) -> Part | None:
    """A part that the program reads, copied if it lies in no rows; None for others."""
    values = part.values
    is_read = Program.knows(values.dtype) if part.is_ordinary else reads(values)
    if not (is_read and values.numel()):
        return None
    if _rows(values.shape, values.stride()) is not None:
        return part
    return part._replace(values=values.contiguous())


def _count(shape: torch.Size) -> int:
    """How many rows there are."""
    return shape[0] if len(shape) > 1 else 1


@lru_cache(maxsize=4096)
def _rows(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Rows and columns, and how far one is from the next; None if no two strides tell it.

    Args:
        shape: Of a parameter; rows are along its first dimension, if it has more than one.
        strides: In values.
    """
    count = shape[0] if len(shape) > 1 else 1
    row_stride = strides[0] if len(shape) > 1 else 0
    width, stride = 1, 1
    inner = zip(shape[len(shape) > 1 :], strides[len(shape) > 1 :], strict=True)
    for size, distant in reversed([(s, t) for s, t in inner if s > 1]):
        if width == 1:
            stride = distant
        elif distant != width * stride:
            return None
        width *= size
    return count, width, row_stride, stride


def _is_compared(watched: Watched, now: Tensor) -> bool:
    """Whether the program reads a parameter, and a sample of it before the step."""
    before = watched.before
    if before is None:
        return False
    full = torch.float64 if now.dtype == torch.float64 else torch.float32
    size = now.numel()
    fit = before.dtype == full and before.dim() == 1 and before.is_contiguous()
    whole = size > 0 and len(before) == -(-size // apart(size))
    is_read = watched.is_ordinary(now) or (reads(now) and now.is_contiguous())
    return fit and whole and before.is_cpu and is_read


def _are_alike(gradient: Tensor, before: Tensor) -> bool:
    """Whether the program reads both in one way."""
    same = gradient.dtype == before.dtype and gradient.shape == before.shape
    return same and gradient.is_cpu and gradient.is_contiguous()
