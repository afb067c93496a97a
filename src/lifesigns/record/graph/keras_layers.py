"""What Keras keeps where torch does not look: the layers of a model, their weights, its optimizer.

On torch, a layer of Keras is an `nn.Module`, and its model registers a dictionary of all weights
instead of its layers. What the model itself knows is read; Keras is not imported.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

_OWN = frozenset({"_layers", "_trainable_variables"})
"""Attributes that each layer of Keras has, and together nothing else."""
_REPEATED = frozenset({"_functional", "_torch_params"})
"""Registered, and nothing but the layers and weights once more."""


def is_layer(module: nn.Module) -> bool:
    """Whether a module is a layer or a model of Keras.

    Args:
        module: Any; none of its code is run.
    """
    return vars(module).keys() >= _OWN


def parts(layer: nn.Module) -> list[tuple[str, nn.Module]]:
    """The layers directly in a layer: by its attribute where it is one, else by its own name.

    Args:
        layer: Of Keras.
    """
    found = [
        (name, part)
        for name, part in layer._modules.items()
        if part is not None and name not in _REPEATED
    ]
    registered = {id(part) for _, part in found}
    found += [
        (str(vars(part).get("name") or getattr(part, "name", i)), part)
        for i, part in enumerate(vars(layer)["_layers"])
        if isinstance(part, nn.Module) and id(part) not in registered
    ]
    return found


def weights(layer: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """A layer's own weights that can be trained; running statistics and seeds are none.

    Args:
        layer: Of Keras.
    """
    for variable in vars(layer)["_trainable_variables"]:
        value = getattr(variable, "_value", None)
        if isinstance(value, nn.Parameter):
            yield str(getattr(variable, "name", "")), value


def optimizer_name(model: nn.Module) -> str:
    """Class name of the optimizer that a model of Keras was compiled with; empty without one.

    Args:
        model: Any module.
    """
    optimizer = vars(model).get("optimizer") if is_layer(model) else None
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # scaling of the loss wraps it
    return "" if inner is None else type(inner).__name__
