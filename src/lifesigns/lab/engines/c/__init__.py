"""The training of perceptrons as one C program, compiled where it runs.

torch's operations on stacked parameters pay for a call each, and carry every value through memory
between two of them. This program pays once for many steps of all members, and what a member needs
stays in the processor's cache. It knows the activations, losses and optimizers that its sources
list; the rest, and machines without a C compiler, are left to torch.
"""

from lifesigns.lab.engines.c.building import arithmetic
from lifesigns.lab.engines.c.trainer import CompiledTrainer, is_compiled

__all__ = ["CompiledTrainer", "arithmetic", "is_compiled"]
