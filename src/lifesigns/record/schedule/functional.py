"""Which calls of `torch.autograd.grad` train: those whose parameters are updated afterwards.

A gradient may also be looked at only, be penalised, or carry an inner step of meta-learning. Then a
backward pass, or a call that differentiates the gradient, comes before the update, and trains.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from lifesigns.record.attach.backward import GradCall
from lifesigns.record.schedule.cycle_end import ByHand
from lifesigns.record.schedule.loss_log import BY_HAND, LossLog

SEVERAL = 2
"""Plain tensors of one call, as weight and bias."""
ENOUGH = 2
"""Times in a row that all of them were changed in place between two calls."""


class Functional:
    """Tells calls that train from others, as soon as it shows.

    Args:
        losses: The losses; those of the calls are tentative until an update follows.
        by_hand: Looks at a weight for updates.
    """

    def __init__(self, losses: LossLog, by_hand: ByHand) -> None:
        self._losses, self._by_hand = losses, by_hand
        self._differentiable = ""
        self._tensors: list[tuple[weakref.ref[Tensor], int]] = []
        self._updates = 0
        self.follows = False
        """Whether the call that is going on has a row among the losses."""
        self.for_tensors = 0
        """Calls for plain tensors, which may be weights or data."""
        self.left_out = 0
        """Calls for parameters that trained nothing, or of which it cannot be told."""

    def are_weights(self, call: GradCall) -> bool:
        """Whether plain tensors are weights: several, each changed in place since the last call.

        A single tensor may be a picture that is attacked, or a state that is sampled. Nothing else
        may train: beside a network's own steps such tensors are something apart.

        Args:
            call: The call that begins.
        """
        if self._updates >= ENOUGH:
            return len(call.inputs) == len(self._tensors) and not call.creates_graph
        given = [i for i in call.inputs if isinstance(i, Tensor) and i.is_leaf]
        if len(given) < len(call.inputs) or len(given) < SEVERAL or call.creates_graph:
            return False
        known = [(ref(), version) for ref, version in self._tensors]
        same = len(known) == len(given) and all(
            tensor is i and i._version > version
            for (tensor, version), i in zip(known, given, strict=True)
        )
        self._updates = self._updates + 1 if same and not self._losses else 0
        self._tensors = [(weakref.ref(i), i._version) for i in given]
        return self._updates >= ENOUGH

    def before(self, call: GradCall | None) -> int:
        """How many of the newest losses trained nothing.

        Args:
            call: The call that begins; None for a backward pass, or the end of the run.
        """
        losses = self._losses
        if not self._by_hand.keeps_weight():
            self._differentiable = ""
            if losses.tentative:
                losses.close(BY_HAND)
        trained_nothing = losses.tentative if call is None or self._differentiable else 0
        self.left_out += trained_nothing
        return trained_nothing

    def is_plain(self, call: GradCall) -> bool:
        """Whether a call is one of a row that train: of one loss, each followed by its update.

        Args:
            call: The call that begins.
        """
        is_alone = call.weights is None and len(call.outputs) == 1 and not self._losses.tentative
        if not is_alone or call.creates_graph or self._differentiable:
            return False
        return self._by_hand.counts_tell and self._by_hand.looks_at_one_of(call.inputs)

    def passes_over(self, call: GradCall, step: int) -> bool:
        """Whether a call is left out at once: beside a backward pass, or of second order.

        A loss like the one that was differentiated is the outer loss of meta-learning; anything
        else may be a product with the Hessian.

        Args:
            call: The call that begins.
            step: Number of the cycle that is going on.
        """
        beside = self._losses.open(step) > self._losses.tentative
        kind = _kind(call.outputs[0])
        over = beside or self._differentiable not in ("", kind)
        self._differentiable = self._differentiable or (kind if call.creates_graph else "")
        self.left_out += over
        return over

    def unseen(self) -> Iterator[str]:
        """What of the calls was not followed, in sentences."""
        if self.for_tensors and not self._losses:
            yield (
                f"{self.for_tensors} calls of torch.autograd.grad for tensors that are no "
                "nn.Parameter: whether they are weights cannot be told"
            )
        if self.left_out:
            yield (
                f"{self.left_out} calls of torch.autograd.grad: no update of the parameters "
                "followed, or their gradients were differentiated again"
            )

    def look(self, call: GradCall, gradients: Sequence[Tensor | None]) -> None:
        """Notes a weight of the call's, to see whether it is updated.

        Args:
            call: The call that has ended.
            gradients: What it returned.
        """
        if not self._by_hand.looks_at_one_of(call.inputs):
            pairs = zip(call.inputs, gradients, strict=True)
            plain = not call.is_for_parameters
            self._by_hand.choose((p, g) for p, g in pairs if plain or isinstance(p, nn.Parameter))
        self._by_hand.look()


def _kind(output: Tensor) -> str:
    return "" if output.grad_fn is None else output.grad_fn.name()
