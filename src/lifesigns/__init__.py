"""Tells whether a PyTorch network can learn: activations, initialisation and loss.

Example:
    >>> import lifesigns
    >>> lifesigns.watch.__name__, lifesigns.check.__name__
    ('watch', 'check')
"""

from __future__ import annotations

import random
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lifesigns.check import check
    from lifesigns.prove.front import proof
    from lifesigns.report import Report
    from lifesigns.watch import Watcher, watch

__version__ = "0.1.0"
__all__ = ["Report", "Watcher", "__version__", "check", "proof", "watch"]

_HOMES = {
    "Report": "report",
    "Watcher": "watch",
    "check": "check",
    "proof": "prove.front",
    "watch": "watch",
}
"""The module of each name; imported on first use, because `lifesigns --help` needs no torch."""


class _Package(ModuleType):
    """Keeps `lifesigns.watch` and `lifesigns.check` the functions, not the modules of that name.

    Python stores every imported submodule as an attribute of its package.
    """

    def __getattr__(self, name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'lifesigns' has no attribute {name!r}")
        state = random.getstate()  # rich draws a number when it is imported
        try:
            return getattr(import_module(f"lifesigns.{_HOMES[name]}"), name)
        finally:
            random.setstate(state)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOMES and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
