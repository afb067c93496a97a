"""Which of several processes that train together this one is, and what that makes of a file's name.

Told from the environment, as torchrun and other launchers set it, or from `torch.distributed` once
the program has begun it. Nothing here talks to another process.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PLACE = "{rank}"
"""Stands for the number of the process in the name of a file."""
MOST = 2**20
"""Processes; a larger number in the environment is no number of processes."""


@dataclass(frozen=True)
class Rank:
    """One of several processes that train together."""

    number: int
    world: int
    """How many there are; at least 2."""

    def __str__(self) -> str:
        return f"rank {self.number} of {self.world}"


def rank_here() -> Rank | None:
    """This process among those that train together; None where it trains alone.

    Example:
        >>> rank_here() is None
        True
    """
    number, world = _begun() or _told()
    return Rank(number, world) if 0 <= number < world and 1 < world <= MOST else None


def filled(path: Path, rank: Rank | None) -> Path:
    """A path with the number of the process where it says `{rank}`.

    Args:
        path: Of a file.
        rank: None for a process that trains alone, which is number 0.
    """
    return Path(str(path).replace(PLACE, str(rank.number if rank else 0)))


def placed(path: Path, rank: Rank | None = None) -> Path:
    """The path of a file that every process writes for itself.

    Args:
        path: Where it has no `{rank}`, and there are several processes, it gets one.
        rank: None asks `rank_here`.

    Example:
        >>> str(placed(Path("runs/a.lifesigns"), Rank(1, 2))), str(placed(Path("a{rank}.b")))
        ('runs/a-rank1.lifesigns', 'a0.b')
    """
    rank = rank or rank_here()
    own = f"-rank{rank.number}" if rank else ""
    if PLACE in str(path) or path.stem.endswith(own):
        return filled(path, rank)
    return path.with_name(f"{path.stem}{own}{path.suffix}")


def _begun() -> tuple[int, int] | None:
    distributed = sys.modules.get("torch.distributed")
    with suppress(Exception):  # a torch without it, or one that is being imported
        if distributed is not None and distributed.is_initialized():
            return distributed.get_rank(), distributed.get_world_size()
    return None


def _told() -> tuple[int, int]:
    try:
        return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        return 0, 1
