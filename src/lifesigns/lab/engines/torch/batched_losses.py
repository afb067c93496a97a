"""Losses of the batched program: the loss of every member, and its gradient at the output.

All losses are means: over the batch for cross-entropy, over batch and outputs for the others, as in
`nets.LOSSES`. Predictions have shape `[K, O, B]`; targets `[K, B]` (class indices) or `[K, B, O]`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from lifesigns.nets import Recipe

_log_softmax_backward = torch.ops.aten._log_softmax_backward_data.out

Head = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From prediction and target to the losses `[K]` and the gradient at the prediction."""


def cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Softmax cross-entropy; gradient (softmax − one-hot) / B.

    Args:
        logits: Shape `[K, O, B]`.
        labels: Class indices, int64, shape `[K, B]`.

    Returns:
        Losses `[K]`, and their gradient `[K, O, B]`.
    """
    log_p = torch.log_softmax(logits, 1)
    picked = labels.unsqueeze(1)
    losses = -log_p.gather(1, picked).mean((1, 2))
    at_log_p = torch.zeros_like(log_p).scatter_(1, picked, -1 / logits.shape[2])
    return losses, _log_softmax_backward(at_log_p, log_p, 1, log_p.dtype, out=at_log_p)


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Sigmoid cross-entropy; gradient (sigmoid − target) / BO.

    Args:
        logits: Shape `[K, O, B]`.
        targets: Between 0 and 1, shape `[K, B, O]`.

    Returns:
        Losses `[K]`, and their gradient `[K, O, B]`.
    """
    targets = targets.transpose(1, 2)
    losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean((1, 2))
    return losses, (torch.sigmoid(logits) - targets).div_(_size(logits))


def squared_error(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of squares; gradient 2 (output − target) / BO.

    Args:
        outputs: Shape `[K, O, B]`.
        targets: Values, shape `[K, B, O]`.

    Returns:
        Losses `[K]`, and their gradient `[K, O, B]`.
    """
    rest = outputs - targets.transpose(1, 2)
    return rest.square().mean((1, 2)), rest.mul_(2 / _size(outputs))


def absolute_error(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of absolute values; gradient sign(output − target) / BO.

    Args:
        outputs: Shape `[K, O, B]`.
        targets: Values, shape `[K, B, O]`.

    Returns:
        Losses `[K]`, and their gradient `[K, O, B]`.
    """
    rest = outputs - targets.transpose(1, 2)
    return rest.abs().mean((1, 2)), rest.sign_().div_(_size(outputs))


def huber(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Squared error up to a distance of 1, linear beyond; gradient that distance, cut off, / BO.

    Args:
        outputs: Shape `[K, O, B]`.
        targets: Values, shape `[K, B, O]`.

    Returns:
        Losses `[K]`, and their gradient `[K, O, B]`.
    """
    rest = outputs - targets.transpose(1, 2)
    near = rest.clamp(-1, 1)
    losses = (near * (rest - 0.5 * near)).mean((1, 2))
    return losses, near.div_(_size(outputs))


def hinge(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Margin of 1 on the side of the target, 1 or 0; gradient -y / BO within it.

    Args:
        outputs: Shape `[K, O, B]`.
        targets: 0 or 1, shape `[K, B, O]`.

    Returns:
        Losses `[K]`, and their gradient `[K, O, B]`.
    """
    side = 2 * targets.transpose(1, 2) - 1
    short = torch.relu(1 - side * outputs)
    return short.mean((1, 2)), (-side * (short > 0)).div_(_size(outputs))


HEADS: dict[str, Head] = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "squared_error": squared_error,
    "absolute_error": absolute_error,
    "huber": huber,
    "hinge": hinge,
}


def head_of(recipe: Recipe) -> Head:
    """The loss of a recipe, by formula or else by autograd.

    Args:
        recipe: Its loss is a name or a function of the user's.
    """
    known = HEADS.get(recipe.loss) if isinstance(recipe.loss, str) else None
    return known or _by_autograd(recipe.loss_fn)


def _by_autograd(loss_fn: Callable[[Tensor, Tensor], Tensor]) -> Head:
    member_losses = torch.func.vmap(loss_fn)

    def head(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            seen = prediction.detach().requires_grad_()
            losses = member_losses(seen.transpose(1, 2), target)
            (gradient,) = torch.autograd.grad(losses.sum(), seen)
        return losses.detach(), gradient

    return head


def _size(prediction: Tensor) -> int:
    return prediction.shape[1] * prediction.shape[2]
