"""Layer-sequential unit-variance initialisation: the one initialiser that looks at data."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lifesigns.functions.initialisers import INITIALISERS

TOLERANCE, ATTEMPTS = 0.02, 10
"""Source: Mishkin & Matas 2016, section 3: Tol_var 0.01 to 0.1, and T_max 10."""

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@torch.no_grad()
def rescale(model: nn.Module, batch: Tensor, generator: torch.Generator | None = None) -> None:
    """Orthogonal weights, zero biases, then each layer scaled to output variance 1, in order.

    Cost: up to `ATTEMPTS` forward passes for each layer.

    Args:
        model: Its linear maps and convolutions are filled, in the order in which they are
            registered, which should be that in which they run. Dropout and batch normalisation do
            in the forward passes what they do in the mode that the model is in.
        batch: What the model is called with, shape `[samples, ...]`.
        generator: Source of randomness; torch's global one by default.

    Example:
        >>> model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 3))
        >>> batch = torch.randn(256, 8)
        >>> rescale(model, batch)
        >>> bool((model(batch).std() - 1).abs() < 0.02)
        True
    """
    layers = [module for module in model.modules() if isinstance(module, LAYERS)]
    for layer in layers:
        INITIALISERS["lsuv"](layer.weight, generator)
        if layer.bias is not None:
            layer.bias.zero_()
    for layer in layers:
        _to_unit_variance(layer, model, batch)


def _to_unit_variance(layer: nn.Module, model: nn.Module, batch: Tensor) -> None:
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    try:
        for _ in range(ATTEMPTS):
            seen.clear()
            model(batch)
            spread = seen[-1].std() if seen else torch.ones(())
            if not spread > 0 or abs(spread - 1) < TOLERANCE:
                return
            weight = layer.weight
            assert isinstance(weight, Tensor)
            weight /= spread
    finally:
        handle.remove()
