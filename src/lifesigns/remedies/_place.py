"""Places in the source, as they are read from the text or seen while the program runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Place:
    """Where something stands in the source: read from the text, or kept by the recorder."""

    file: str
    line: int
    """Counted from 1."""
    column: int = -1
    """Counted from 0; -1 where only the line is known, as in a frame of Python 3.10."""
    given: tuple[int, ...] = ()
    """Shape of the first tensor that a function was given there."""
    other: tuple[int, ...] = ()
    """Shape of the second one."""
    made: tuple[int, ...] = ()
    """Shape of what it gave back."""

    def is_where(self, other: Place) -> bool:
        """Whether both stand at the same place, whatever ran there."""
        return (self.file, self.line, self.column) == (other.file, other.line, other.column)


Places = Mapping[str, Place]
"""By names of sites, such as `encoder.0:relu#1`, and by paths of modules. What is computed without
a gradient is counted by itself, as `:view@0`."""
NOWHERE: Places = MappingProxyType({})
OPTIMIZER = "optimizer"
"""The name under which it is noted where the optimizer is built."""
