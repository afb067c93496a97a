"""Elementwise activations without parameters. Shape: any, the output has that of the input."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lifesigns.functions.activations.squashing import LECUN_RATE, LECUN_SCALE


class SquaredReLU(nn.Module):
    """max(0, x)². Shape: any, the same out.

    Source: So et al. 2021, Primer.

    Example:
        >>> SquaredReLU()(torch.tensor([-1.0, 3.0]))
        tensor([0., 9.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`."""
        return F.relu(x).square()


class Squareplus(nn.Module):
    """(x + √(x² + b)) / 2. Shape: any, the same out.

    Args:
        b: How wide the bend is, above 0; the value at 0 is √b / 2.

    Source: Barron 2021; `jax.nn.squareplus` has the same default.

    Example:
        >>> Squareplus()(torch.tensor([0.0, 1.5]))
        tensor([1., 2.])
    """

    def __init__(self, b: float = 4.0) -> None:
        super().__init__()
        if not b > 0:
            raise ValueError(f"Squareplus(b={b}): b must be above 0; 4 is usual.")
        self.b = b

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`."""
        return (x + torch.hypot(x, x.new_tensor(self.b**0.5))) / 2

    def extra_repr(self) -> str:
        """`b`."""
        return f"b={self.b}"


class SparsePlus(nn.Module):
    """0 below -1, (x + 1)²/4 up to 1, x above. Shape: any, the same out.

    Source: `jax.nn.sparse_plus`.

    Example:
        >>> SparsePlus()(torch.tensor([-2.0, 0.0, 3.0]))
        tensor([0.0000, 0.2500, 3.0000])
    """

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`."""
        return torch.where(x < 1, F.relu(x + 1).square() / 4, x)


class SparseSigmoid(nn.Module):
    """min(1, max(0, (x + 1)/2)). Shape: any, the same out.

    Source: `jax.nn.sparse_sigmoid`.

    Example:
        >>> SparseSigmoid()(torch.tensor([-2.0, 0.0, 3.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`."""
        return (F.hardtanh(x) + 1) / 2


class ScaledTanh(nn.Module):
    """1.7159 tanh(2x/3). Shape: any, the same out.

    Source: LeCun et al. 1998, Efficient BackProp.

    Example:
        >>> ScaledTanh()(torch.tensor([-1.0, 1.0]))
        tensor([-1.0000,  1.0000])
    """

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`."""
        return LECUN_SCALE * torch.tanh(LECUN_RATE * x)


class Sine(nn.Module):
    """sin(rate · x). Shape: any, the same out.

    Args:
        rate: Cycles faster where it is greater; 1 by default, 30 in the first layer of a SIREN.

    Source: Sitzmann et al. 2020.

    Example:
        >>> Sine(rate=2)(torch.tensor([0.0, torch.pi / 4]))
        tensor([0., 1.])
    """

    def __init__(self, rate: float = 1.0) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`."""
        return torch.sin(self.rate * x)

    def extra_repr(self) -> str:
        """`rate`."""
        return f"rate={self.rate}"


class Exp(nn.Module):
    """exp(x). Shape: any, the same out.

    Source: `keras.activations.exponential`.

    Example:
        >>> Exp()(torch.zeros(2))
        tensor([1., 1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`."""
        return torch.exp(x)
