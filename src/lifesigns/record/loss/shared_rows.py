"""The numbers of categorical fields that look up one table: where each field begins and ends.

Fields are the columns of an index `[samples, fields]`, or vectors `[samples]` that look up one
parameter in turn. Each may be numbered from 0, or begin where the one before ends.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lifesigns.record.graph.walk import Walk, saved
from lifesigns.record.loss.sources import PASSING
from lifesigns.record.measure.reduce import Pack
from lifesigns.record.readable import is_readable

ROWS, FIELDS, SAMPLES = "rows_of_fields_", "fields_of_table_", "samples_of_fields_"
GIVEN, LOWEST, HIGHEST = "given_as_fields_", "lowest_of_fields_", "highest_of_fields_"
"""Details of a loss, with the number of the table behind them: its rows, how many fields look it
up, of how many samples, and whether they are what the network is given; and, with the number of the
field behind that, its ends. Fields that reach further, all together, than there are rows have no
ends."""
FIELD_COUNTS = range(2, 65)
TABLES = 4
"""Tables that are looked at; a second one that the same fields look up is left out."""
FEWEST = 16
"""Rows that no fields fill by accident."""
MOST_ELEMENTS = 1 << 22
_LOOKUPS = frozenset({"Embedding", "EmbeddingBag", "Index"})
_INTEGERS = frozenset({torch.int64, torch.int32})

_Place = tuple[Any, ...]


class _Table(NamedTuple):
    """A table, and what looks it up."""

    rows: int
    fields: Tensor
    """`[samples, fields]`."""


class PendingFields(NamedTuple):
    """Where the fields of each table begin and end, still on the device."""

    tables: tuple[tuple[int, int, int, bool, int], ...]
    """Of each its rows, samples and fields, whether they are given, and the slot of their ends."""

    def of(self, arrays: list[NDArray[np.float64]]) -> dict[str, float]:
        """Details of a loss.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        found: dict[str, float] = {}
        for number, (rows, samples, fields, given, slot) in enumerate(self.tables):
            lowest, highest = arrays[slot][:fields].tolist(), arrays[slot][fields:].tolist()
            found |= {
                f"{ROWS}{number}": float(rows),
                f"{SAMPLES}{number}": float(samples),
                f"{FIELDS}{number}": float(fields),
                f"{GIVEN}{number}": float(given),
            }
            if sum(highest) <= rows:
                found |= {f"{LOWEST}{number}_{i}": low for i, low in enumerate(lowest)}
                found |= {f"{HIGHEST}{number}_{i}": high for i, high in enumerate(highest)}
        return found


def may_share_rows(walked: Walk) -> bool:
    """Whether anything is looked up.

    Args:
        walked: The graph of a loss.
    """
    return not _LOOKUPS.isdisjoint(walked.names)


def shared_rows(pack: Pack, walked: Walk, batch: Tensor | None) -> PendingFields | None:
    """Looks at the lowest and highest number of each field that looks up a table of weights.

    Args:
        pack: Where the numbers wait for the copy.
        walked: The graph of a loss.
        batch: What the root module was given.

    Returns:
        None where no table is looked up by several fields.

    Cost: one look at each name; for fields, one pass over their numbers.
    """
    tables = []
    for rows, fields in _tables(walked)[:TABLES]:
        slot = pack.add(torch.cat(torch.aminmax(fields, dim=0)))
        given = batch is not None and _are_given(fields, batch)
        tables.append((rows, len(fields), fields.shape[1], given, slot))
    return PendingFields(tuple(tables)) if tables else None


def _tables(walked: Walk) -> list[_Table]:
    """Each table with its fields; of several that the same fields look up, the first."""
    found: dict[_Place, _Table] = {}
    vectors: dict[int, dict[_Place, Tensor]] = {}
    for i, name in enumerate(walked.names):
        leaf = _leaf(walked, i) if name in _LOOKUPS else None
        index = None if leaf is None else _index(walked, i)
        if leaf is None or index is None:
            continue
        if index.shape[1] == 1:
            vectors.setdefault(leaf, {}).setdefault(_place(index), index)
        else:
            rows = walked.leaf_shape(leaf)[0]
            found.setdefault((rows, _place(index)), _Table(rows, index))
    for leaf, kept in vectors.items():
        rows, columns = walked.leaf_shape(leaf)[0], [*kept.values()]
        alike = len({(column.shape, column.device) for column in columns}) == 1
        if alike and len(columns) in FIELD_COUNTS:
            found.setdefault((rows, *kept), _Table(rows, torch.cat(columns, 1)))
    return [table for table in found.values() if _may_tell(table)]


def _may_tell(table: _Table) -> bool:
    samples, fields = table.fields.shape
    few = fields in FIELD_COUNTS and 0 < table.fields.numel() <= MOST_ELEMENTS
    return few and samples > 1 and table.rows >= FEWEST


def _place(index: Tensor) -> _Place:
    return index.data_ptr(), tuple(index.shape), index.stride()


def _are_given(fields: Tensor, batch: Tensor) -> bool:
    """Whether fields are the batch; of memory that is another library's there is a copy of it."""
    if fields.shape != batch.shape or fields.dtype != batch.dtype:
        return False
    is_same = _place(fields) == _place(batch)
    return is_same or (fields.is_cpu and batch.is_cpu and torch.equal(fields, batch))


def _leaf(walked: Walk, i: int) -> int | None:
    """The parameter whose rows a node looks up."""
    table = below = walked.inputs[i][0]
    while below is not None and below >= 0 and walked.names[below] in PASSING:
        below = walked.inputs[below][0]
    if table is None or below is None or below >= 0 or not (shape := walked.leaf_shape(-1 - below)):
        return None
    is_whole = table < 0 or walked.shape(table) == shape
    return -1 - below if is_whole else None


def _index(walked: Walk, i: int) -> Tensor | None:
    """What looks rows up, `[samples, fields]`; of a vector, `[samples, 1]`."""
    node = walked.nodes[i]
    index = saved(node, "indices")
    if isinstance(index, tuple):
        index = index[0] if len(index) == 1 else None
    if not isinstance(index, Tensor) or index.dtype not in _INTEGERS or not is_readable(index):
        return None
    if walked.names[i] == "EmbeddingBag":
        return _of_bags(index, saved(node, "offsets"))
    return index.reshape(len(index), -1) if index.dim() in (1, 2) and len(index) else None


def _of_bags(index: Tensor, offsets: Any) -> Tensor | None:
    """The bags as rows; None where they are not known to be of one size without a wait."""
    if not isinstance(offsets, Tensor) or not len(offsets) or index.numel() % len(offsets):
        return None
    matrix = index.reshape(len(offsets), -1)
    if not offsets.is_cpu:
        return matrix if index._base is not None and index._base.shape == matrix.shape else None
    begins = torch.arange(len(offsets), dtype=offsets.dtype) * matrix.shape[1]
    return matrix if torch.equal(offsets, begins) else None
