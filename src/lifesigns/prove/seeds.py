"""Other seeds for a script that sets its own: what it passes to `manual_seed` is shifted.

All arms start from the same seeds, so that one without any repeats, too. Generators that a script
makes and seeds itself (`torch.Generator`, NumPy's `RandomState`) keep their seed: they mostly draw
the data, which all pairs share then. What would be another number in each run (no seed at all, or
the time of day) becomes one that is the same.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import count
from typing import Any

import numpy as np
import torch

STRIDE = 1_000_003
"""Between the seeds of two pairs: scripts use small numbers and their neighbours (`seed + 1`)."""
RECENT = 60.0
"""Seconds within which a number that is the time of day is taken for it."""
LARGEST = 2**32
"""NumPy takes no seed beyond."""
NAMES = ("seed", "a")
"""What the seed is called where it is passed by name."""


def shift(by: int) -> None:
    """From now on every seed in this process is another one; for good.

    Args:
        by: Number of the pair; 0 leaves the script's seeds as they are, but for those that nobody
            could name again.
    """
    places = ((torch, "manual_seed"), (torch.random, "manual_seed"), (random, "seed"))
    for owner, name in (*places, (np.random, "seed"), (np.random, "default_rng")):
        setattr(owner, name, _shifted(getattr(owner, name), by * STRIDE))
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002, the generator that scripts use


def _shifted(seed: Callable[..., Any], offset: int) -> Callable[..., Any]:
    unnamed = count()

    @wraps(seed)
    def shifted(*args: Any, **kwargs: Any) -> Any:
        if args:
            return seed(_other(args[0], offset, unnamed), *args[1:], **kwargs)
        if kwargs:
            given = {k: _other(v, offset, unnamed) for k, v in kwargs.items() if k in NAMES}
            return seed(**{**kwargs, **given})
        return seed(_other(None, offset, unnamed))

    return shifted


def _other(value: Any, offset: int, unnamed: Iterator[int]) -> Any:
    """Another whole number; what is no such seed (text, a generator) is left alone.

    Args:
        value: What the script gives as a seed.
        offset: Of the pair.
        unnamed: The seeds of those that have none, which differ from one another.
    """
    if value is None or _is_clock(value):
        return (next(unnamed) + offset) % LARGEST
    is_seed = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return (int(value) + offset) % LARGEST if is_seed and offset else value


def _is_clock(value: Any) -> bool:
    """Whether a seed is the time of day, in seconds or in smaller units."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer):
        return False
    now = time.time()
    return any(abs(float(value) / unit - now) < RECENT for unit in (1, 1e3, 1e6, 1e9))
