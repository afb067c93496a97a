"""Activations of the batched program: the value, and the gradient before from that after.

The backward functions are torch's own kernels, the ones its autograd calls; what has none is
differentiated by autograd, elementwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lifesigns.functions import ACTIVATIONS, FLAT_SHARE
from lifesigns.nets.mlp import ACTIVATION_MODULES, PIECES

aten = torch.ops.aten

Backward = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""Gradient with respect to `z` from the one with respect to `a = f(z)`, given `(grad, z, a, out)`.

It may be written to `out`, which has the shape of `z` and may be its memory; it is never `grad`
itself, whose memory is used again."""

Value = Callable[[Tensor, Tensor], object]
"""Writes `f(z)` into its second argument."""


def _maxout_backward(grad: Tensor, z: Tensor, a: Tensor, out: Tensor) -> Tensor:
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

_relu = aten.threshold_backward.grad_input
_leaky_relu = aten.leaky_relu_backward.grad_input
_tanh = aten.tanh_backward.grad_input
_sigmoid = aten.sigmoid_backward.grad_input
_elu = aten.elu_backward.grad_input
_gelu = aten.gelu_backward.grad_input
_silu = aten.silu_backward.grad_input
_softplus = aten.softplus_backward.grad_input
_hardtanh = aten.hardtanh_backward.grad_input
_hardsigmoid = aten.hardsigmoid_backward.grad_input

_KERNELS: dict[str, Backward] = {
    "identity": lambda g, z, a, out: out.copy_(g),
    "relu": lambda g, z, a, out: _relu(g, z, 0, grad_input=out),
    "leaky_relu": lambda g, z, a, out: _leaky_relu(g, z, 0.01, False, grad_input=out),
    "tanh": lambda g, z, a, out: _tanh(g, a, grad_input=out),
    "sigmoid": lambda g, z, a, out: _sigmoid(g, a, grad_input=out),
    "softmax": lambda g, z, a, out: aten._softmax_backward_data(g, a, -1, z.dtype),
    "elu": lambda g, z, a, out: _elu(g, 1.0, 1.0, 1.0, False, z, grad_input=out),
    "gelu": lambda g, z, a, out: _gelu(g, z, grad_input=out),
    "silu": lambda g, z, a, out: _silu(g, z, grad_input=out),
    "mish": lambda g, z, a, out: aten.mish_backward(g, z),
    "softplus": lambda g, z, a, out: _softplus(g, z, 1.0, 20.0, grad_input=out),
    "hardtanh": lambda g, z, a, out: _hardtanh(g, z, -1.0, 1.0, grad_input=out),
    "maxout": _maxout_backward,
    "hardswish": lambda g, z, a, out: aten.hardswish_backward(g, z),
    "hardsigmoid": lambda g, z, a, out: _hardsigmoid(g, z, grad_input=out),
}
"""Into memory that is kept: from some size on a new tensor is fresh from the system in every step,
and its page faults take longer than the arithmetic."""


@dataclass(frozen=True)
class Slope:
    """One activation as the batched program needs it, for values `[K, units, B]`."""

    value: Value
    backward: Backward
    elementwise: bool


def is_function(name: str | None) -> bool:
    """Whether the activation has no parameters of its own.

    Args:
        name: A key of `ACTIVATION_MODULES`, or None for no activation.
    """
    return name is None or not any(True for _ in ACTIVATION_MODULES[name]().parameters())


def flat_below(name: str | None) -> float:
    """|σ′| below which a unit is saturated; where the steepest is unknown it is taken for 1.

    Args:
        name: A key of `ACTIVATIONS`; None and other names count as unknown.
    """
    flat = ACTIVATIONS[name].flat_slope if name and name in ACTIVATIONS else math.inf
    return flat if math.isfinite(flat) else FLAT_SHARE


def slope_of(name: str | None) -> Slope | None:
    """The activation called `name` in `ACTIVATION_MODULES`; None for no activation at all.

    Args:
        name: A key of `ACTIVATION_MODULES`; None for no activation.
    """
    if name is None:
        return None
    module = ACTIVATION_MODULES[name]()
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
    def transposed(grad: Tensor, z: Tensor, a: Tensor, out: Tensor) -> Tensor:
        units_last = (tensor.transpose(1, 2) for tensor in (grad, z, a, out))
        return backward(*units_last).transpose(1, 2)

    return transposed


def _by_autograd(module: nn.Module) -> Backward:
    def backward(grad: Tensor, z: Tensor, a: Tensor, out: Tensor) -> Tensor:
        with torch.enable_grad():
            seen = z.detach().requires_grad_()
            (found,) = torch.autograd.grad(module(seen), seen, grad)
        return out.copy_(found)

    return backward
