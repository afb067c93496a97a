"""What went into a network and what came out of it, kept until its loss is known."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import Any

import torch
from torch import Tensor

from lifesigns.record.readable import detached, is_readable, without_modes

DEEPEST = 8
"""Containers within containers that are looked into for a prediction."""
MOST_ELEMENTS = 1 << 24
"""Of inputs and outputs that are kept, together."""


@dataclass(frozen=True)
class Prediction:
    """What a root module returned, without its graph: an armed step must not keep one alive."""

    value: Tensor
    node: int | None
    """Sequence number of the autograd node that made it."""
    version: int

    @property
    def is_overwritten(self) -> bool:
        """Whether it was modified in place since."""
        return _version(self.value) != self.version

    @classmethod
    def of(cls, output: Any) -> Prediction | None:
        """The first tensor in a module's output."""
        tensor = first_tensor(output)
        value = None if tensor is None else detached(tensor)
        if tensor is None or value is None:
            return None
        return cls(value, maker_of(tensor), _version(tensor))


def _version(tensor: Tensor) -> int:
    """How often it was modified in place; always 0 in inference mode, where that is not counted."""
    return 0 if tensor.is_inference() else tensor._version


def first_tensor(output: Any, depth: int = 0) -> Tensor | None:
    """The prediction in a module's output: a tensor, or the `logits` or first tensor inside.

    Looks only where looking runs no code of the user: a mapping or property of their own might
    draw random numbers.

    Args:
        output: What a module returned.
        depth: How many containers it lies in.
    """
    if isinstance(output, Tensor):
        return output if is_readable(output) else None
    if depth > DEEPEST:
        return None
    if isinstance(output, dict):
        chosen = dict.get(output, "logits")
        held = list(dict.values(output))
        return chosen if isinstance(chosen, Tensor) else first_tensor(held, depth + 1)
    if isinstance(output, list | tuple):
        tensors = [t for t in (first_tensor(o, depth + 1) for o in output) if t is not None]
        return next((t for t in tensors if t.dim() > 0), tensors[0] if tensors else None)
    if is_dataclass(type(output)):
        return first_tensor(list(getattr(output, "__dict__", {}).values()), depth + 1)
    return None


def kept(tensor: Tensor) -> Tensor | None:
    """The values of a tensor, to be read later; a copy of memory that is another library's.

    Such memory (NumPy's, a file mapped by the script) may be gone by then.

    Args:
        tensor: One that is readable.
    """
    value = detached(tensor)
    if value is None or value.untyped_storage().resizable():
        return value
    with without_modes(), torch.no_grad():
        return value.clone() if value.numel() <= MOST_ELEMENTS else None


def maker_of(tensor: Tensor | None) -> int | None:
    """Sequence number of the autograd node that made a tensor."""
    return None if tensor is None or tensor.grad_fn is None else tensor.grad_fn._sequence_nr()
