"""Activations that torch lacks, as modules; the catalogue's `code` says how each is written.

Not imported by `lifesigns.functions`, whose facts need no torch.
"""

from lifesigns.functions.modules.elementwise import (
    Exp,
    ScaledTanh,
    Sine,
    SparsePlus,
    SparseSigmoid,
    SquaredReLU,
    Squareplus,
)
from lifesigns.functions.modules.groups import GEGLU, CReLU, Maxout, ReGLU, Sparsemax, SwiGLU
from lifesigns.functions.modules.learned import Snake, UnitPReLU

__all__ = [
    "GEGLU",
    "CReLU",
    "Exp",
    "Maxout",
    "ReGLU",
    "ScaledTanh",
    "Sine",
    "Snake",
    "SparsePlus",
    "SparseSigmoid",
    "Sparsemax",
    "SquaredReLU",
    "Squareplus",
    "SwiGLU",
    "UnitPReLU",
]
