"""What a network answers where its loss is taken without training: labels and answers, counted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lifesigns.record.measure.reduce import Arrays, Pack
from lifesigns.record.readable import is_readable
from lifesigns.records.evaluations import Answers

MOST_CLASSES = 64
"""Of more, nothing is counted: their square is copied to the host."""
MOST_SCORES = 2**20
"""That are looked at, in whole answers from the first."""


class PendingAnswers(NamedTuple):
    """Counts that are not on the host yet."""

    counts: int
    loss: int
    classes: int

    def of(self, arrays: Arrays) -> Answers:
        """The counts, and the mean loss.

        Args:
            arrays: What the pack brought to the host, by slot.
        """
        counts = arrays[self.counts][:-1].astype(np.int64).reshape(self.classes, self.classes)
        total = float(arrays[self.loss][0])
        return Answers(counts, total / max(int(counts.sum()), 1))


def answers(scores: Tensor, labels: Tensor, pack: Pack) -> PendingAnswers | None:
    """Counts the answers to each label.

    Args:
        scores: Logits or log-probabilities, of shape `[samples, classes, ...]`.
        labels: Numbers of classes, of shape `[samples, ...]`; others are left out.
        pack: Where the numbers wait for the copy.

    Returns:
        None where labels are no numbers of classes, or there are too many of these.

    Cost: one softmax of the scores; nothing waits for a device.
    """
    if not (is_readable(scores) and is_readable(labels)) or scores.dim() < 2:
        return None
    if labels.is_floating_point() or labels.shape != (scores.shape[0], *scores.shape[2:]):
        return None
    classes = scores.shape[1]
    if not 1 < classes <= MOST_CLASSES or not labels.numel():
        return None
    most = MOST_SCORES // classes
    rows = scores.detach().movedim(1, -1).reshape(-1, classes)[:most].float()
    right = labels.reshape(-1)[:most].long()
    known = (right >= 0) & (right < classes)
    right = right.clamp(0, classes - 1)
    losses = -rows.log_softmax(1).gather(1, right[:, None])[:, 0]
    cells = torch.where(known, right * classes + rows.argmax(1), classes * classes)
    counts = torch.zeros(classes * classes + 1, device=rows.device)
    counts.scatter_add_(0, cells, torch.ones_like(losses))
    total = torch.where(known, losses, 0.0).sum()
    return PendingAnswers(pack.add(counts), pack.add(total), classes)
