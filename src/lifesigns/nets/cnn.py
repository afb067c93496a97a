"""The convolutional network: convolutions with pooling, then one linear map."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from lifesigns.nets.mlp import ACTIVATION_MODULES, initialised


@dataclass(frozen=True)
class CNN:
    """Blocks of 3x3 convolution, activation and 2x2 max pooling, then a linear map to the outputs.

    Example:
        >>> import torch
        >>> CNN((1, 8, 8), (4, 8), 10).build()(torch.zeros(32, 1, 8, 8)).shape
        torch.Size([32, 10])
    """

    image: tuple[int, int, int]
    """Channels, height and width of the input."""
    channels: tuple[int, ...]
    """Of each block; height and width are halved by each."""
    outputs: int
    activation: str = "relu"
    """A key of `ACTIVATION_MODULES` that acts value by value."""
    initialiser: str | None = None
    """Of every layer; see `nets.mlp.initialised`."""

    def build(self) -> nn.Sequential:
        """The torch module; input `[batch, channels, height, width]`, or those flattened."""
        first, height, width = self.image
        layers: list[nn.Module] = [nn.Flatten(), nn.Unflatten(1, self.image)]
        for fan_in, fan_out in pairwise((first, *self.channels)):
            convolution = nn.Conv2d(fan_in, fan_out, 3, padding=1)
            layers.append(initialised(convolution, self.initialiser))
            layers += [ACTIVATION_MODULES[self.activation](), nn.MaxPool2d(2)]
            height, width = height // 2, width // 2
        last = nn.Linear((first, *self.channels)[-1] * height * width, self.outputs)
        return nn.Sequential(*layers, nn.Flatten(), initialised(last, self.initialiser))
