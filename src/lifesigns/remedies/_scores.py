"""A softmax that is written by hand, and the logarithm of one, computed without overflow.

A tensor that a softmax, or a step of one, gave remembers the scores that it was made of, so that
what is computed of it next can be computed of the scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

QUOTIENTS = frozenset({"div", "__truediv__", "true_divide", "divide"})
PARTS = frozenset({"gather", "__getitem__", "index_select", "select", "squeeze", "take_along_dim"})
"""What takes some of the numbers as they are."""


@dataclass(frozen=True)
class _Origin:
    """What a tensor was made of."""

    stage: str
    """`exp`, `sum` of exponentials, or `softmax`."""
    scores: Tensor
    dim: int = -1
    parts: tuple[Callable[[Tensor], Tensor], ...] = ()
    """Of a softmax: what was taken of it."""


class StableScores(TorchFunctionMode):
    """While open, `exp(z) / exp(z).sum(dim)` is a softmax, and `log` of one is a log-softmax."""

    def __init__(self) -> None:
        super().__init__()
        self._made: Any = WeakTensorKeyDictionary()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given, name = kwargs or {}, getattr(func, "__name__", "")
        if not args or type(args[0]) is not Tensor:
            return func(*args, **given)
        origin = self._made.get(args[0])
        if name == "log" and origin is not None and origin.stage == "softmax":
            return _logarithm(origin)
        if name in QUOTIENTS and (ratio := self._ratio(origin, args[1])) is not None:
            result: Any = torch.softmax(ratio.scores, ratio.dim)
            self._made[result] = ratio
            return result
        result = func(*args, **given)
        following = self._following(name, origin, func, args, given)
        if following is not None and type(result) is Tensor:
            self._made[result] = following
        return result

    def _ratio(self, above: _Origin | None, below: Any) -> _Origin | None:
        """The softmax that a fraction of two tensors is, if it is one."""
        other = self._made.get(below) if type(below) is Tensor else None
        if above is None or other is None or (above.stage, other.stage) != ("exp", "sum"):
            return None
        same = above.scores is other.scores
        return _Origin("softmax", above.scores, other.dim) if same else None

    def _following(
        self, name: str, origin: _Origin | None, func: Any, args: Any, given: Any
    ) -> _Origin | None:
        """What the result of a call was made of."""
        if name == "exp":
            return _Origin("exp", args[0])
        dim = given.get("dim", args[1] if len(args) > 1 else None)
        if name == "softmax" and isinstance(dim, int):
            return _Origin("softmax", args[0], dim)
        if origin is None:
            return None
        if name == "sum" and origin.stage == "exp" and isinstance(dim, int):
            return _Origin("sum", origin.scores, dim)
        if name in PARTS and origin.stage == "softmax":
            taken = (*origin.parts, lambda whole: func(whole, *args[1:], **given))
            return _Origin("softmax", origin.scores, origin.dim, taken)
        return None


def _logarithm(origin: _Origin) -> Tensor:
    result = torch.log_softmax(origin.scores, origin.dim)
    for part in origin.parts:
        result = part(result)
    return result
