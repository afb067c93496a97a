"""Other seeds for a script that sets its own: what it passes to `manual_seed` is shifted.

All arms start from the same seeds, so that one without any repeats, too. Generators that a script
makes and seeds itself (`torch.Generator`, NumPy's `RandomState`) keep their seed: they mostly draw
the data, which all pairs share then.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import torch

STRIDE = 1_000_003
"""Between the seeds of two pairs: scripts use small numbers and their neighbours (`seed + 1`)."""
LARGEST = 2**32
"""NumPy takes no seed beyond."""


def shift(by: int) -> None:
    """From now on every seed in this process is another one; for good.

    Args:
        by: Number of the pair; 0 leaves the script's seeds as they are.
    """
    places = ((torch, "manual_seed"), (torch.random, "manual_seed"), (random, "seed"))
    for owner, name in (*places, (np.random, "seed"), (np.random, "default_rng")):
        if by:
            setattr(owner, name, _shifted(getattr(owner, name), by * STRIDE))
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002, the generator that scripts use


def _shifted(seed: Callable[..., Any], offset: int) -> Callable[..., Any]:
    @wraps(seed)
    def shifted(*args: Any, **kwargs: Any) -> Any:
        if args:
            return seed(_other(args[0], offset), *args[1:], **kwargs)
        return seed(**{name: _other(value, offset) for name, value in kwargs.items()})

    return shifted


def _other(value: Any, offset: int) -> Any:
    """Another whole number; what is no such seed (None, text, a generator) is left alone."""
    is_seed = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return (int(value) + offset) % LARGEST if is_seed else value
