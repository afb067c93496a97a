"""Which positions of a sequence its outputs depend on, where each is to predict a token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lifesigns.record.graph.sent_back import all_finite, gradient_at, send_back
from lifesigns.record.graph.walk import Walk, saved
from lifesigns.records import Mixing, Shape

TOKENS = "Embedding"
"""The node that looks tokens up."""


@dataclass(frozen=True)
class Sequence:
    """Tokens of which each is the target of the output before it, or of that at its own place."""

    embeddings: list[int]
    """Nodes that look the tokens up."""
    own: bool
    """Whether the targets are the tokens at the same position."""
    sample: int
    position: int
    """The one in the middle, whose output is compared with a target."""
    asked: Tensor
    """Which positions' outputs are sent back. For next tokens all up to `position` that are
    compared with a target (a prefix that is not may see all of itself); for own tokens, where more
    would not tell what is whose, `position` alone."""


def predicted_tokens(walked: Walk, start: int) -> Sequence | None:
    """The sequence that the network is given and whose tokens, or next ones, are its targets.

    Args:
        walked: The graph.
        start: Index of the node that made the output, of (sample, position, token).
    """
    output = walked.shape(start)
    targets = [
        saved(node, "target")
        for name, node in zip(walked.names, walked.nodes, strict=True)
        if name in ("NllLoss", "NllLoss2D")
    ]
    if len(output) != 3 or len(targets) != 1 or targets[0] is None:
        return None
    looked_up = dict(_looked_up(walked, output))
    for own in (False, True):
        found = [i for i, tokens in looked_up.items() if _are_targets(targets[0], tokens, own=own)]
        wanted = targets[0].reshape(output[0], -1) if found else None
        if wanted is not None and bool((wanted[output[0] // 2, output[1] // 2] >= 0).item()):
            asked = _asked(wanted[output[0] // 2], output[1], own=own)
            return Sequence(found, own, output[0] // 2, output[1] // 2, asked)
    return None


def _asked(wanted: Tensor, length: int, *, own: bool) -> Tensor:
    """Which of the positions of one sequence are asked, by its targets."""
    position = length // 2
    first = position if own else 0
    asked = torch.zeros(length, dtype=torch.bool, device=wanted.device)
    asked[first : position + 1] = wanted[first : position + 1] >= 0
    return asked


def _looked_up(walked: Walk, output: Shape) -> Iterator[tuple[int, Tensor]]:
    """Tokens of a sequence as long as the output, and the node that looks them up."""
    for index, (name, node) in enumerate(zip(walked.names, walked.nodes, strict=True)):
        tokens = saved(node, "indices") if name == TOKENS else None
        if tokens is not None and tuple(tokens.shape) == output[:2] and tokens.shape[1] > 3:
            yield index, tokens


def _are_targets(target: Tensor, tokens: Tensor, *, own: bool) -> bool:
    """Whether every target that counts is the token at its position, or the one behind it."""
    batch, length = tokens.shape
    lengths = (length,) if own else (length, length - 1)
    if target.numel() not in [batch * n for n in lengths]:
        return False
    wanted = target.reshape(batch, -1)[:, : length - (not own)]
    given = tokens if own else tokens[:, 1:]
    counts = wanted >= 0
    varied = (tokens[:, 1:] != tokens[:, :-1]).any()
    return bool((varied & counts.any() & ((wanted == given) | ~counts).all()).item())


def asked_of_positions(walked: Walk, start: int, sequence: Sequence, reading: Mixing) -> Mixing:
    """Which positions the outputs asked depend on, at each embedding of the tokens.

    Args:
        walked: The graph.
        start: Index of the node that made the output.
        sequence: What is asked.
        reading: What is known of the samples already.
    """
    seen: list[Tensor] = []

    def visit(index: int, gradient: Tensor) -> None:
        if index in sequence.embeddings:
            depends = (gradient[sequence.sample] != 0).flatten(1).any(1).long()
            before, here, later = depends.tensor_split([sequence.position, sequence.position + 1])
            seen.append(torch.stack([before.sum(), here.sum(), later.sum(), all_finite(gradient)]))

    gradient = gradient_at(walked, start, {0: sequence.sample})
    gradient[:, ~sequence.asked] = 0
    send_back(walked, start, gradient, visit)
    counts = torch.stack(seen).tolist() if seen else []
    if not counts or not all(sum(places) and finite for *places, finite in counts):
        return reading
    later = walked.shape(start)[1] - sequence.position - 1
    ahead = min(places[2] for places in counts)
    if not sequence.own:
        return replace(reading, later=later, ahead=ahead)
    told = all(before and here for before, here, *_ in counts) and not ahead
    return replace(reading, told=later if told else 0)
