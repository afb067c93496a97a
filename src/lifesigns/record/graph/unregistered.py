"""Layers and weights in attributes that `nn.Module` does not register: plain lists, plain tensors.

A graph leads to them, `parameters()` does not, and so no optimizer holds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from lifesigns.record.graph.module_names import named_modules

MOST = 1000
"""Entries of one list or dictionary that are looked at."""


def unregistered(root: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters that a network holds without knowing: `hidden[0].weight`, `scale`.

    Args:
        root: The network; the code of its attributes is not run.
    """
    for path, module in named_modules(root):
        for name, value in vars(module).items():
            place = f"{path}.{name}" if path else name
            if name not in _OWN:
                yield from _within(place, value)


_OWN = frozenset(vars(nn.Module()))
"""What every module has: its registered parts, and its hooks."""


def _within(place: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    for key, entry in _entries(value):
        at = place if key is None else f"{place}[{key!r}]"
        if isinstance(entry, nn.Module):
            yield from ((f"{at}.{name}", p) for name, p in entry.named_parameters())
        elif isinstance(entry, Tensor) and entry.is_leaf and entry.requires_grad:
            yield at, entry


def _entries(value: Any) -> Iterator[tuple[Any, Any]]:
    """Key and value of a list, a tuple or a dictionary; of anything else itself, without a key."""
    if type(value) in (list, tuple):
        yield from enumerate(value[:MOST])
    elif type(value) is dict and len(value) <= MOST:
        yield from ((key, entry) for key, entry in value.items() if type(key) in (str, int))
    else:
        yield None, value
