"""The catalogue: facts about activations and losses, and how to compute them, without torch.

`ACTIVATIONS` is keyed by the word the recorder uses for an operation (`Site.operation`);
`constant_loss` is the loss that a network has to beat to have learned anything.
"""

from lifesigns.functions.activations import ACTIVATIONS, FAMILIES, Activation
from lifesigns.functions.losses import constant_loss, lowest_cross_entropy

__all__ = ["ACTIVATIONS", "FAMILIES", "Activation", "constant_loss", "lowest_cross_entropy"]
