"""The modules and parameters of a network, listed once for as long as it holds the same."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from lifesigns.record.graph import keras_layers
from lifesigns.record.graph.module_names import named_modules, named_parameters

Held = tuple[tuple[str, ...], tuple[Any, ...]]
"""Names, and a reference to what each names; None for nothing."""


class _Module(NamedTuple):
    module: weakref.ref[nn.Module]
    parts: Held
    parameters: Held

    def is_as_it_was(self) -> bool:
        """Whether it holds the same parts and parameters, under the same names."""
        module = self.module()
        if module is None:
            return False
        return _are_held(self.parts, module._modules) and _are_held(
            self.parameters, module._parameters
        )


class KnownModules:
    """Names of the modules and parameters of one network. Nothing here keeps it alive.

    The key is what each module holds at this moment, told by `is_of`: a layer may be exchanged,
    frozen or pruned between any two steps.

    Args:
        root: The network.
    """

    def __init__(self, root: nn.Module) -> None:
        modules = named_modules(root)
        self.names: Mapping[int, str] = _by_id(modules)
        """Path by `id` of the module."""
        self._parameters = [(name, weakref.ref(p)) for name, p in named_parameters(root)]
        self._root = weakref.ref(root)
        self._held = [
            _Module(weakref.ref(m), _held(m._modules), _held(m._parameters)) for _, m in modules
        ]
        usual = (nn.Module.named_modules, nn.Module.named_parameters)
        self._is_usual = not any(
            keras_layers.is_layer(m) or (type(m).named_modules, type(m).named_parameters) != usual
            for _, m in modules
        )

    def is_of(self, root: nn.Module) -> bool:
        """Whether all of this still holds of a network.

        Args:
            root: The network.
        """
        if not self._is_usual or self._root() is not root:
            return False
        return all(one.is_as_it_was() for one in self._held)

    def parameters(self) -> dict[str, Tensor]:
        """The parameters by name; right after `is_of` has told that they are the same."""
        return {n: p for n, ref in self._parameters if (p := ref()) is not None and p.is_leaf}


def _by_id(modules: list[tuple[str, nn.Module]]) -> dict[int, str]:
    names: dict[int, str] = {}
    for path, module in modules:
        names.setdefault(id(module), path)
    return names


def _held(things: Mapping[str, Any]) -> Held:
    references = [None if thing is None else weakref.ref(thing) for thing in things.values()]
    return tuple(things), tuple(references)


def _are_held(known: Held, things: Mapping[str, Any]) -> bool:
    if not things:
        return not known[0]
    names, references = known
    if len(names) != len(things) or names != tuple(things):
        return False
    for reference, thing in zip(references, things.values(), strict=True):
        if thing is None or reference is None:  # a reference to what is gone gives None as well
            if thing is not reference:
                return False
        elif reference() is not thing:
            return False
    return True
