"""Which networks are watched by whom: one network has one watcher."""

from __future__ import annotations

import weakref

from torch import nn

from lifesigns._watching.run import WatchedRun
from lifesigns.record.graph.module_names import unwrapped

_held: dict[int, tuple[weakref.ref[nn.Module], weakref.ref[WatchedRun]]] = {}


def free(model: nn.Module) -> None:
    """Detaches whoever watches a network, and says so.

    Args:
        model: Wrapped or not: `torch.compile` and DDP make no other network of it.
    """
    for key in [key for key, (known, _) in _held.items() if known() is None]:
        del _held[key]
    earlier = _held.pop(id(unwrapped(model)), None)
    run = None if earlier is None else earlier[1]()
    if run is not None:
        run.replaced()


def hold(model: nn.Module, run: WatchedRun) -> None:
    """Notes who watches a network.

    Args:
        model: Nobody watches it any more.
        run: Neither is kept alive.
    """
    network = unwrapped(model)
    _held[id(network)] = weakref.ref(network), weakref.ref(run)
