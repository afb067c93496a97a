"""Recurrent networks: a cell that reads a sequence, and a linear map of its last state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor, nn

CELLS = MappingProxyType[str, Callable[..., nn.RNNBase]](
    {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
)
"""Torch's recurrent layers by name; `rnn` has tanh."""


@dataclass(frozen=True)
class Recurrent:
    """A recurrent layer, and a linear map of its state after the last step.

    Example:
        >>> import torch
        >>> Recurrent("gru", 8, 16, 10).build()(torch.zeros(32, 5, 8)).shape
        torch.Size([32, 10])
    """

    cell: str
    """A key of `CELLS`."""
    inputs: int
    """Features of one step. Flat samples are read as steps of so many values: an image as rows."""
    hidden: int
    outputs: int
    layers: int = 1

    def build(self) -> nn.Sequential:
        """The torch module; input `[batch, steps, inputs]`, or those flattened."""
        kind = CELLS[self.cell]
        reader = kind(self.inputs, self.hidden, num_layers=self.layers, batch_first=True)
        return nn.Sequential(
            nn.Flatten(),
            nn.Unflatten(1, (-1, self.inputs)),
            reader,
            LastState(),
            nn.Linear(self.hidden, self.outputs),
        )


class LastState(nn.Module):
    """Of what a recurrent layer returns, the output after the last step: `[batch, hidden]`."""

    def forward(self, found: tuple[Tensor, object]) -> Tensor:
        """From the outputs `[batch, steps, hidden]` and the states.

        Args:
            found: What `nn.RNN`, `nn.LSTM` and `nn.GRU` return with `batch_first=True`.

        Returns:
            The outputs of the last step, shape `[batch, hidden]`.
        """
        return found[0][:, -1]
