"""The value of a loss whose root looks like one seen before, at next to no cost."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lifesigns.record.graph.walk import saved
from lifesigns.record.loss.summands import root_factor
from lifesigns.record.readable import is_plain_number, is_readable


class KnownRoot(NamedTuple):
    """What a loss and its node looked like when they went the long way, through `root_factor`."""

    node: type[Any]
    is_cpu: bool
    dtype: torch.dtype
    is_view: bool
    """Whether it shares the memory of another tensor, which may hold it with its sign turned."""
    below: tuple[type, ...] = ()
    """The nodes it leads to, where these tell whether the loss was scaled."""
    scaled: int = 0
    """1 if the loss was multiplied by the number that its node keeps, -1 if divided."""

    def value(self, loss: Tensor) -> float | Tensor | None:
        """The loss, scaling undone; a tensor if it is on another device and not waited for.

        Args:
            loss: A tensor of no subclass, as it was passed to `backward`.

        Returns:
            None if it looks different: the long way is to be gone.
        """
        node: Any = loss.grad_fn
        if node.__class__ is not self.node or loss.is_cpu is not self.is_cpu or not loss.data_ptr():
            return None
        if loss.is_complex():  # torch is about to refuse it
            return None
        if self.below and self.below != tuple([type(n) for n, _ in node.next_functions]):
            return None
        value: float | Tensor = loss.item() if self.is_cpu else loss.detach()
        return self._unscaled(value, node) if self.scaled else value

    def _unscaled(self, value: float | Tensor, node: Any) -> float | Tensor | None:
        number = saved(node, "other")  # None if it was changed in place since
        if not isinstance(number, Tensor):
            return None
        if not self.is_cpu:
            size = number.detach().abs()
            return value / size if self.scaled > 0 else value * size
        factor = abs(number.item())
        if not 0 < factor < math.inf:
            return None
        return value / factor if self.scaled > 0 else value * factor


def known_root(loss: Tensor) -> KnownRoot | None:
    """What a loss looks like, if those that look like it need no further look.

    Args:
        loss: With a graph, as it was passed to `backward`.
    """
    node: Any = loss.grad_fn
    if type(loss) is not Tensor or node is None or loss.numel() != 1:
        return None
    if not (is_plain_number(loss) if loss.is_cpu else is_readable(loss)):
        return None
    name, known = node.name(), KnownRoot(type(node), loss.is_cpu, loss.dtype, loss._is_view())
    if not name.startswith(("MulBackward", "DivBackward")):
        return known
    factor, number = root_factor(node), saved(node, "other")
    known = known._replace(below=tuple(type(n) for n, _ in node.next_functions))
    if factor == 1.0:  # by what it leads to, or by chance
        below = node.next_functions[0][0]
        is_sum = below is not None and below.name().startswith(("SumBackward", "NegBackward"))
        return known if is_sum else None
    if isinstance(number, Tensor) and number.dim() == 0:
        return known._replace(scaled=1 if name.startswith("Mul") else -1)
    return None
