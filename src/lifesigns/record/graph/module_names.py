"""The names of modules, as their networks give them; of several networks each has a prefix.

What torch wraps around a network or a part of it is no part of any name: a layer is called the same
alone, under DDP, compiled, sharded and checkpointed.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from lifesigns.record.graph import keras_layers
from lifesigns.records.names import WRAPPED, plain

WRAPPERS = frozenset(
    {"AveragedModel", "DataParallel", "DeepSpeedEngine", "DistributedDataParallel"}
)
"""Classes that call the network they wrap `module`, which others may call a part of their own."""


def module_names(roots: list[nn.Module]) -> dict[int, str]:
    """Path of every module below the roots, by `id`; a prefix tells several roots apart.

    Args:
        roots: The networks that are watched.

    Returns:
        Path by `id` of the module.
    """
    names: dict[int, str] = {}
    for prefix, root in zip(root_prefixes(roots), roots, strict=True):
        for path, module in named_modules(root):
            names.setdefault(id(module), f"{prefix}.{path}" if prefix and path else prefix or path)
    return names


def root_prefixes(roots: list[nn.Module]) -> list[str]:
    """Nothing for a single root; the class name, numbered where needed, for several."""
    return [""] if len(roots) == 1 else kinds_of(roots)


def kinds_of(modules: list[nn.Module]) -> list[str]:
    """The class name of each module, numbered where several are of one class."""
    kinds = [type(unwrapped(module)).__name__ for module in modules]
    return [
        kind if kinds.count(kind) == 1 else f"{kind}{kinds[:i].count(kind)}"
        for i, kind in enumerate(kinds)
    ]


def named_modules(root: nn.Module) -> list[tuple[str, nn.Module]]:
    """What `named_modules` lists, without the names of wrappers, and with the layers of Keras.

    Args:
        root: A network.
    """
    return _registered(root) or [(plain(path), module) for path, module in root.named_modules()]


def named_parameters(root: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """What `named_parameters` lists, in a fraction of its time where no class has its own.

    Args:
        root: A network.
    """
    is_usual = type(root).named_parameters is nn.Module.named_parameters
    modules = _registered(root) if is_usual or keras_layers.is_layer(root) else []
    if not modules:
        return [(plain(name), p) for name, p in root.named_parameters()]
    found: dict[int, tuple[str, nn.Parameter]] = {}
    for path, module in modules:
        for name, p in _own_parameters(module):
            if p is not None and id(p) not in found:
                found[id(p)] = f"{path}.{name}" if path else name, p
    return list(found.values())


def _own_parameters(module: nn.Module) -> Iterable[tuple[str, nn.Parameter | None]]:
    is_layer = keras_layers.is_layer(module)
    return keras_layers.weights(module) if is_layer else module._parameters.items()


def unwrapped(model: nn.Module) -> nn.Module:
    """The network that torch has compiled, sharded or spread over processes; itself, if none.

    Args:
        model: A network.
    """
    while (inner := _wrapped(model)) is not None:
        model = inner
    return model


def _wrapped(module: nn.Module) -> nn.Module | None:
    for name, part in module._modules.items():
        if part is not None and _is_transparent(module, name):
            return part
    return None


def _is_transparent(module: nn.Module, name: str) -> bool:
    return name in WRAPPED or (
        name == "module" and not WRAPPERS.isdisjoint(kind.__name__ for kind in type(module).__mro__)
    )


def _registered(root: nn.Module) -> list[tuple[str, nn.Module]]:
    """What `named_modules` lists, in a fifth of its time; nothing where a class has its own."""
    found, seen, stack = [], set[int](), [("", root)]
    while stack:
        path, module = stack.pop()
        if type(module).named_modules is not nn.Module.named_modules:
            return []
        if id(module) in seen:
            continue
        seen.add(id(module))
        found.append((path, module))
        is_layer = keras_layers.is_layer(module)
        parts = keras_layers.parts(module) if is_layer else module._modules.items()
        stack += [
            (path if _is_transparent(module, name) else f"{path}.{name}" if path else name, part)
            for name, part in reversed(parts)
            if part is not None
        ]
    return found
