"""Likelihoods of who comes first: each sample beside all those before it in an order.

Cox's partial likelihood is `s - log Σ exp(s)` over all who are still at risk; so is that of a whole
ranking. Cox, 1972, "Regression models and life-tables".
"""

from __future__ import annotations

from lifesigns.record.graph.walk import Walk
from lifesigns.record.loss.sources import GUARDS, source

_TURNED = GUARDS | {"Flip", "Index"}
"""What an order, or the direction of a sum, puts between."""


def risk_sets(walked: Walk) -> dict[str, float]:
    """The mark `risk_sets`, where a loss takes the logarithm of growing sums of exponentials.

    Args:
        walked: The graph of the loss.
    """
    return {"risk_sets": 1.0} if growing_sums(walked) else {}


def growing_sums(walked: Walk) -> list[int]:
    """The nodes that add up exponentials of which logarithms are taken, or do both.

    Args:
        walked: The graph of the loss.
    """
    names = walked.names
    of_torch = [i for i, name in enumerate(names) if name == "Logcumsumexp"]
    if of_torch or "Cumsum" not in names:
        return of_torch
    logs = [i for i, name in enumerate(names) if name == "Log"]
    growing = [at for i in logs if (at := source(walked, i, _TURNED)) is not None]
    return [i for i in growing if names[i] == "Cumsum" and _is_of_exponentials(walked, i)]


def _is_of_exponentials(walked: Walk, i: int) -> bool:
    at = source(walked, i, _TURNED)
    return at is not None and walked.names[at] == "Exp"
