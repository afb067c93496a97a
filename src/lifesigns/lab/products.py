"""Which of torch's two libraries multiplies the matrices of a population.

torch multiplies float32 matrices with MKL, which on processors of other makers does without their
widest instructions. oneDNN uses them, and is reached by allowing bfloat16 *inside* float32
products; a processor without such a unit keeps to float32 nevertheless. Whether this one does is
measured: where a product is not as exact as before, nothing is changed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import torch
from torch import Tensor, bmm

LARGE, MANY = 16_384, 1_500_000
"""Multiplications in one member's product, and in that of all: from both on oneDNN is the faster
one. Measured; its calls cost more, and below neither is used well."""
MOST_ERROR = 1e-6
"""Relative to the sum of absolute products; float32 stays below, bfloat16 is above 1e-4."""


def exact_products(weights: Sequence[Tensor], batch_size: int) -> AbstractContextManager[object]:
    """Makes the products of a program fast where that costs no accuracy; reusable, not nested.

    Args:
        weights: Shape `[K, O, I + 1]` each.
        batch_size: Samples in a batch.
    """
    one = max(weight[0].numel() for weight in weights) * batch_size
    worthwhile = one >= LARGE and one * len(weights[0]) >= MANY
    if worthwhile and weights[0].dtype == torch.float32 and onednn_is_exact():
        return _OneDNN()
    return contextlib.nullcontext()


class _OneDNN:
    """Within it float32 products are oneDNN's; as before afterwards."""

    def __enter__(self) -> None:
        self._before = _setting().fp32_precision
        _setting().fp32_precision = "bf16"

    def __exit__(self, *_: object) -> None:
        _setting().fp32_precision = self._before


def _setting() -> Any:
    """What decides about oneDNN's products in torch; None before torch 2.9."""
    return getattr(torch.backends.mkldnn, "matmul", None)


@cache
def onednn_is_exact() -> bool:
    """Whether this torch can ask for oneDNN, and this processor then keeps to float32."""
    known = hasattr(_setting(), "fp32_precision")
    return known and all(_error(*pair) < MOST_ERROR for pair in _probes())


def _probes() -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of matrices in the shapes and layouts of forward and backward."""
    random = torch.Generator().manual_seed(0)
    for size in (16, 65, 129):
        a, b = (torch.randn(4, size, size, generator=random) for _ in range(2))
        yield a, b
        yield a, b.transpose(1, 2)
        yield a.transpose(1, 2), b


def _error(a: Tensor, b: Tensor) -> float:
    with _OneDNN():
        found = bmm(a, b)
    expected, scale = a.double() @ b.double(), a.abs() @ b.abs()
    return float(((found - expected) / scale).abs().max())
