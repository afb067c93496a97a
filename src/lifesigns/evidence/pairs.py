"""Losses of pairs of samples that belong together or do not, in one of two conventions."""

from __future__ import annotations

from lifesigns.records import Remedy

PAIRED = frozenset({"contrast", "hinge_embedding", "cosine_embedding"})
"""Kinds of such losses; their correlation is that of nearness and of belonging together."""
WHICH_LABEL = Remedy(
    "Look which label the loss takes for a pair that belongs together: 0 in one form, 1 in "
    "another; print the distances of some pairs.",
    "print(label[:8], F.pairwise_distance(a, b)[:8])  # which pairs are to be close?",
)
