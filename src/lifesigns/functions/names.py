"""Finds an entry of the catalogue by the names people use for it."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import TypeVar

from lifesigns._errors import UsageError

Entry = TypeVar("Entry")

ALIASES = MappingProxyType(
    {
        "linear": "identity", "none": "identity", "swish": "silu", "hardsilu": "hardswish",
        "sine": "sin", "exponential": "exp", "primer": "squared_relu",
        "logistic": "sigmoid",
        "xavier": "glorot_uniform", "xavieruniform": "glorot_uniform",
        "xaviernormal": "glorot_normal", "glorot": "glorot_uniform", "he": "he_normal",
        "kaiming": "he_normal", "kaimingnormal": "he_normal", "kaiminguniform": "he_uniform",
        "lecun": "lecun_normal", "eye": "identity_recurrent", "irnn": "identity_recurrent",
        "mse": "squared_error", "mseloss": "squared_error", "l2": "squared_error",
        "mae": "absolute_error", "l1": "absolute_error", "l1loss": "absolute_error",
        "smoothl1": "huber", "bce": "binary_cross_entropy", "bceloss": "binary_cross_entropy",
        "bcewithlogits": "binary_cross_entropy_with_logits", "nll": "cross_entropy",
        "bcewithlogitsloss": "binary_cross_entropy_with_logits", "softmaxloss": "cross_entropy",
        "kl": "kl_divergence", "kldiv": "kl_divergence", "kldivloss": "kl_divergence",
    }
)  # fmt: skip
"""Other names, without underscores, hyphens and capitals."""


def find(name: str, entries: Mapping[str, Entry], kind: str) -> Entry:
    """The entry called `name`, in any spelling: `leaky_relu`, `LeakyReLU`, `leaky-relu`, `swish`.

    Args:
        name: What the user typed.
        entries: By their names.
        kind: What they are called in the message: `activation`.

    Raises:
        UsageError: There is none; the message suggests near names.
    """
    if name in entries:
        return entries[name]
    plain = _plain(name)
    by_plain = {_plain(known): known for known in entries}
    for candidate in (plain, _plain(ALIASES.get(plain, "")), plain.removesuffix("loss")):
        if candidate in by_plain:
            return entries[by_plain[candidate]]
    aliases = {alias: to for alias, to in ALIASES.items() if to in entries}
    near = get_close_matches(plain, {**by_plain, **aliases}, n=4, cutoff=0.6)
    names = list(dict.fromkeys({**by_plain, **aliases}[match] for match in near))[:3]
    hint = f"Did you mean {' or '.join(names)}?" if names else "`lifesigns functions` lists them."
    raise UsageError(f"There is no {kind} called {name!r}. {hint}")


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")
