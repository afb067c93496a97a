"""Modules that have the form of a network, and weights of their own: its copies."""

from __future__ import annotations

from torch import nn


def is_like(module: nn.Module, network: nn.Module) -> bool:
    """Whether a module has the form of a network, and none of its parameters.

    Args:
        module: Any.
        network: One that is trained.
    """
    if type(module) is not type(network) or module is network:
        return False
    own, others = list(module.parameters()), list(network.parameters())
    if len(own) != len(others) or any(map(nn.parameter.is_lazy, own + others)):
        return False
    return all(p is not q and p.shape == q.shape for p, q in zip(own, others, strict=True))
