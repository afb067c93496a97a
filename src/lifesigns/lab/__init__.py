"""The lab: hundreds of small networks trained as one batched program.

A *population* is a list of members, each a recipe and a seed. Recipes of equal structure (same
network but for the initialiser, same loss, optimizer, batch size) are stacked: every parameter
becomes one tensor with a leading *member* dimension, and one program trains all of them, with the
numbers each would get alone. Members differ in learning rate, momentum, weight decay, initialiser
and seed.

Shapes in this package: `K` members, `B` samples in a batch, `I` inputs and `O` outputs of a layer.
"""

from lifesigns.lab.comparison import compare
from lifesigns.lab.training.members import Member, stacks
from lifesigns.lab.training.population import History, train_population

__all__ = ["History", "Member", "compare", "stacks", "train_population"]
