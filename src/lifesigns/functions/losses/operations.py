"""torch's own losses: what each takes from a network, and the lowest value it can have.

A loss that is given something else is no such loss any more, and its value may tell: a divergence
or a negative log-likelihood of a class is never below 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Takes(str, Enum):
    """What a loss has to be given."""

    VALUES = "values"
    LOGITS = "logits"
    SCORES = "scores"
    PROBABILITIES = "probabilities"
    LOG_PROBABILITIES = "log-probabilities"
    RATES = "positive rates"
    LOG_RATES = "logarithms of rates"
    EMBEDDINGS = "embeddings"
    DISTANCES = "distances"


@dataclass(frozen=True)
class Operation:
    """A loss of `torch.nn.functional`."""

    kind: str
    """The word of `LossReading.kind`."""
    takes: Takes
    lowest: float = 0.0
    """What no input of the right kind can get below; -inf for densities, which have no limit."""


_ANY = float("-inf")

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "mse_loss": Operation("squared_error", Takes.VALUES),
        "l1_loss": Operation("absolute_error", Takes.VALUES),
        "huber_loss": Operation("huber", Takes.VALUES),
        "smooth_l1_loss": Operation("huber", Takes.VALUES),
        "nll_loss": Operation("cross_entropy", Takes.LOG_PROBABILITIES),
        "cross_entropy": Operation("cross_entropy", Takes.LOGITS),
        "binary_cross_entropy": Operation("binary_cross_entropy", Takes.PROBABILITIES),
        "binary_cross_entropy_with_logits": Operation("binary_cross_entropy", Takes.LOGITS),
        "multilabel_soft_margin_loss": Operation("binary_cross_entropy", Takes.LOGITS),
        "kl_div": Operation("kl_divergence", Takes.LOG_PROBABILITIES),
        "ctc_loss": Operation("ctc", Takes.LOG_PROBABILITIES),
        "poisson_nll_loss": Operation("poisson", Takes.LOG_RATES, _ANY),
        "poisson_nll_loss of rates": Operation("poisson", Takes.RATES, _ANY),
        "gaussian_nll_loss": Operation("gaussian", Takes.VALUES, _ANY),
        "soft_margin_loss": Operation("soft_margin", Takes.SCORES),
        "multi_margin_loss": Operation("multi_margin", Takes.SCORES),
        "multilabel_margin_loss": Operation("multilabel_margin", Takes.SCORES),
        "hinge_embedding_loss": Operation("hinge_embedding", Takes.DISTANCES),
        "margin_ranking_loss": Operation("margin_ranking", Takes.SCORES),
        "cosine_embedding_loss": Operation("cosine_embedding", Takes.EMBEDDINGS),
        "triplet_margin_loss": Operation("triplet", Takes.EMBEDDINGS),
    }
)
"""torch's losses by the operation of `LossReading`."""
