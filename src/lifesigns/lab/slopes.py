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


Value = Callable[[Tensor, Tensor], object]
"""Writes `f(z)` into its second argument."""


def _maxout_backward(grad: Tensor, z: Tensor, a: Tensor) -> Tensor:
    largest = z.view(*a.shape, PIECES) == a.unsqueeze(-1)
    share: Tensor = grad / largest.sum(-1)
    return (largest * share.unsqueeze(-1)).flatten(-2)


_VALUES: dict[str, Value] = {
    "relu": lambda z, out: torch.clamp_min(z, 0, out=out),
    "leaky_relu": lambda z, out: aten.leaky_relu.out(z, 0.01, out=out),
    "tanh": lambda z, out: torch.tanh(z, out=out),
    "sigmoid": lambda z, out: torch.sigmoid(z, out=out),
    "elu": lambda z, out: aten.elu.out(z, out=out),
    "gelu": lambda z, out: aten.gelu.out(z, out=out),
    "silu": lambda z, out: aten.silu.out(z, out=out),
}
"""In place of the module's own value where that would be copied."""

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
    """One activation as the batched program needs it, for values `[K, units, B]`."""

    value: Value
    backward: Backward
    elementwise: bool


def is_function(name: str | None) -> bool:
    """Whether the activation has no parameters of its own."""
    return name is None or not any(True for _ in ACTIVATIONS[name]().parameters())


def slope_of(name: str | None) -> Slope | None:
    """The activation called `name` in `nets.ACTIVATIONS`; None for no activation at all."""
    if name is None:
        return None
    module = ACTIVATIONS[name]()
    backward = _KERNELS.get(name) or _by_autograd(module)
    if not _is_elementwise(module):
        return Slope(_over_units(module), _over_units_backward(backward), False)
    return Slope(_VALUES.get(name) or _copied(module), backward, True)


def _is_elementwise(module: nn.Module) -> bool:
    """Whether values in a row do not look at one another; softmax and maxout do."""
    probe = torch.tensor([0.3, -0.7, 1.1, 0.2])
    found: Tensor = module(probe)
    if found.shape != probe.shape:
        return False
    return bool(torch.equal(found, torch.cat([module(x) for x in torch.split(probe, 1)])))


def _copied(module: nn.Module) -> Value:
    return lambda z, out: out.copy_(module(z))


def _over_units(module: nn.Module) -> Value:
    return lambda z, out: out.copy_(module(z.transpose(1, 2)).transpose(1, 2))


def _over_units_backward(backward: Backward) -> Backward:
    def transposed(grad: Tensor, z: Tensor, a: Tensor) -> Tensor:
        units_last = (tensor.transpose(1, 2) for tensor in (grad, z, a))
        return backward(*units_last).transpose(1, 2)

    return transposed


def _by_autograd(module: nn.Module) -> Backward:
    def backward(grad: Tensor, z: Tensor, a: Tensor) -> Tensor:
        with torch.enable_grad():
            seen = z.detach().requires_grad_()
            (found,) = torch.autograd.grad(module(seen), seen, grad)
        return found

    return backward
