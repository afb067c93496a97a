"""Activations that take several values to one, or one to several, along a dimension."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Maxout(nn.Module):
    """The greatest of `pieces` adjacent values.

    A maxout layer of n units is `nn.Sequential(nn.Linear(m, n * pieces), Maxout(pieces))`: it has
    `pieces` times the weights of a ReLU layer.

    Args:
        pieces: How many linear maps compete for each unit, at least 2.
        dim: The dimension of the units; -1 after linear maps, 1 after convolutions.

    Shape: `[..., n * pieces, ...]` to `[..., n, ...]` along `dim`.

    Source: Goodfellow et al. 2013.

    Example:
        >>> Maxout(2)(torch.tensor([[1.0, 5.0, -3.0, -4.0]]))
        tensor([[ 5., -3.]])
    """

    def __init__(self, pieces: int = 2, dim: int = -1) -> None:
        super().__init__()
        if pieces < 2:
            raise ValueError(f"Maxout(pieces={pieces}): at least 2 pieces are needed.")
        self.pieces, self.dim = pieces, dim

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`.

        Args:
            x: Shape `[..., n * pieces, ...]` along `dim`.

        Returns:
            Shape `[..., n, ...]`.

        Raises:
            ValueError: The units cannot be divided into groups of `pieces`.
        """
        size = x.shape[self.dim]
        if size % self.pieces:
            raise ValueError(
                f"Maxout({self.pieces}) got {size} values along dimension {self.dim}: the layer "
                f"before it needs a multiple of {self.pieces} outputs."
            )
        grouped = torch.unflatten(x, self.dim, (size // self.pieces, self.pieces))
        return torch.max(grouped, self.dim if self.dim < 0 else self.dim + 1).values

    def extra_repr(self) -> str:
        """`pieces` and `dim`."""
        return f"{self.pieces}, dim={self.dim}"


class CReLU(nn.Module):
    """ReLU of x and of -x, side by side.

    Args:
        dim: The dimension to lengthen; -1 after linear maps, 1 after convolutions.

    Shape: `[..., n, ...]` to `[..., 2n, ...]` along `dim`.

    Source: Shang et al. 2016.

    Example:
        >>> CReLU()(torch.tensor([[2.0, -3.0]]))
        tensor([[2., 0., 0., 3.]])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`.

        Args:
            x: Shape `[..., n, ...]` along `dim`; the result has 2n there, those of x first.
        """
        return F.relu(torch.cat([x, -x], self.dim))

    def extra_repr(self) -> str:
        """`dim`."""
        return f"dim={self.dim}"


class Sparsemax(nn.Module):
    """The nearest point of the probability simplex: like softmax, with exact zeros.

    Args:
        dim: The dimension that sums to 1.

    Shape: any, the same out.

    Source: Martins & Astudillo 2016.

    Example:
        >>> Sparsemax()(torch.tensor([3.0, 2.5, -1.0]))
        tensor([0.7500, 0.2500, 0.0000])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`.

        Args:
            x: Scores, with the classes along `dim`; the result sums to 1 there and has exact zeros.
        """
        last = x.movedim(self.dim, -1)
        descending = last.sort(-1, descending=True).values
        excess = descending.cumsum(-1) - 1
        ranks = torch.arange(1, last.shape[-1] + 1, device=x.device)
        kept = (ranks * descending > excess).sum(-1, keepdim=True)
        return F.relu(last - excess.gather(-1, kept - 1) / kept).movedim(-1, self.dim)

    def extra_repr(self) -> str:
        """`dim`."""
        return f"dim={self.dim}"


class _Gate(nn.Module, ABC):
    """a · gate(b), where a and b are the halves of the input, as in `nn.GLU`."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    @abstractmethod
    def gate(self, b: Tensor) -> Tensor:
        """What the second half is sent through."""

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`."""
        if x.shape[self.dim] % 2:
            raise ValueError(
                f"{type(self).__name__} halves dimension {self.dim}, which has {x.shape[self.dim]} "
                "values: the layer before it needs an even number of outputs."
            )
        a, b = x.chunk(2, self.dim)
        return a * self.gate(b)

    def extra_repr(self) -> str:
        """`dim`."""
        return f"dim={self.dim}"


class GEGLU(_Gate):
    """a · GELU(b). Shape: `[..., 2n, ...]` to `[..., n, ...]` along `dim`.

    Source: Shazeer 2020, "GLU variants improve transformer".

    Example:
        >>> GEGLU()(torch.tensor([2.0, 0.0]))
        tensor([0.])
    """

    def gate(self, b: Tensor) -> Tensor:
        """GELU."""
        return F.gelu(b)


class SwiGLU(_Gate):
    """a · SiLU(b). Shape: `[..., 2n, ...]` to `[..., n, ...]` along `dim`.

    Source: Shazeer 2020, "GLU variants improve transformer".

    Example:
        >>> SwiGLU()(torch.tensor([2.0, 0.0]))
        tensor([0.])
    """

    def gate(self, b: Tensor) -> Tensor:
        """SiLU."""
        return F.silu(b)


class ReGLU(_Gate):
    """a · ReLU(b). Shape: `[..., 2n, ...]` to `[..., n, ...]` along `dim`.

    Source: Shazeer 2020, "GLU variants improve transformer".

    Example:
        >>> ReGLU()(torch.tensor([2.0, 3.0]))
        tensor([6.])
    """

    def gate(self, b: Tensor) -> Tensor:
        """ReLU."""
        return F.relu(b)
