"""The members of a population, and which of them can be trained as one program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lifesigns.nets import CNN, MLP, MaxoutMLP, Recipe


@dataclass(frozen=True)
class Member:
    """One network of a population: what is trained, and the seed of weights and sample order."""

    recipe: Recipe
    seed: int = 0


def structure(recipe: Recipe) -> Recipe:
    """The recipe without what may differ between the members of one stack.

    Args:
        recipe: Of one member.

    Returns:
        Equal for recipes that can be trained as one program; initialiser, rate, momentum and weight
        decay may differ.
    """
    network = recipe.network
    if isinstance(network, MLP | MaxoutMLP | CNN):
        network = replace(network, initialiser=None)
    return replace(recipe, network=network, learning_rate=0.0, momentum=0.0, weight_decay=0.0)


def stacks(members: Sequence[Member]) -> list[list[int]]:
    """Positions of the members that share a structure, in the order of their first member.

    Args:
        members: In any order; seeds do not matter.

    Example:
        >>> from lifesigns.lab import Member
        >>> from lifesigns.nets import softmax_regression
        >>> a, b = softmax_regression(64, 10), softmax_regression(4, 3)
        >>> stacks([Member(a, 0), Member(b, 0), Member(a, 1)])
        [[0, 2], [1]]
    """
    groups: dict[Recipe, list[int]] = {}
    for position, member in enumerate(members):
        groups.setdefault(structure(member.recipe), []).append(position)
    return list(groups.values())
