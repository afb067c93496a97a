"""Activations of the batched program: the value, and the gradient before from that after.

The backward functions are torch's own kernels, the ones its autograd calls; what has none is
differentiated by autograd, elementwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lifesigns.nets.mlp import ACTIVATIONS, PIECES

aten = torch.ops.aten

Backward = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Gradient with respect to `z` from the one with respect to `a = f(z)`, given `(grad, z, a)`."""


def _maxout_backward(grad: Tensor, z: Tensor, a: Tensor) -> Tensor:
    largest = z.view(*a.shape, PIECES) == a.unsqueeze(-1)
    share: Tensor = grad / largest.sum(-1)
    return (largest * share.unsqueeze(-1)).flatten(-2)


_KERNELS: dict[str, Backward] = {
    "relu": lambda g, z, a: aten.threshold_backward(g, a, 0),
    "leaky_relu": lambda g, z, a: aten.leaky_relu_backward(g, z, 0.01, False),
    "tanh": lambda g, z, a: aten.tanh_backward(g, a),
    "sigmoid": lambda g, z, a: aten.sigmoid_backward(g, a),
    "softmax": lambda g, z, a: aten._softmax_backward_data(g, a, -1, z.dtype),
    "elu": lambda g, z, a: aten.elu_backward(g, 1.0, 1.0, 1.0, False, z),
    "gelu": lambda g, z, a: aten.gelu_backward(g, z),
    "silu": lambda g, z, a: aten.silu_backward(g, z),
    "mish": lambda g, z, a: aten.mish_backward(g, z),
    "softplus": lambda g, z, a: aten.softplus_backward(g, z, 1.0, 20.0),
    "hardtanh": lambda g, z, a: aten.hardtanh_backward(g, z, -1.0, 1.0),
    "maxout": _maxout_backward,
    "hardswish": lambda g, z, a: aten.hardswish_backward(g, z),
    "hardsigmoid": lambda g, z, a: aten.hardsigmoid_backward(g, z),
}


@dataclass(frozen=True)
class Slope:
    """One activation as the batched program needs it."""

    value: Callable[[Tensor], Tensor]
    backward: Backward


def is_function(name: str | None) -> bool:
    """Whether the activation has no parameters of its own."""
    return name is None or not any(True for _ in ACTIVATIONS[name]().parameters())


def slope_of(name: str | None) -> Slope | None:
    """The activation called `name` in `nets.ACTIVATIONS`; None for no activation at all."""
    if name is None:
        return None
    module = ACTIVATIONS[name]()
    return Slope(module, _KERNELS.get(name) or _by_autograd(module))


def _by_autograd(module: nn.Module) -> Backward:
    def backward(grad: Tensor, z: Tensor, a: Tensor) -> Tensor:
        with torch.enable_grad():
            seen = z.detach().requires_grad_()
            (found,) = torch.autograd.grad(module(seen), seen, grad)
        return found

    return backward
