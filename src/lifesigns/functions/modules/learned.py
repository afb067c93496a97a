"""Activations that learn a number for each unit, or one shared number."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class UnitPReLU(nn.Module):
    """A ReLU whose slope below 0 is learned for each unit of the trailing dimensions.

    `nn.PReLU(n)` puts its n slopes on dimension 1, which is right for `[batch, units]` and for
    channels; for `[batch, time, units]`, or a slope for each pixel, they belong on the last ones.

    Args:
        shape: Trailing dimensions with a slope of their own, e.g. `64`, or `16, 28, 28`.
        slope: Where they start. Do not decay them: that would draw the function towards ReLU.

    Shape: `[..., *shape]`, the same out.

    Source: He et al. 2015, who start at 0.25.

    Example:
        >>> UnitPReLU(2)(torch.tensor([[-4.0, 4.0]]))
        tensor([[-1.,  4.]], grad_fn=<WhereBackward0>)
    """

    def __init__(self, *shape: int, slope: float = 0.25) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full(shape, slope))

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`.

        Args:
            x: Shape `[..., *shape]`; leading dimensions share the slopes.
        """
        return torch.where(x > 0, x, self.slope * x)

    def extra_repr(self) -> str:
        """The shape."""
        return ", ".join(map(str, self.slope.shape))


class Snake(nn.Module):
    """x + sin²(a x)/a, with `a` learned, shared or for each unit of the trailing dimensions.

    Args:
        shape: Trailing dimensions with a rate of their own; none for one shared rate.
        rate: Where `a` starts, not 0; larger for faster oscillation (5 to 50 for waveforms).

    Shape: `[..., *shape]`, the same out.

    Source: Ziyin et al. 2020, "Neural networks fail to learn periodic functions".

    Example:
        >>> Snake()(torch.tensor([0.0, torch.pi]))
        tensor([0.0000, 3.1416], grad_fn=<AddBackward0>)
    """

    def __init__(self, *shape: int, rate: float = 1.0) -> None:
        super().__init__()
        if rate == 0:
            raise ValueError("Snake(rate=0): the function divides by its rate; 1 is usual.")
        self.rate = nn.Parameter(torch.full(shape, rate))

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`.

        Args:
            x: Shape `[..., *shape]`; leading dimensions share the rates.
        """
        return x + torch.sin(self.rate * x).square() / self.rate

    def extra_repr(self) -> str:
        """The shape."""
        return ", ".join(map(str, self.rate.shape))
