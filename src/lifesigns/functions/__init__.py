"""The catalogue: facts about activations, initialisers and losses, and how to compute them.

Nothing here imports torch. `ACTIVATIONS` is keyed by the word the recorder uses for an operation
(`Site.operation`); `constant_loss` is the loss that a network has to beat to have learned anything.
Activations that torch lacks are modules in `lifesigns.functions.modules`, which does import it.
"""

from lifesigns.functions.activations import ACTIVATIONS, FAMILIES, FLAT_SHARE, Activation
from lifesigns.functions.gains import gain
from lifesigns.functions.initialisers import INITIALISERS, Initialiser
from lifesigns.functions.losses import LOSSES, Loss, constant_loss, lowest_cross_entropy
from lifesigns.functions.names import find

__all__ = [
    "ACTIVATIONS",
    "FAMILIES",
    "FLAT_SHARE",
    "INITIALISERS",
    "LOSSES",
    "Activation",
    "Initialiser",
    "Loss",
    "constant_loss",
    "find",
    "gain",
    "lowest_cross_entropy",
]
